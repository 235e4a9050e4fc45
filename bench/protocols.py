"""How soon clients of Akismet's, Perspective's and Coral's protocols are answered, and what they hear without a store.

``python -m bench.protocols`` starts the real service and sends checks at a steady 100 a second. A latency counts from
the moment at which the request was due, so that a queue in front of the service is seen. Then it stops the store that
it started, and lets it go on. Prints a table and one JSON line. Refuses to leave the store stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import http.client
import json
import os
import platform
import random
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from rich.console import Console
from rich.table import Table

from bench import servers, traffic
from moderation import bootstrap
from moderation.store.embedded import running_store
from moderation.web.coral.signature import seal_secret
from tests.faults.service import Role, Service

RATE = 100.0  # Requests a second.
CLIENTS = 16
WARM_UP_SECONDS = 2.0
OUTAGE_REQUESTS = 12
SECRET = "bench" * 8
LIMITS = {
    "akismet_p99_ms": 50.0,
    "perspective_p99_ms": 50.0,
    "coral_p99_ms": 50.0,
    "akismet_without_store_max_ms": 1000.0,
    "perspective_without_store_max_ms": 800.0,  # So long Coral waits.
}
Make = Callable[[int], bytes]


def message(path: str, content: bytes, kind: str, *headers: str) -> bytes:
    """Return the bytes of a POST request."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {kind}", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + content


def akismet_check(key: str) -> Make:
    """Return a maker of checks as a WordPress site sends them, each of a new comment."""

    def make(number: int) -> bytes:
        one = traffic.comment(random.Random(number))
        fields = {
            "api_key": key,
            "blog": f"https://{servers.SITE}.example",
            "user_ip": one["user_ip"],
            "user_agent": "Mozilla/5.0",
            "permalink": one["permalink"],
            "comment_type": "comment",
            "comment_author": one["author"],
            "comment_author_email": one["author_email"],
            "comment_content": one["content"],
            "POST_comment": one["content"],
            "POST_email": one["author_email"],
        }
        return message("/1.1/comment-check", urlencode(fields).encode(), "application/x-www-form-urlencoded")

    return make


def perspective_analysis(key: str) -> Make:
    """Return a maker of Coral's questions to its toxicity endpoint."""

    def make(number: int) -> bytes:
        text = traffic.comment(random.Random(number))["content"]
        body = {"comment": {"text": text}, "requestedAttributes": {"TOXICITY": {}}, "languages": ["en"]}
        return message(f"/v1alpha1/comments:analyze?key={key}", json.dumps(body).encode(), "application/json")

    return make


def coral_question(_: str) -> Make:
    """Return a maker of the questions of Coral's moderation phase."""

    def make(number: int) -> bytes:
        one = traffic.comment(random.Random(number))
        body = {
            "action": "NEW",
            "comment": {"body": f"<div>{one['content']}</div>", "parentID": None},
            "author": {"id": str(number % traffic.AUTHORS), "role": "COMMENTER"},
            "story": {"id": str(one["permalink"]), "url": one["permalink"]},
            "tenantID": "bench",
        }
        content = json.dumps(body).encode()
        signature = hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()
        path = f"/coral/phase/{servers.SITE}"
        return message(path, content, "application/json", f"X-Coral-Signature: sha256={signature}")

    return make


PROTOCOLS = {"akismet": akismet_check, "perspective": perspective_analysis, "coral": coral_question}


def steady(port: int, make: Make, *, rate: float, seconds: float, first: int = 0) -> traffic.Timing:
    """Send requests at a steady rate.

    Args:
        port: On the loopback.
        make: Gives request number n.
        rate: Requests a second.
        seconds: How long.
        first: Number of the first request.

    Returns:
        Latencies from the moments at which the requests were due.

    Raises:
        RuntimeError: If any answer was neither 200 nor 204.
    """
    messages = [make(first + number) for number in range(int(rate * seconds))]
    latencies: list[float] = []
    errors: list[str] = []
    began = time.perf_counter() + 0.1

    def client(mine: int) -> None:
        connection = _Connection(port)
        for number in range(mine, len(messages), CLIENTS):
            due = began + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            status = connection.send(messages[number])
            latencies.append(time.perf_counter() - due)
            if status not in (200, 204):
                errors.append(f"status {status}")
        connection.close()

    threads = [threading.Thread(target=client, args=(mine,)) for mine in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors or len(latencies) < len(messages):
        raise RuntimeError(f"{len(errors)} of {len(messages)} requests failed: {errors[:3]}")
    return traffic.Timing(time.perf_counter() - began, tuple(latencies))


class _Connection(traffic.Connection):
    """Understands answers without a body, too."""

    def send(self, message: bytes) -> int:  # type: ignore[override]
        self._socket.sendall(message)
        received = self._more()
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
        head = received[:end].lower()
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]) if b"content-length:" in head else 0
        while len(received) < end + 4 + length:
            received += self._more()
        return int(received[9:12])


@contextmanager
def without_store(service: Service) -> Iterator[None]:
    """Stop the service's own store for a while."""
    pid = service.signal(Role.STORE, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def outage(service: Service, key: str) -> dict[str, Any]:
    """Return what clients hear, and when, while the store does not answer: one after the other, then at once."""
    with without_store(service):
        akismet = [_timed(service.port, akismet_check(key)(number)) for number in range(OUTAGE_REQUESTS)]
        akismet += _at_once(service.port, akismet_check(key))
        perspective = [_timed(service.port, perspective_analysis(key)(number)) for number in range(OUTAGE_REQUESTS)]
        perspective += _at_once(service.port, perspective_analysis(key))
    return {
        "akismet_without_store_statuses": sorted({status for status, _, _ in akismet}),
        "akismet_without_store_have_guid": all(has_guid for _, has_guid, _ in akismet),
        "akismet_without_store_max_ms": max(seconds for _, _, seconds in akismet) * 1000,
        "perspective_without_store_statuses": sorted({status for status, _, _ in perspective}),
        "perspective_without_store_max_ms": max(seconds for _, _, seconds in perspective) * 1000,
    }


def _at_once(port: int, make: Make) -> list[tuple[int, bool, float]]:
    found: list[tuple[int, bool, float]] = []
    threads = [
        threading.Thread(target=lambda n=number: found.append(_timed(port, make(n)))) for number in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _timed(port: int, raw: bytes) -> tuple[int, bool, float]:
    """Return status, whether there is a guid, and the seconds that one request took."""
    head, _, body = raw.partition(b"\r\n\r\n")
    path = head.split(b" ")[1].decode()
    kind = next(line for line in head.decode().split("\r\n") if line.startswith("Content-Type")).partition(": ")[2]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    began = time.perf_counter()
    try:
        connection.request("POST", path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        answer.read()
        return answer.status, bool(answer.getheader("X-akismet-guid")), time.perf_counter() - began
    finally:
        connection.close()


def _let_coral_in(service: Service) -> None:
    with running_store(service.settings, command="bench") as url:
        services = bootstrap.build(service.settings, url)
        services.sites.add_coral_secret(servers.SITE, seal_secret(SECRET, services.keyring))
        services.connection.close()


def measure(rate: float, seconds: float) -> dict[str, Any]:
    """Return all figures of one run."""
    figures: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory(prefix="winnow-bench-") as name,
        servers.winnow(Path(name)) as (service, key),
    ):
        _let_coral_in(service)
        for number, (protocol, maker) in enumerate(PROTOCOLS.items()):
            first = (number + 1) * 1_000_000
            steady(service.port, maker(key), rate=rate, seconds=WARM_UP_SECONDS, first=first)
            timing = steady(service.port, maker(key), rate=rate, seconds=seconds, first=first + 500_000)
            figures |= {f"{protocol}_{label}_ms": timing.percentile(share) for label, share in SHARES.items()}
        figures |= outage(service, key)
    load = os.getloadavg()[0]
    return {**figures, "rate": rate, "load": load, "machine": f"{os.cpu_count()} cores, {platform.machine()}"}


SHARES = {"p50": 0.5, "p99": 0.99, "max": 1.0}


def main() -> None:
    """Measure, and print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=RATE, help="requests a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each protocol")
    chosen = parser.parse_args()
    figures = measure(chosen.rate, chosen.seconds)
    table = Table("what", "measured", "promised", title="Drop-in protocols at a steady rate")
    for name, value in figures.items():
        limit = f"≤ {LIMITS[name]:g}" if name in LIMITS else ""
        table.add_row(name, f"{value:,.2f}" if isinstance(value, float) else str(value), limit)
    Console().print(table)
    print(json.dumps({"bench": "protocols", **{name: _rounded(value) for name, value in figures.items()}}))


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
