"""Start-up checks of any store: would it keep what Winnow promises to keep?

Owns the list of settings that lose acknowledged writes. Refuses to change the server: it says what to change.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import redis

from moderation.core.errors import StoreUnavailable, StoreUnsafe
from moderation.store.address import CLUSTER_FORM
from moderation.store.topology import is_cluster, server_time, servers

AWAY = (redis.exceptions.RedisError, redis.exceptions.RedisClusterException)
OLDEST_ENGINE = (6, 2)  # Redis 6.2 brought what the scripts use; every Valkey reports 7.2 or newer here.


@dataclass(frozen=True, slots=True)
class Rule:
    """One directive that has to have one value.

    Attributes:
        directive: Name for CONFIG GET.
        is_safe: Says whether a value keeps the promise.
        sentence: What goes wrong otherwise, and what to change.
    """

    directive: str
    is_safe: Callable[[str], bool]
    sentence: str


RULES = (
    Rule(
        "appendonly",
        lambda value: value == "yes",
        "appendonly is off, so a crash loses comments that were acknowledged: set `appendonly yes`.",
    ),
    Rule(
        "appendfsync",
        lambda value: value == "always",
        "appendfsync is not `always`, so a crash loses the last seconds of acknowledged comments: set "
        "`appendfsync always`.",
    ),
    Rule(
        "no-appendfsync-on-rewrite",
        lambda value: value == "no",
        "no-appendfsync-on-rewrite is on, so nothing is safe while the file is rewritten: set "
        "`no-appendfsync-on-rewrite no`.",
    ),
    Rule(
        "maxmemory-policy",
        lambda value: value == "noeviction",
        "maxmemory-policy throws data away when memory is short: set `maxmemory-policy noeviction`.",
    ),
)
FORBIDDEN = (
    "The server does not let Winnow read its settings (CONFIG GET), so nobody knows whether it keeps acknowledged "
    "comments: allow CONFIG GET for Winnow's user, or make sure of `appendonly yes`, `appendfsync always` and "
    "`maxmemory-policy noeviction` yourself."
)
UNBOUNDED = (
    "A primary acknowledges writes even when no replica follows, so a failover can lose any number of them: set "
    "`min-replicas-to-write 1` and `min-replicas-max-lag 2`."
)
WAY_OUT = "To start all the same, set WINNOW_ALLOW_UNSAFE_STORE=1."


def check_store(client: redis.Redis, *, allow_unsafe: bool) -> tuple[str, ...]:
    """Look at the server's settings and refuse one that would lose acknowledged writes.

    Args:
        client: A client of the store, decoding or not.
        allow_unsafe: Return the complaints instead of raising them.

    Returns:
        The complaints that were let pass, one sentence each.

    Raises:
        StoreUnsafe: With a sentence for each thing to change.
        StoreUnavailable: If the server does not answer or does not let us in.
    """
    try:
        complaints = find_complaints(client)
    except redis.exceptions.AuthenticationError as error:
        raise StoreUnavailable("The store refuses the user name or password that WINNOW_REDIS_URL gives.") from error
    except AWAY as error:
        raise StoreUnavailable(f"The store cannot be reached: {_first_line(error)}") from error
    if complaints and not allow_unsafe:
        raise StoreUnsafe("\n".join((*complaints, WAY_OUT)))
    return complaints


def find_complaints(client: redis.Redis) -> tuple[str, ...]:
    """Return a sentence for each setting that breaks a promise, of any server of the store; empty if all is well."""
    found: dict[str, None] = {}  # In order, and what several servers have in common only once.
    primary, *others = servers(client)
    facts = primary.info()
    found |= dict.fromkeys((*_engine_complaints(facts), *_config_complaints(primary)))
    if not is_cluster(client):
        found |= dict.fromkeys(_place_complaints(facts))
    for server in others:
        found |= dict.fromkeys((*_engine_complaints(server.info()), *_config_complaints(server)))
    return tuple(found)


def find_advice(client: redis.Redis) -> tuple[str, ...]:
    """Return a sentence for each setting of a replicated store that makes a failover lose more than it must."""
    for server in servers(client):
        facts = server.info("replication")
        is_lonely_writer = server.config_get("min-replicas-to-write").get("min-replicas-to-write") == "0"
        if facts["role"] == "master" and facts["connected_slaves"] and is_lonely_writer:
            return (UNBOUNDED,)
    return ()


def _engine_complaints(facts: Mapping[str, Any]) -> tuple[str, ...]:
    version = tuple(int(part) for part in str(facts.get("redis_version", "0")).split(".")[:2] if part.isdigit())
    return ("The server is older than Redis 6.2: upgrade it.",) if version < OLDEST_ENGINE else ()


def _place_complaints(facts: Mapping[str, Any]) -> tuple[str, ...]:
    found = []
    if facts.get("role") not in {None, "master"}:
        found.append("The server is a replica and takes no writes: give the address of the primary.")
    if facts.get("cluster_enabled"):
        found.append(f"The server is a node of a cluster: write its address as {CLUSTER_FORM}.")
    return tuple(found)


def _config_complaints(client: redis.Redis) -> tuple[str, ...]:
    try:
        settings = {_text(name): _text(value) for name, value in _read_settings(client).items()}
    except (redis.exceptions.NoPermissionError, redis.exceptions.ResponseError):
        return (FORBIDDEN,)
    if any(rule.directive not in settings for rule in RULES[:2]):
        return (FORBIDDEN,)
    return tuple(
        rule.sentence for rule in RULES if rule.directive in settings and not rule.is_safe(settings[rule.directive])
    )


def _read_settings(client: redis.Redis) -> Mapping[Any, Any]:
    found: dict[Any, Any] = {}
    for rule in RULES:  # One by one: several patterns in one CONFIG GET need Redis 7.
        found.update(client.config_get(rule.directive))
    return found


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".") + "."


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What a server says about itself.

    Attributes:
        engine: ``Valkey`` or ``Redis``.
        version: As numbers.
        now_seconds: Its clock, since 1970, half the round trip added.
    """

    engine: str
    version: tuple[int, ...]
    now_seconds: float


def read_facts(client: redis.Redis) -> StoreFacts:
    """Ask the server, or one of several, for its version and its clock; two round trips.

    Raises:
        StoreUnavailable: If it does not answer.
    """
    try:
        facts = servers(client)[0].info("server")
        began = time.monotonic()
        seconds, micros = server_time(client)
        half = (time.monotonic() - began) / 2
    except AWAY as error:
        raise StoreUnavailable(f"The store cannot be reached: {_first_line(error)}") from error
    engine = "Valkey" if "valkey_version" in facts else "Redis"
    version = str(facts.get("valkey_version") or facts.get("redis_version", "0"))
    numbers = tuple(int(part) for part in version.split(".") if part.isdigit())
    return StoreFacts(engine, numbers, seconds + micros / 1e6 + half)
