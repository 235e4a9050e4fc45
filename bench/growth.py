"""Does Winnow stay as fast when comments pile up?

``python -m bench.growth [--pending 100000]`` fills one site with a thousand pending comments and another with many,
in one store, and lets submit, claim, decide and list run on both in alternation, so that a busy machine disturbs both
alike. Then takes the store's bytes a comment, and the time to start with the append-only file that has grown.
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
        verdict=Verdict(Action.REVIEW, {"spam": 0.5, "toxicity": 0.1}, (reason("unscored"),), MODEL),
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


def compare(services: Services, few: Filled, many: Filled, *, times: int) -> dict[str, tuple[float, float]]:
    """Return the median latency in milliseconds of each act with few and with many pending comments."""
    sides = [acts(services, one.site, random.Random(one.pending)) for one in (few, many)]
    taken: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in sides[0]}
    for _ in range(times):
        for name, lists in taken.items():
            for side, seconds in zip(sides, lists, strict=True):
                began = time.perf_counter()
                told = side[name]()
                seconds.append(told if isinstance(told, float) else time.perf_counter() - began)
    return {
        name: (statistics.median(one) * 1000, statistics.median(other) * 1000) for name, (one, other) in taken.items()
    }


def measure(pending: int, times: int) -> tuple[dict[str, tuple[float, float]], dict[str, float]]:
    """Return the latencies, and bytes and start-up times."""
    with tempfile.TemporaryDirectory(prefix="winnow-growth-") as name:
        directory = Path(name)
        with opened(directory) as services:
            few = fill(services, add_site(services, "few"), FEW)
            before = services.connection.client.info("memory")["used_memory"]
            many = fill(services, add_site(services, "many"), pending)
            used = services.connection.client.info("memory")["used_memory"] - before
            latencies = compare(services, few, many, times=times)
        size = sum(path.stat().st_size for path in (directory / "store").rglob("*") if path.is_file())
        began = time.perf_counter()
        with opened(directory):
            start = time.perf_counter() - began
    figures = {"bytes_per_comment": used / pending, "file_mb": size / 1e6, "start_seconds": start}
    return latencies, figures


def main() -> None:
    """Measure, and print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pending", type=int, default=100_000, help="comments that wait; 1000000 takes minutes")
    parser.add_argument("--times", type=int, default=200, help="measurements of each act")
    chosen = parser.parse_args()
    latencies, figures = measure(chosen.pending, chosen.times)
    table = Table("act", f"ms at {FEW:,}", f"ms at {chosen.pending:,}", "ratio", "promised", title="Growth")
    for name, (few, many) in latencies.items():
        table.add_row(
            name, f"{few:.2f}", f"{many:.2f}", f"{many / few:.2f}", f"≤ {LIMITS['ratio']}" if name in PROMISED else ""
        )
    Console().print(table)
    for name, value in figures.items():
        print(f"{name}: {value:,.2f}" + (f" (promised: at most {LIMITS[name]:,})" if name in LIMITS else ""))
    ratios = {name: round(many / few, 3) for name, (few, many) in latencies.items()}
    rounded = {name: round(value, 3) for name, value in figures.items()}
    print(json.dumps({"bench": "growth", "pending": chosen.pending, "ratios": ratios, **rounded}))


if __name__ == "__main__":
    main()
