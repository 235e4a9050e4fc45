"""Does Winnow stay as fast when comments pile up?

``python -m bench.growth [--pending 10000 100000 1000000]`` fills one site with a thousand pending comments and others
with more, in one store, and lets submit, claim, decide and list run on all in alternation, so that a busy machine
disturbs them alike. Then takes the store's bytes a comment, and the time to start with the append-only file that has
grown.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis
from rich.console import Console
from rich.table import Table

from bench import traffic
from moderation import bootstrap
from moderation.config import Settings
from moderation.core.comment import AuthorIdentity, Comment, Ruling, Status, Submission, Verdict
from moderation.core.reasons import Action, reason
from moderation.core.site import Site
from moderation.service.decisions import Judgment
from moderation.service.events import audit_entry
from moderation.service.services import Services
from moderation.store.connection import SCRIPTS
from moderation.store.embedded import running_store
from moderation.store.writes import Addition, submit_arguments, submit_keys

FEW = 1_000
PAGE = 20
BATCH = 200
LIMITS = {"ratio": 1.3, "bytes_per_comment": 2_500}
PROMISED = ("submit", "decide")
MODEL = "bench"


@dataclass(frozen=True, slots=True)
class Filled:
    """A site with so many pending comments."""

    site: Site
    pending: int


@contextlib.contextmanager
def opened(directory: Path) -> Iterator[Services]:
    """Yield services on an embedded store of their own."""
    settings = Settings(data_dir=directory)
    with running_store(settings, command="bench") as url:
        services = bootstrap.build(settings, url)
        yield services
        services.connection.close()


def add_site(services: Services, name: str) -> Site:
    """Return a new site on which every comment waits."""
    services.sites.add(name, f"https://{name}.example")
    return services.sites.change_policy(
        name, {"rate_limit": "off", "thresholds": {"spam": {"review": 0.0, "reject": None}}}
    )


def fill(services: Services, site: Site, count: int) -> Filled:
    """Store so many pending comments through the service's own script, a batch a round trip, without fsync."""
    client = redis.Redis.from_url(services.connection.url, socket_timeout=60.0)  # A batch on a busy machine takes long.
    sha = client.script_load((SCRIPTS / "submit.lua").read_text(encoding="utf-8"))
    client.config_set("appendfsync", "no")
    rng = random.Random(site.name)
    for start in range(0, count, BATCH):
        _add(client, sha, [_addition(services, site, rng) for _ in range(min(BATCH, count - start))])
    client.config_set("appendfsync", "always")
    client.close()
    return Filled(site, count)


def _add(client: redis.Redis, sha: str, additions: list[Addition]) -> None:
    pipeline = client.pipeline(transaction=False)
    for addition in additions:
        keys = submit_keys(addition)
        pipeline.evalsha(sha, len(keys), *keys, *submit_arguments(addition))
    pipeline.execute()


def _addition(services: Services, site: Site, rng: random.Random) -> Addition:
    given: dict[str, Any] = traffic.comment(rng)
    now = datetime.now(UTC)
    comment = Comment(
        id=bootstrap.new_id(),
        site=site.name,
        status=Status.PENDING,
        permalink=given["permalink"],
        parent_id=None,
        external_id=None,
        author_id=services.keyring.author_ids(given["author_email"], site=site.name)[0],
        author_name=given["author"],
        author_url=None,
        content=given["content"],
        content_type="text/plain",
        language=None,
        type="comment",
        created_at=now,
        updated_at=now,
        version=1,
        verdict=Verdict(
            action=Action.REVIEW, scores={"spam": 0.5, "toxicity": 0.1}, model=MODEL, reasons=(reason("unscored"),)
        ),
        ip_id=services.keyring.network_id(given["user_ip"], site=site.name),
    )
    return Addition(
        comment=comment,
        copy_key=f"{rng.getrandbits(64):016x}",
        audit=audit_entry("submit", comment, who="api", at=now, model=MODEL),
    )


def acts(services: Services, site: Site, rng: random.Random) -> dict[str, Callable[[], object]]:
    """Return what is timed on one site."""

    def submit() -> object:
        given: dict[str, Any] = traffic.comment(rng)
        ids = services.keyring.author_ids(given["author_email"], site=site.name)
        return services.submissions.submit(
            site,
            Submission(
                content=given["content"],
                permalink=given["permalink"],
                author_name=given["author"],
                author=AuthorIdentity(ids[0], ids),
            ),
        )

    def claim() -> object:
        return services.decisions.claim(site, "Alice")

    def decide() -> object:
        (first,) = services.queue.pending_page(site.name, limit=1)
        began = time.perf_counter()
        services.decisions.decide(site, first.comment_id, Judgment(ruling=Ruling.APPROVE, moderator="Alice"))
        return time.perf_counter() - began

    def page() -> object:
        found = services.queue.pending_page(site.name, by_risk=True, descending=True, limit=PAGE)
        return services.comments.get_many(site.name, [one.comment_id for one in found])

    return {"submit": submit, "claim": claim, "decide": decide, "list": page}


Latencies = dict[str, list[float]]


def compare(services: Services, sites: list[Filled], *, times: int) -> Latencies:
    """Return the median latency in milliseconds of each act on each site, in alternation."""
    sides = [acts(services, one.site, random.Random(one.pending)) for one in sites]
    taken: dict[str, list[list[float]]] = {name: [[] for _ in sides] for name in sides[0]}
    order = list(range(len(sides)))
    for _ in range(times):
        order.append(order.pop(0))  # Who comes first finds the caches cold.
        for name, lists in taken.items():
            for number in order:
                began = time.perf_counter()
                told = sides[number][name]()
                lists[number].append(told if isinstance(told, float) else time.perf_counter() - began)
    return {name: [statistics.median(one) * 1000 for one in lists] for name, lists in taken.items()}


def measure(pending: list[int], times: int) -> tuple[Latencies, dict[str, float]]:
    """Return the latencies with so many pending comments each, and the store's bytes and start-up time with all."""
    with tempfile.TemporaryDirectory(prefix="winnow-growth-") as name:
        directory = Path(name)
        with opened(directory) as services:
            sites = [fill(services, add_site(services, f"few-{FEW}"), FEW)]
            before = _used_bytes(services)
            began = time.perf_counter()
            sites += [fill(services, add_site(services, f"many-{count}"), count) for count in pending]
            filled = time.perf_counter() - began
            used = _used_bytes(services) - before
            latencies = compare(services, sites, times=times)
        size = sum(path.stat().st_size for path in (directory / "store").rglob("*") if path.is_file())
        began = time.perf_counter()
        with opened(directory):
            start = time.perf_counter() - began
    return latencies, {
        "bytes_per_comment": used / sum(pending),
        "file_mb": size / 1e6,
        "start_seconds": start,
        "fill_seconds": filled,
    }


def _used_bytes(services: Services) -> int:
    client = redis.Redis.from_url(services.connection.url, socket_timeout=60.0)
    used: int = client.info("memory")["used_memory"]
    client.close()
    return used


def _table(pending: list[int], latencies: Latencies) -> Table:
    columns = ["act", *(f"ms at {count:,}" for count in (FEW, *pending)), "last over first", "promised"]
    table = Table(*columns, title="Growth")
    for name, medians in latencies.items():
        ratio = f"{medians[-1] / medians[0]:.2f}"
        promised = f"≤ {LIMITS['ratio']}" if name in PROMISED else ""
        table.add_row(name, *(f"{one:.2f}" for one in medians), ratio, promised)
    return table


def main() -> None:
    """Measure, and print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--pending", type=int, nargs="+", default=[10_000, 100_000], help="comments that wait; 1000000 takes minutes"
    )
    parser.add_argument("--times", type=int, default=200, help="measurements of each act")
    chosen = parser.parse_args()
    latencies, figures = measure(chosen.pending, chosen.times)
    Console().print(_table(chosen.pending, latencies))
    for name, value in figures.items():
        print(f"{name}: {value:,.2f}" + (f" (promised: at most {LIMITS[name]:,})" if name in LIMITS else ""))
    medians = {name: [round(one, 3) for one in row] for name, row in latencies.items()}
    ratios = {name: round(row[-1] / row[0], 3) for name, row in latencies.items()}
    rounded = {name: round(value, 3) for name, value in figures.items()}
    line = {"bench": "growth", "pending": [FEW, *chosen.pending], "medians_ms": medians, "ratios": ratios, **rounded}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
