"""Promise 3: after a busy day no address, and no hash that others could make of one, is left anywhere.

Runs the real service with submissions that carry the author's address in every field that takes text, decisions,
webhooks, an export, a backup and an erasure; then looks into every byte of the data directory, the store's contents,
the output, the answers, the webhooks, the export, the backup and the metrics.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import subprocess
import sys
import tarfile
import time
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.faults.service import Service, until
from tests.leaks import Scanner
from tests.receiver import Receiver

SITE = "site-a"
QUICK = 60
FULL = 1000
PATIENCE = 20  # Attempts, a second apart, as Retry-After says.
POLICY = {"thresholds": {"spam": {"review": 0.0, "reject": None}}, "links_allowed": 100}
SHAPES = (
    "mallory.{n}@mail.example.org",
    "MALLORY.{n}@MAIL.EXAMPLE.ORG",
    "Mal.Lory{n}@Mail.Example.Org",
    "mallory+spam{n}@mail.example.org",
    "  mallory-{n}@blanks.example.org ",
    "mällory{n}@mail.example.org",
    "mallory{n}@bücher.example.org",
    "MALLORY{n}@xn--bcher-kva.example.org",
    "почта{n}@пример.example.org",
    "o'mallory_{n}@sub.mail.example.org",
)


def address_of(number: int) -> str:
    """Return one of ten shapes of address, each used once."""
    return SHAPES[number % len(SHAPES)].format(n=f"{number:05d}")


def body_of(number: int) -> dict[str, Any]:
    """Return a submission whose author types the address into one more field, in another letter case now and then."""
    address = address_of(number)
    typed = address.strip()
    typed = (typed, typed.upper(), typed.lower(), typed.swapcase())[number // len(SHAPES) % 4]
    body: dict[str, Any] = {
        "content": f"Thanks for the article, it helped me with the garden this year ({number}).",
        "permalink": f"https://site-a.example/{number % 7}",
        "author": "Mallory",
        "author_email": address,
        "user_ip": "203.0.113.7",
    }
    places: tuple[dict[str, Any], ...] = (
        {"author": f"Mallory {typed}"},
        {"content": f"Write to {typed} or <{typed}>, (mailto:{typed}) if you like tomatoes as much as I do."},
        {"content": f'<p>Write to <a href="mailto:{typed}">{typed}</a> now</p>', "content_type": "text/html"},
        {"author_url": f"https://mallory.example/?mail={typed}"},
        {"permalink": f"https://site-a.example/?u={typed.replace('@', '%40')}"},
        {"permalink": f"https://site-a.example/?u={urllib.parse.quote(typed)}"},
        {"referrer": f"https://site-a.example/?u={typed}"},
        {"user_agent": f"Mozilla/5.0 ({typed})"},
        {"external_id": typed, "parent_id": typed},
        {"honeypot": typed},
    )
    return {**body, **places[number // 3 % len(places)]}


class Traffic:
    """Sends requests and keeps every byte that came back."""

    def __init__(self, service: Service, key: str) -> None:
        self._service = service
        self._key = key
        self.answers: list[tuple[str, bytes]] = []

    def send(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Send one request, again while a busy machine keeps the store from answering, and return status and JSON."""
        for _ in range(PATIENCE):
            status, got, raw = self._service.call(method, path, self._key, body, headers)
            self.answers.append((f"the answer to {method} {path.partition('?')[0][:40]}", repr(got).encode() + raw))
            if status != 503:
                break
            time.sleep(1.0)
        return status, json.loads(raw) if raw[:1] == b"{" else {}

    def submit(self, number: int) -> str:
        """Submit one comment, with the address in its Idempotency-Key now and then, and return its id."""
        key = urllib.parse.quote(address_of(number)) if number % 4 == 0 else f"number-{number}"
        status, comment = self.send("POST", "/v1/comments", body_of(number), {"Idempotency-Key": key})
        assert status == 201, comment
        return str(comment["id"])

    def decide(self, number: int, comment_id: str) -> None:
        """Decide on one comment, with the address in the note."""
        ruling = {"decision": "approve"} if number % 2 else {"decision": "reject", "reason": "spam"}
        note = {"note": f"said {address_of(number).strip()}", "moderator": "Alice", "override": True}
        status, answer = self.send("POST", f"/v1/comments/{comment_id}/decision", {**ruling, **note})
        assert status == 200, answer

    def misbehave(self, number: int) -> None:
        """Send what is refused, with the address wherever it fits."""
        address = urllib.parse.quote(address_of(number).strip())
        self.send("GET", f"/v1/comments/{address}")
        self.send("GET", f"/v1/{address}")
        self.send("GET", f"/v1/comments?permalink=https://site-a.example/?u={address}")
        self.send("GET", f"/v1/comments?cursor={address}&status={address}")
        self.send("POST", "/v1/comments", {**body_of(number), "author_url": address_of(number), "type": [address]})
        self.send("POST", "/v1/comments", {**body_of(number), "author_email": address_of(number) + "@"})
        self.send("POST", "/v1/comments", {**body_of(number), "form_seconds": address_of(number)})
        self.send("GET", "/v1/site", None, {"Authorization": f"Bearer {address}", "X-Request-Id": address})


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_no_address_and_no_bare_hash_is_left_anywhere(tmp_path: Path) -> None:
    assert _leaks_of_a_busy_day(tmp_path, QUICK) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_address_is_left_after_a_thousand_submissions(tmp_path: Path) -> None:
    assert _leaks_of_a_busy_day(tmp_path, FULL) == []


def _leaks_of_a_busy_day(directory: Path, count: int) -> list[str]:
    scanner = Scanner(address_of(number) for number in range(count))
    with Receiver() as receiver:
        with Service(directory, WINNOW_WEBHOOK_ALLOW_NETWORKS="127.0.0.0/8") as service:
            traffic = Traffic(service, service.add_site(SITE, **POLICY, webhook_url=receiver.url))
            _work(traffic, count)
            until(lambda: len({one.id for one in receiver.requests}) >= count, 60, what="the webhooks")
            _command(service, "comments", "export", SITE, "--output", str(directory / "export.jsonl"))
            _command(service, "comments", "export", SITE, "--labels", "--output", str(directory / "labels.jsonl"))
            _command(service, "backup", str(directory / "backup.tar.gz"))
            before = _found(scanner, _places(service, directory))
            _erase(traffic, count)
            after = _found(scanner, _places(service, directory))
        stopped = _found(scanner, _files(directory))
        said = _found(
            scanner, [*traffic.answers, *((f"webhook to {one.path}", _bytes(one)) for one in receiver.requests)]
        )
    return sorted({*before, *after, *stopped, *said})


def _bytes(received: Any) -> bytes:
    return str(received.path).encode() + str(received.headers).encode() + bytes(received.body)


def _work(traffic: Traffic, count: int) -> None:
    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(traffic.submit, range(count)))
        assert list(pool.map(traffic.submit, range(0, count, 10))) == ids[::10], "a replay made another comment"
        list(pool.map(traffic.decide, range(0, count, 2), ids[::2]))
        list(pool.map(traffic.misbehave, range(0, count, 20)))
    for number in range(0, count, 20):
        edited = {"content": f"Edited: write to {address_of(number).strip()}", "author": address_of(number).strip()}
        status, answer = traffic.send("PUT", f"/v1/comments/{ids[number]}", edited)
        assert status == 200, answer
        traffic.send("GET", f"/v1/comments/{ids[number]}")
    for path in ("/v1/queue?limit=100", "/v1/comments?status=approved&limit=100", "/v1/stats", "/v1/site", "/metrics"):
        assert traffic.send("GET", path)[0] == 200
    batch = {"comments": [body_of(number) for number in range(min(count, 100))]}
    assert traffic.send("POST", "/v1/check", batch)[0] == 200


def _erase(traffic: Traffic, count: int) -> None:
    erased = 0
    for number in range(0, count, 25):
        status, answer = traffic.send("POST", "/v1/erasures", {"author_email": address_of(number)})
        erased += answer.get("comments", 0)
        assert status == 200, answer
    assert erased > 0, "nothing was erased"


def _command(service: Service, *arguments: str) -> None:
    command = [sys.executable, "-m", "moderation.cli", *arguments, "--data-dir", str(service.data)]
    with service.output.open("ab") as output:
        subprocess.run(command, check=True, stdout=output, stderr=output)


def _places(service: Service, directory: Path) -> Iterator[tuple[str, bytes]]:
    yield from _files(directory)
    yield from _store(service)


def _files(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file, those in archives too."""
    for path in sorted(directory.rglob("*")):
        if not path.is_file():
            continue
        yield str(path.relative_to(directory)), path.read_bytes()
        if path.suffixes[-2:] == [".tar", ".gz"]:
            yield f"{path.name}, uncompressed", gzip.decompress(path.read_bytes())
            with tarfile.open(path) as archive:
                members = [member for member in archive.getmembers() if member.isfile()]
                yield from ((f"{path.name}/{one.name}", archive.extractfile(one).read()) for one in members)  # type: ignore[union-attr]


def _store(service: Service) -> Iterator[tuple[str, bytes]]:
    """Yield what the store holds, since its files may be compressed."""
    readers = {b"string": "GET", b"hash": "HGETALL", b"set": "SMEMBERS", b"list": "LRANGE", b"zset": "ZRANGE"}
    with service.store() as client:
        for key in client.scan_iter(count=1000):
            kind = client.type(key)
            rest = (b"-", b"+") if kind == b"stream" else (0, -1) if kind in (b"zset", b"list") else ()
            value = client.execute_command(readers.get(kind, "XRANGE"), key, *rest)
            # repr of bytes would escape what is not ASCII, so that an address in Cyrillic could hide.
            yield f"key {key!r}", key + b" " + b" ".join(_flat(value))


def _flat(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from _flat(one)
    else:
        yield value if isinstance(value, bytes) else str(value).encode()


def _found(scanner: Scanner, places: Any) -> set[str]:
    return {str(leak) for place, data in places for leak in scanner.scan(place, data)}


ADDRESS = "Mällory.Ö+1@Bücher.example.org"
LOWER = ADDRESS.lower()
PLANTED = {
    "as typed": ADDRESS.encode(),
    "in capitals": ADDRESS.upper().encode(),
    "with an ASCII domain": "mällory.ö+1@xn--bcher-kva.example.org".encode(),
    "percent-encoded": urllib.parse.quote(ADDRESS).encode(),
    "as JSON": json.dumps(ADDRESS).encode(),
    "between other bytes": b"\0\xff" + ADDRESS.encode() + b"\xfe",
    "as MD5": hashlib.md5(LOWER.encode()).hexdigest().encode(),
    "as SHA-1 in capitals": hashlib.sha1(LOWER.encode()).hexdigest().upper().encode(),
    "as SHA-256 within hex": b"00ff" + hashlib.sha256(ADDRESS.encode()).hexdigest().encode() + b"ab",
    "as base64": base64.b64encode(hashlib.sha256(LOWER.encode()).digest()),
    "as base64 for URLs": base64.urlsafe_b64encode(hashlib.md5(LOWER.encode()).digest()),
}


@pytest.mark.parametrize("data", PLANTED.values(), ids=PLANTED.keys())
def test_scanner_finds_what_was_planted(data: bytes) -> None:
    assert list(Scanner([ADDRESS]).scan("here", b"before " + data + b" after"))


def test_scanner_is_silent_about_other_people() -> None:
    innocent = b"alice@b\xc3\xbccher.example.org " + hashlib.sha256(b"something else").hexdigest().encode()

    assert [str(one) for one in Scanner([ADDRESS]).scan("here", innocent)] == []


def test_scan_of_a_service_finds_a_planted_leak(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "debug.log").write_text(f"POST from {address_of(1).upper()}")

    found = _found(Scanner([address_of(1)]), _files(tmp_path))

    assert [one for one in found if "debug.log" in one]
