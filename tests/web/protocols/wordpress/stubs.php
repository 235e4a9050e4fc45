<?php
/**
 * What the mu-plugin needs of WordPress, and nothing more: `php stubs.php PLUGIN WINNOW_URL URL FORM`.
 *
 * Sends one request through the plugin's filter as WordPress does, and prints as JSON what came back and where it went.
 */

error_reporting( E_ALL );
set_error_handler( function ( $level, $message ) { throw new ErrorException( $message ); } );
define( 'ABSPATH', __DIR__ );
list( , $plugin, $winnow, $url, $form ) = $argv;
if ( '' !== $winnow ) {
	define( 'WINNOW_URL', $winnow );
}
$filters = array();
$sent    = null;

function add_filter( $name, $function, $priority, $arguments ) {
	$GLOBALS['filters'][ $name ] = array( $function, $arguments );
}

function wp_parse_url( $url ) {
	return parse_url( $url );
}

function untrailingslashit( $text ) {
	return rtrim( $text, '/\\' );
}

function wp_remote_request( $url, $arguments ) {
	$lines = array();
	foreach ( $arguments['headers'] as $name => $value ) {
		$lines[] = "$name: $value";
	}
	$options = array( 'method' => $arguments['method'], 'header' => $lines, 'content' => $arguments['body'], 'ignore_errors' => true );
	$body    = file_get_contents( $url, false, stream_context_create( array( 'http' => $options ) ) );

	$GLOBALS['sent'] = array( 'url' => $url, 'headers' => $arguments['headers'] );
	return array( 'body' => $body, 'headers' => $http_response_header );
}

require $plugin;

list( $function ) = $filters['pre_http_request'];
$headers          = array( 'Host' => 'rest.akismet.com', 'Content-Type' => 'application/x-www-form-urlencoded' );
$arguments        = array( 'method' => 'POST', 'headers' => $headers, 'body' => $form );
$answer           = $function( false, $arguments, $url );
echo json_encode( array( 'answer' => $answer, 'sent' => $sent ) );
