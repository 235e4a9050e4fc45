"""One HTTP request to an address that somebody else chose.

Owns the guard: the name is resolved once, every address is checked, and the connection goes to exactly the address that
was checked, so that a name cannot change its meaning in between (DNS rebinding). The server still proves by its
certificate that it is the name. Refuses redirects, proxies of the environment, other schemes than http and https, ports
of other services, and answers that are long or never end. Refuses to log.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, LocationParseError, NewConnectionError
from urllib3.response import BaseHTTPResponse
from urllib3.util import parse_url

from moderation.core.addresses import Network, check_address
from moderation.core.errors import WebhookRefused, WinnowError

TOTAL_SECONDS = 15.0  # From the look-up of the name to the status line; Standard Webhooks asks for 15 to 30.
CONNECT_SECONDS = 5.0  # For one address; TCP and TLS each.
BODY_SECONDS = 2.0  # The status decides; the body is read for politeness.
BODY_LIMIT_BYTES = 64 * 1024
MAX_ADDRESSES = 4  # Of one name; the next is tried when one cannot be connected to.
DEFAULT_PORTS = {"http": 80, "https": 443}
# Below 1024 only the web's own ports: a signed POST must not be able to talk to mail, remote shells or name servers.
FIRST_FREE_PORT = 1024
USER_AGENT = "Winnow-Webhooks/1"

Resolver = Callable[[str, int], Sequence[str]]


class Trouble(StrEnum):
    """Why no answer came."""

    LOOKUP = "lookup"
    CONNECT = "connect"
    TIMEOUT = "timeout"
    TLS = "tls"
    PROTOCOL = "protocol"


_SENTENCES = {
    Trouble.LOOKUP: "The host's name could not be looked up.",
    Trouble.CONNECT: "The host did not accept the connection.",
    Trouble.TIMEOUT: "The host did not answer in time.",
    Trouble.TLS: "The host's certificate was not accepted.",
    Trouble.PROTOCOL: "The host broke the connection off, or did not speak HTTP.",
}


class NoAnswer(WinnowError):
    """An endpoint gave no answer; ``trouble`` says why."""

    code = "webhook-no-answer"

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(_SENTENCES[trouble])
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL points.

    Attributes:
        host: Name in ASCII, or IP address without brackets.
        path: Path and query, percent-encoded.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        """Return the value of ``Host``: RFC 9110, 7.2."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint said.

    Attributes:
        retry_after: The header as it came, or None.
        body: At most 64 KiB; what could not be read in time is missing.
        seconds: From the look-up to the status line.
    """

    status: int
    retry_after: str | None
    body: bytes
    seconds: float

    @property
    def is_success(self) -> bool:
        """Return whether the endpoint took the message: 2xx and nothing else."""
        return 200 <= self.status < 300


def parse_target(url: str) -> Target:
    """Return where a webhook's URL points.

    Raises:
        WebhookRefused: If it is not an http or https URL without credentials, or names a port of another service.
    """
    try:
        parts = parse_url(url)
    except LocationParseError:
        raise WebhookRefused("The webhook's URL is not valid.") from None
    if parts.scheme not in DEFAULT_PORTS or not parts.host:
        raise WebhookRefused("A webhook's URL starts with https:// or http:// and names a host.")
    if parts.auth:
        raise WebhookRefused("A webhook's URL must not hold a user name or password; its messages are signed.")
    port = DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    if port not in DEFAULT_PORTS.values() and port < FIRST_FREE_PORT:
        raise WebhookRefused(f"Port {port} is not called: a webhook's port is 80, 443 or at least {FIRST_FREE_PORT}.")
    return Target(parts.scheme, parts.host.strip("[]"), port, parts.request_uri)


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a name, in the system's order.

    Raises:
        OSError: If it has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Transport:
    """Sends requests; safe for threads."""

    def __init__(
        self,
        *,
        allow: Sequence[Network] = (),
        resolver: Resolver = resolve,
        tls: ssl.SSLContext | None = None,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        """Prepare; nothing is loaded or sent.

        Args:
            allow: Networks the operator opened.
            resolver: Gives the addresses of a name.
            tls: Replaces the system's trusted authorities.
            total_seconds: Until the status line.
        """
        self._allow = tuple(allow)
        self._resolve = resolver
        self._given_tls = tls
        self._total_seconds = total_seconds

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or ssl.create_default_context()

    def post(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send one POST and return the answer, whatever its status; redirects are answers like any other.

        Raises:
            WebhookRefused: If the URL, or every address of its name, is one we do not call.
            NoAnswer: If no status line came within the time.
        """
        started = time.monotonic()
        deadline = started + self._total_seconds
        target = parse_target(url)
        connection = self._connected(target, self._addresses(target), deadline)
        sock = connection.sock  # The connection lets go of it when it sees "Connection: close" in the answer.
        with closing(connection), closing(_sent(connection, target, body, headers, deadline)) as response:
            seconds = time.monotonic() - started
            text = _read_body(response, sock)
        return Answer(response.status, response.headers.get("Retry-After"), text, seconds)

    def _addresses(self, target: Target) -> list[str]:
        """Return those addresses of the name that may be called."""
        try:
            found = self._resolve(target.host, target.port)
        except (OSError, UnicodeError):
            raise NoAnswer(Trouble.LOOKUP) from None
        fine: list[str] = []
        refused = WebhookRefused("The webhook's host has no address.")
        for text in found:
            try:
                fine.append(str(check_address(text, allow=self._allow)))
            except WebhookRefused as error:
                refused = error
        if not fine:
            raise refused
        return fine[:MAX_ADDRESSES]

    def _connected(self, target: Target, addresses: Sequence[str], deadline: float) -> HTTPConnection:
        trouble = NoAnswer(Trouble.TIMEOUT)
        for address in addresses:
            left = deadline - time.monotonic()
            if left <= 0:
                raise NoAnswer(Trouble.TIMEOUT)
            connection = self._connection(target, address, min(CONNECT_SECONDS, left))
            try:
                connection.connect()
            except (OSError, HTTPError) as error:
                connection.close()
                trouble = NoAnswer(_trouble_of(error))
                continue
            return connection
        raise trouble

    def _connection(self, target: Target, address: str, seconds: float) -> HTTPConnection:
        if target.scheme == "http":
            return HTTPConnection(address, target.port, timeout=seconds)
        return HTTPSConnection(
            address, target.port, timeout=seconds, ssl_context=self._tls, server_hostname=target.host
        )


def _trouble_of(error: Exception) -> Trouble:
    if isinstance(error, ssl.SSLError):
        return Trouble.TLS
    if isinstance(error, NewConnectionError):  # A kind of ConnectTimeoutError, by inheritance only.
        return Trouble.CONNECT
    return Trouble.TIMEOUT if isinstance(error, (TimeoutError, ConnectTimeoutError)) else Trouble.CONNECT


def _sent(
    connection: HTTPConnection, target: Target, body: bytes, headers: Mapping[str, str], deadline: float
) -> BaseHTTPResponse:
    """Send the request and return the response, of which nothing but the head was read."""
    left = deadline - time.monotonic()
    connection.timeout = max(0.001, left)
    sent = {"Host": target.host_header, "User-Agent": USER_AGENT, "Connection": "close", **headers}
    with _cut_after(connection.sock, left) as is_cut:
        try:
            connection.request("POST", target.path, body=body, headers=sent, preload_content=False)
            return connection.getresponse()
        except (OSError, HTTPError, http.client.HTTPException) as error:
            is_late = is_cut.is_set() or isinstance(error, TimeoutError)
            raise NoAnswer(Trouble.TIMEOUT if is_late else Trouble.PROTOCOL) from None


def _read_body(response: BaseHTTPResponse, sock: socket.socket | None) -> bytes:
    """Return the beginning of the body, as far as it came in time; it never turns a success into a failure."""
    with _cut_after(sock, BODY_SECONDS), suppress(OSError, HTTPError, http.client.HTTPException):
        return response.read(BODY_LIMIT_BYTES, decode_content=False)
    return b""


@contextmanager
def _cut_after(sock: socket.socket | None, seconds: float) -> Iterator[threading.Event]:
    """Break a connection off when its time is up, however many bytes trickle in meanwhile."""
    is_cut = threading.Event()

    def cut() -> None:
        is_cut.set()
        if sock is not None:
            with suppress(OSError):
                # Not SSLSocket.shutdown, which takes the TLS state from under the thread that reads.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, seconds), cut)
    timer.daemon = True
    timer.start()
    try:
        yield is_cut
    finally:
        timer.cancel()
