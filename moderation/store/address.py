"""Addresses of a store that is more than one server: a cluster, or a primary that sentinels watch.

Owns how ``redis+cluster://`` and ``redis+sentinel://`` are written; redis-py has no such form. Refuses to connect:
``topology`` does. Plain ``redis://``, ``rediss://`` and ``unix://`` are redis-py's own and are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

SERVER_PORT = 6379
SENTINEL_PORT = 26379
CLUSTER_FORM = "redis+cluster://HOST:PORT,HOST:PORT"
SENTINEL_FORM = "redis+sentinel://HOST:PORT,HOST:PORT/NAME"

Host = tuple[str, int]


class Kind(StrEnum):
    """What answers at an address."""

    CLUSTER = "cluster"
    SENTINEL = "sentinel"


SCHEMES = {
    "redis+cluster": (Kind.CLUSTER, False),
    "rediss+cluster": (Kind.CLUSTER, True),
    "redis+sentinel": (Kind.SENTINEL, False),
    "rediss+sentinel": (Kind.SENTINEL, True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where several servers are that make one store.

    Attributes:
        hosts: Some nodes of the cluster, or the sentinels; one that answers is enough.
        has_tls: Whether all of them speak TLS.
        username: For the servers that hold the data; None means the default user.
        password: Theirs.
        name: By which the sentinels know the primary; empty for a cluster.
        database: Number of the database; a cluster has only 0.
        sentinel_password: The sentinels' own; None if they ask for none.
    """

    kind: Kind
    hosts: tuple[Host, ...]
    has_tls: bool
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    name: str = ""
    database: int = 0
    sentinel_password: str | None = field(default=None, repr=False)


def parse_address(url: str) -> Address | None:
    """Return what a cluster's or sentinels' URL says, or None for a single server's.

    Raises:
        ValueError: With a sentence that never quotes the URL, since it may hold a password.
    """
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        return None
    kind, has_tls = SCHEMES[parts.scheme]
    user, _, hosts = parts.netloc.rpartition("@")
    username, _, password = user.partition(":")
    port = SERVER_PORT if kind is Kind.CLUSTER else SENTINEL_PORT
    name, database = _path(parts.path) if kind is Kind.SENTINEL else ("", _no_path(parts.path))
    return Address(
        kind=kind,
        hosts=tuple(_host(one, port) for one in hosts.split(",")),
        has_tls=has_tls,
        username=unquote(username) or None,
        password=unquote(password) or None,
        name=name,
        database=database,
        sentinel_password=_sentinel_password(parts, kind),
    )


def _host(text: str, default: int) -> Host:
    try:
        parts = urlsplit(f"//{text.strip()}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("One of the hosts is not HOST or HOST:PORT.") from None
    if not host or port == 0 or parts.path:
        raise ValueError("One of the hosts is not HOST or HOST:PORT.")
    return host, port or default


def _path(path: str) -> tuple[str, int]:
    name, _, database = path.strip("/").partition("/")
    if not name:
        raise ValueError("The name by which the sentinels know the primary is missing.")
    if database and not database.isdecimal():
        raise ValueError("What follows the name of the primary is not the number of a database.")
    return unquote(name), int(database or 0)


def _no_path(path: str) -> int:
    if path.strip("/") not in ("", "0"):
        raise ValueError("A cluster has one database only, so nothing may follow the hosts.")
    return 0


def _sentinel_password(parts: SplitResult, kind: Kind) -> str | None:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    found = options.pop("sentinel_password", None) if kind is Kind.SENTINEL else None
    if options:
        raise ValueError(f"It has an option that means nothing here: {min(options)}.")
    return found
