"""What a durable submission costs over HTTP, against a Flask endpoint that does nothing.

``python -m bench.http`` starts the real service and, under the same gunicorn settings, the endpoint that does nothing;
lets both answer in alternation; and takes processor time from ``/proc``, because throughput swings on shared machines.
Prints a table and one JSON line. Refuses to compare figures of different runs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import servers, traffic
from bench.protocols import akismet_check
from tests.faults.service import Service

CLIENTS = 16
BATCH = 100
BATCHES = 5  # Different ones of each client, made before the clock runs.
CHECK_CLIENTS = 8  # So that each web process has some: which takes a connection is chance.
LIMITS = {"cpu_ratio": 3.0, "p50_ms": 5.0, "p99_ms": 50.0, "check_per_second": 15_000}
PENDING = {"thresholds": {"spam": {"review": 0.0, "reject": None}}}


@dataclass(frozen=True, slots=True)
class Round:
    """One round of the comparison; processor time in microseconds a request."""

    winnow: float
    nothing: float
    web: float
    store: float
    worker: float
    per_second: float

    @property
    def ratio(self) -> float:
        """Return how many requests that do nothing one submission costs."""
        return self.winnow / self.nothing


def compare(service: Service, key: str, port: int, pids: list[int], *, rounds: int, seconds: float) -> list[Round]:
    """Run submissions and requests that do nothing in alternation."""
    found = []
    for number in range(rounds):
        groups = servers.processes(service)
        before = {name: servers.cpu(group) for name, group in groups.items()}
        timing, _ = traffic.run(
            service.port,
            lambda client, n=number: traffic.submissions(key, 1000 * (n + 1) + client),
            clients=CLIENTS,
            seconds=seconds,
        )
        count = len(timing.latencies)
        spent = {name: (servers.cpu(group) - before[name]) / count * 1e6 for name, group in groups.items()}
        began = servers.cpu(pids)
        idle, _ = traffic.run(
            port,
            lambda client, n=number: traffic.submissions(key, 1000 * (n + 1) + client),
            clients=CLIENTS,
            seconds=seconds,
        )
        nothing = (servers.cpu(pids) - began) / len(idle.latencies) * 1e6
        found.append(Round(sum(spent.values()), nothing, **spent, per_second=timing.per_second))
    return found


def one_client(service: Service, key: str, seconds: float) -> dict[str, float]:
    """Return the latency of submissions from a single client."""
    timing, _ = traffic.run(service.port, lambda _: traffic.submissions(key, 7), clients=1, seconds=seconds)
    return {"p50_ms": timing.percentile(0.5), "p99_ms": timing.percentile(0.99)}


def check_batches(service: Service, key: str, seconds: float) -> dict[str, float]:
    """Return how many comments a second ``/v1/check`` judges in batches of 100, and what one costs."""

    def batches(client: int) -> Iterator[bytes]:
        rng = random.Random(client)
        comments = ([traffic.comment(rng) for _ in range(BATCH)] for _ in range(BATCHES))
        return itertools.cycle([traffic.request("/v1/check", {"comments": one}, key) for one in comments])

    made = [batches(client) for client in range(CHECK_CLIENTS)]
    pids = _all(service)
    before, own = servers.cpu(pids), time.process_time()
    timing, _ = traffic.run(service.port, made.__getitem__, clients=CHECK_CLIENTS, seconds=seconds, expected=200)
    comments = BATCH * len(timing.latencies)
    return {
        "check_per_second": comments / timing.seconds,
        "check_us_per_comment": (servers.cpu(pids) - before) / comments * 1e6,
        "check_client_us_per_comment": (time.process_time() - own) / comments * 1e6,
    }


def akismet(service: Service, key: str, seconds: float) -> dict[str, float]:
    """Return latency and cost of Akismet's comment-check, which stores the comment."""

    def checks(client: int) -> Iterator[bytes]:
        make = akismet_check(key)
        return (make(100_000 * client + number) for number in itertools.count())

    return _costs(service, "akismet", checks, seconds=seconds)


def _costs(
    service: Service, name: str, requests: Callable[[int], Iterator[bytes]], *, seconds: float
) -> dict[str, float]:
    """Return p50 and processor time of requests that 16 clients send."""
    pids = _all(service)
    before = servers.cpu(pids)
    timing, _ = traffic.run(service.port, requests, clients=CLIENTS, seconds=seconds, expected=200)
    return {
        f"{name}_p50_ms": timing.percentile(0.5),
        f"{name}_per_second": timing.per_second,
        f"{name}_cpu_us": (servers.cpu(pids) - before) / len(timing.latencies) * 1e6,
    }


def _all(service: Service) -> list[int]:
    return [pid for group in servers.processes(service).values() for pid in group]


def decisions(service: Service, key: str, seconds: float) -> dict[str, float]:
    """Return latency and cost of decisions on comments that wait."""
    _, bodies = traffic.run(
        service.port, lambda client: traffic.submissions(key, 900 + client), clients=CLIENTS, seconds=seconds
    )
    ids = [json.loads(body)["id"] for body in bodies]

    def rulings(client: int) -> Iterator[bytes]:
        for one in ids[client::CLIENTS]:
            yield traffic.request(f"/v1/comments/{one}/decision", {"decision": "approve", "moderator": "Alice"}, key)

    return _costs(service, "decision", rulings, seconds=60)


def measure(rounds: int, seconds: float) -> dict[str, Any]:
    """Return all figures of one run."""
    with tempfile.TemporaryDirectory(prefix="winnow-bench-") as name:
        directory = Path(name)
        with servers.winnow(directory / "winnow", **PENDING) as (service, key):
            traffic.run(service.port, lambda client: traffic.submissions(key, client), clients=4, seconds=1.0)
            figures: dict[str, Any] = one_client(service, key, seconds)
            with servers.nothing(directory / "nothing") as (port, pids):
                found = compare(service, key, port, list(pids), rounds=rounds, seconds=seconds)
            figures |= check_batches(service, key, seconds)
            figures |= akismet(service, key, seconds) | decisions(service, key, seconds)
    return {**_summary(found), **figures, "machine": f"{os.cpu_count()} cores, {platform.machine()}"}


def _summary(rounds: list[Round]) -> dict[str, Any]:
    """Return medians; the ratio's is over the rounds, so that a disturbed one does not count."""
    names = ("winnow", "nothing", "web", "store", "worker", "per_second")
    medians = {name: statistics.median(getattr(one, name) for one in rounds) for name in names}
    return {
        "cpu_ratio": statistics.median(one.ratio for one in rounds),
        "cpu_ratios": [round(one.ratio, 2) for one in rounds],
        **{name if name == "per_second" else f"{name}_us": value for name, value in medians.items()},
    }


def main() -> None:
    """Measure, and print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each part")
    chosen = parser.parse_args()
    figures = measure(chosen.rounds, chosen.seconds)
    table = Table("what", "measured", "promised", title="HTTP, fsync on every write")
    for name, value in figures.items():
        limit = LIMITS.get(name)
        sign = "≥" if name == "check_per_second" else "≤"
        table.add_row(
            name, f"{value:,.2f}" if isinstance(value, float) else str(value), f"{sign} {limit}" if limit else ""
        )
    Console().print(table)
    print(json.dumps({"bench": "http", **{name: _rounded(value) for name, value in figures.items()}}))


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
