"""Malformed and hostile requests: no 5xx, no hang, nothing told, in answers and log.

``WINNOW_HOSTILE_REQUESTS`` says how many of the table's requests are tried; docs/security.md has the figure of a long
run. Requests made from the schema are in ``tests/web/test_openapi.py``.
"""

from __future__ import annotations

import http.client
import os
import socket
import sys
import time
from pathlib import Path

import pytest
from flask import Flask

from moderation.service.services import Services
from tests.processes import serving, slowdown
from tests.security.hostility import OWN_ADDRESS, Count, leaks_in, send_all
from tests.security.table import Hostile, hostile_requests
from tests.web.conftest import Api

TRIED = int(os.environ.get("WINNOW_HOSTILE_REQUESTS", "3000"))
RAW = (
    b"GET / HTTP/9.9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
    b"POST /v1/comments HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /v1/comments HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
    b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /livez HTTP/1.1\r\n" + b"A: b\r\n" * 300 + b"\r\n",
    b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /\x00\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x00" * 5_000,
)


@pytest.mark.alone
def test_nothing_breaks_hangs_or_tells(
    app: Flask, key: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moderation.service.guesses.WRONG_KEYS", 1_000_000)  # A 429 would hide what comes after it.
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    count = Count()

    send_all(app, hostile_requests(app, key, count=TRIED, seed=TRIED), key, count)
    captured = capfd.readouterr()
    with capfd.disabled():
        if TRIED > 3_000:
            sys.stdout.write(
                f"\n{count.tried} tried, slowest {count.slowest:.2f} s, {sorted(count.statuses.items())}\n"
            )

    assert count.wrong == []
    assert count.tried == TRIED
    assert leaks_in(captured.out + captured.err, key) == []
    assert len(count.statuses) > 6, "these requests all ended at the same door"
    assert count.statuses[200] + count.statuses[201], "none of these requests came through"


def test_the_count_notices_what_is_wrong(app: Flask, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError

    monkeypatch.setattr(app.extensions["winnow"].queue, "pending_page", fail)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    count = Count()

    send_all(app, [Hostile("GET", "/v1/queue", b"", {"Authorization": f"Bearer {key}"})], key, count)

    assert len(count.wrong) == 1
    assert leaks_in(f'Traceback (most recent call last):\n  File "/x/y.py" {key} Mallory@mail.example', key) != []


@pytest.mark.alone
def test_a_real_server_holds_out(tmp_path: Path, app: Flask, services: Services) -> None:
    """Through sockets: the same table, and bytes that are no HTTP; afterwards it answers as before."""
    data = tmp_path / "data"
    with serving(data, "--workers", "1") as service:
        host, port = service.url.removeprefix("http://").rstrip("/").split(":")
        limit = 15 * slowdown()
        requests = hostile_requests(app, "x" * 12, count=300, seed=1)
        statuses = [_over_http(host, int(port), one, limit) for one in requests]
        for raw in RAW:
            assert _raw(host, int(port), raw, limit) in (b"", b"2", b"3", b"4"), raw[:40]
        assert _over_http(host, int(port), Hostile("GET", "/livez", b""), limit) == 200
        said = "".join(str(line) for line in service.lines())

    assert max(statuses) < 500
    assert leaks_in(said.replace(str(tmp_path), ""), "x" * 12) == []


def _over_http(host: str, port: int, one: Hostile, limit: float) -> int:
    connection = http.client.HTTPConnection(host, port, timeout=limit)
    try:
        connection.request(one.method, one.path, one.body, {k: v for k, v in one.headers.items() if _sendable(k)})
        response = connection.getresponse()
        told = leaks_in(response.read().decode("utf-8", "replace"), "x" * 12)
        assert told == [] or (told == [OWN_ADDRESS] and one.path.startswith("/review"))
        return response.status
    except (BrokenPipeError, ConnectionResetError):  # It refused a body before all of it was sent.
        return 400
    finally:
        connection.close()


def _sendable(name: str) -> bool:
    """Return whether a header is passed on: these two would make it a request that waits for the rest of itself."""
    return name not in ("Transfer-Encoding", "Content-Length")


def _raw(host: str, port: int, raw: bytes, limit: float) -> bytes:
    """Send bytes, and return the first digit of the status that came back, if any."""
    with socket.create_connection((host, port), timeout=limit) as connection:
        try:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(4_096).partition(b" ")[2][:1]
        except ConnectionError:
            return b""


def test_a_field_whose_name_has_a_megabyte_costs_little(api: Api) -> None:
    """Names are masked before they are repeated, and once that took a second for such a name."""
    raw = b'{"comments": [{"' + b"a." * 450_000 + b'": 1}]}'
    best = 1e9
    for _ in range(3):
        began = time.thread_time()
        answer = api("POST", "/v1/check", data=raw, content_type="application/json")
        best = min(best, time.thread_time() - began)

    assert answer.status_code == 422
    assert len(answer.data) < 2_000
    assert best < 0.3
