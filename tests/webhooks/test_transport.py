"""The one place that opens connections to addresses other people chose."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from pathlib import Path

import pytest

from moderation.core.errors import WebhookRefused
from moderation.webhooks.transport import Answer, NoAnswer, Target, Transport, Trouble, parse_target
from tests.conftest import require
from tests.receiver import Receiver, Reply, raw_server

LOOPBACK = [ip_network("127.0.0.0/8")]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def transport(*, total_seconds: float = 3.0, addresses: Sequence[str] = ("127.0.0.1",), **options: object) -> Transport:
    return Transport(allow=LOOPBACK, resolver=lambda *_: addresses, total_seconds=total_seconds, **options)  # type: ignore[arg-type]


def post(url: str, **options: object) -> Answer:
    return transport(**options).post(url, body=b'{"a":1}', headers={"webhook-id": "msg_1"})  # type: ignore[arg-type]


def test_request_arrives_as_it_was_meant(receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(200, {"Retry-After": "9"}, b"thanks")

    answer = post(f"http://hooks.example:{receiver.port}/a/b?c=%20d&é=1#part")

    (request,) = receiver.requests
    assert (answer.status, answer.body, answer.retry_after, answer.is_success) == (200, b"thanks", "9", True)
    assert request.path == "/a/b?c=%20d&%C3%A9=1"
    assert request.body == b'{"a":1}'
    assert request.headers["Host"] == f"hooks.example:{receiver.port}"
    assert request.headers["webhook-id"] == "msg_1"
    assert request.headers["User-Agent"].startswith("Winnow")
    assert 0 < answer.seconds < 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    with Receiver() as elsewhere:
        receiver.answer = lambda _: Reply(status, {"Location": elsewhere.url})

        answer = post(receiver.url)

        assert (answer.status, answer.is_success) == (status, False)
        assert elsewhere.requests == []


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_success(receiver: Receiver, status: int) -> None:
    receiver.answer = lambda _: Reply(status)

    assert post(receiver.url).is_success


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "224.0.0.1"]
)
def test_private_address_is_refused_without_a_connection(receiver: Receiver, address: str) -> None:
    guarded = Transport(resolver=lambda *_: [address])

    with pytest.raises(WebhookRefused):
        guarded.post(f"http://innocent.example:{receiver.port}/", body=b"", headers={})

    assert receiver.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f.1", "2130706433", "017700000001", "localhost", "[::1]", "127.1"])
def test_no_spelling_of_loopback_gets_through_the_systems_resolver(receiver: Receiver, host: str) -> None:
    with pytest.raises((WebhookRefused, NoAnswer)):
        Transport().post(f"http://{host}:{receiver.port}/", body=b"", headers={})

    assert receiver.requests == []


def test_name_that_changes_its_meaning_reaches_only_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.2"]]
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    real = socket.getaddrinfo
    monkeypatch.setattr(
        "socket.getaddrinfo",
        lambda host, *rest, **more: real("127.0.0.2" if host == "rebind.example" else host, *rest, **more),
    )
    with Receiver() as outside, Receiver(host="127.0.0.2") as inside:
        guarded = Transport(allow=[ip_network("127.0.0.1/32")], resolver=rebinding)

        answer = guarded.post(f"http://rebind.example:{outside.port}/", body=b"", headers={})

        assert (answer.status, asked) == (204, ["rebind.example"])
        with pytest.raises(WebhookRefused):
            guarded.post(f"http://rebind.example:{inside.port}/", body=b"", headers={})
        assert (len(outside.requests), len(inside.requests)) == (1, 0)


def test_only_the_allowed_addresses_of_a_name_are_called(receiver: Receiver) -> None:
    assert post(receiver.url.replace("127.0.0.1", "a.example"), addresses=["10.0.0.1", "127.0.0.1"]).is_success


def test_next_address_is_tried_when_one_refuses(receiver: Receiver) -> None:
    answer = post(receiver.url.replace("127.0.0.1", "a.example"), addresses=["127.0.0.9", "127.0.0.1"])

    assert answer.is_success


def test_proxy_of_the_environment_is_ignored(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        assert post(receiver.url).is_success
        assert proxy.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "gopher://hooks.example/",
        "//hooks.example/",
        "hooks.example/hook",
        "http:///hook",
        "https://",
        "",
        "https://user:word@hooks.example/",
        "https://hooks.example:22/",
        "https://hooks.example:25/",
        "https://hooks.example:0/",
        "https://hooks.example:99999/",
        "http://hooks.example:port/",
        "http://[::1/",
        "http://a b/",
        "http://a\r\nHost: b/",
    ],
)
def test_url_is_refused(url: str) -> None:
    with pytest.raises(WebhookRefused):
        parse_target(url)


@pytest.mark.parametrize(
    "url, target, header",
    [
        ("https://Hooks.Example/x", Target("https", "hooks.example", 443, "/x"), "hooks.example"),
        ("http://hooks.example", Target("http", "hooks.example", 80, "/"), "hooks.example"),
        ("http://hooks.example:443/", Target("http", "hooks.example", 443, "/"), "hooks.example:443"),
        ("https://hooks.example:8443/?a", Target("https", "hooks.example", 8443, "/?a"), "hooks.example:8443"),
        ("https://[2001:db8::1]/", Target("https", "2001:db8::1", 443, "/"), "[2001:db8::1]"),
        ("https://bücher.example/", Target("https", "xn--bcher-kva.example", 443, "/"), "xn--bcher-kva.example"),
    ],
)
def test_url_is_read(url: str, target: Target, header: str) -> None:
    assert parse_target(url) == target
    assert parse_target(url).host_header == header


def trouble_of(port: int, **options: object) -> tuple[Trouble, float]:
    started = time.monotonic()
    with pytest.raises(NoAnswer) as caught:
        post(f"http://127.0.0.1:{port}/", **options)
    return caught.value.trouble, time.monotonic() - started


def drip(connection: socket.socket, data: bytes, *, every: float = 0.05) -> None:
    for index in range(len(data)):
        connection.sendall(data[index : index + 1])
        time.sleep(every)


def test_server_that_says_nothing_is_left_after_the_total_time() -> None:
    with raw_server(lambda _: time.sleep(5)) as port:
        trouble, seconds = trouble_of(port, total_seconds=0.4)

    assert trouble is Trouble.TIMEOUT
    assert 0.3 < seconds < 1.5


def test_head_that_trickles_in_is_cut_off_at_the_total_time() -> None:
    with raw_server(lambda connection: drip(connection, b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 100)) as port:
        trouble, seconds = trouble_of(port, total_seconds=0.5)

    assert trouble is Trouble.TIMEOUT
    assert seconds < 1.5


def test_endless_interim_answers_are_cut_off() -> None:
    def act(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
            time.sleep(0.01)

    with raw_server(act) as port:
        trouble, seconds = trouble_of(port, total_seconds=0.5)

    assert trouble in {Trouble.TIMEOUT, Trouble.PROTOCOL}
    assert seconds < 1.5


@pytest.mark.parametrize(
    "said", [b"", b"\x00\xff\xfe", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000]
)
def test_what_is_not_http_is_a_protocol_error(said: bytes) -> None:
    with raw_server(lambda connection: connection.sendall(said)) as port:
        assert trouble_of(port)[0] is Trouble.PROTOCOL


def test_closed_port_is_a_connection_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    assert trouble_of(port)[0] is Trouble.CONNECT


def test_unknown_name_is_a_lookup_error() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(NoAnswer) as caught:
        Transport(resolver=unknown).post("https://nowhere.invalid/", body=b"", headers={})

    assert caught.value.trouble is Trouble.LOOKUP


def test_endless_body_is_read_to_64_kib_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = [0]

    def act(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sent[0] += connection.send(b"x" * 4096)

    with raw_server(act) as port:
        answer = post(f"http://127.0.0.1:{port}/")

    assert answer.is_success
    assert len(answer.body) == 65_536
    assert sent[0] < 20 << 20


def test_compressed_body_is_not_unpacked(receiver: Receiver) -> None:
    import gzip

    bomb = gzip.compress(b"\0" * (10 << 20))
    receiver.answer = lambda _: Reply(200, {"Content-Encoding": "gzip"}, bomb)

    assert post(receiver.url).body == bomb


def test_body_that_trickles_in_does_not_undo_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moderation.webhooks.transport.BODY_SECONDS", 0.3)

    def act(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000\r\n\r\n")
        drip(connection, b"x" * 1000)

    with raw_server(act) as port:
        started = time.monotonic()
        answer = post(f"http://127.0.0.1:{port}/")

    assert answer.is_success
    assert time.monotonic() - started < 2.0


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of hooks.example, with its key in the same file."""
    require(shutil.which("openssl"), "the openssl command is not installed")
    path = tmp_path_factory.mktemp("tls") / "hooks.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=hooks.example", "-addext", "subjectAltName=DNS:hooks.example",
         "-keyout", str(path), "-out", str(path.with_suffix(".crt"))],
        check=True,
        capture_output=True,
    )  # fmt: skip
    path.write_text(path.read_text() + path.with_suffix(".crt").read_text())
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[Receiver]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)
    with Receiver(tls=context) as running:
        running.names = names  # type: ignore[attr-defined]
        yield running


def test_certificate_is_checked_against_the_name_not_the_address(secure: Receiver, certificate: Path) -> None:
    trusted = ssl.create_default_context(cafile=certificate)

    answer = post(f"https://hooks.example:{secure.port}/x", tls=trusted)

    assert answer.is_success
    assert secure.names == ["hooks.example"]  # type: ignore[attr-defined]
    assert secure.requests[0].headers["Host"] == f"hooks.example:{secure.port}"


def test_certificate_of_another_name_is_refused(secure: Receiver, certificate: Path) -> None:
    trusted = ssl.create_default_context(cafile=certificate)

    with pytest.raises(NoAnswer) as caught:
        post(f"https://other.example:{secure.port}/", tls=trusted)

    assert caught.value.trouble is Trouble.TLS
    assert secure.requests == []


def test_unknown_authority_is_refused(secure: Receiver) -> None:
    with pytest.raises(NoAnswer) as caught:
        post(f"https://hooks.example:{secure.port}/")

    assert caught.value.trouble is Trouble.TLS
    assert secure.requests == []


@pytest.mark.alone
def test_tls_server_that_trickles_is_cut_off(certificate: Path) -> None:
    with raw_server(lambda connection: drip(connection, b"\x16\x03\x03\x40\x00" + b"\x02" * 500)) as port:
        started = time.monotonic()
        with pytest.raises(NoAnswer):
            post(f"https://hooks.example:{port}/", total_seconds=0.5)

    assert time.monotonic() - started < 2.0
