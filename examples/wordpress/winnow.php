<?php
/**
 * Plugin Name: Winnow in Akismet's place
 * Description: Sends what the Akismet plugin would send to rest.akismet.com to your own Winnow instead.
 *
 * Put this file into wp-content/mu-plugins/ and, into wp-config.php:
 *
 *     define( 'WINNOW_URL', 'https://winnow.example' );
 *     define( 'WPCOM_API_KEY', 'the key that winnow site add has shown' );
 *
 * The Akismet plugin itself stays as it is, and stays active.
 */

defined( 'ABSPATH' ) || exit;

const WINNOW_REPLACED_HOST = 'rest.akismet.com';

/** Answer the plugin's requests to Akismet from Winnow; leave all others alone. */
function winnow_instead_of_akismet( $answer, $arguments, $url ) {
	$parts = wp_parse_url( $url );
	$host  = isset( $parts['host'] ) ? strtolower( $parts['host'] ) : '';
	$ours  = WINNOW_REPLACED_HOST === $host || str_ends_with( $host, '.' . WINNOW_REPLACED_HOST );
	if ( ! $ours || ! defined( 'WINNOW_URL' ) ) {
		return $answer;
	}
	// The plugin names Akismet's host in a header of its own, which would be wrong for ours.
	unset( $arguments['headers']['Host'], $arguments['headers']['host'] );
	$query  = isset( $parts['query'] ) ? '?' . $parts['query'] : '';
	$path   = isset( $parts['path'] ) ? $parts['path'] : '/';
	$target = untrailingslashit( WINNOW_URL ) . $path . $query;

	return wp_remote_request( $target, $arguments );
}
add_filter( 'pre_http_request', 'winnow_instead_of_akismet', 10, 3 );
