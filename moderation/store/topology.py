"""Clients for whatever ``WINNOW_REDIS_URL`` names: one server, a primary watched by sentinels, or a cluster.

Owns the time limits of every connection and where a script is sent. Who is primary and which node has a slot is
redis-py's knowledge; nothing of it is repeated here. Refuses to translate errors and to try again: ``connection`` does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, cast

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

from moderation.store.address import Address, Kind, parse_address
from moderation.store.lanes import Argument, Lanes, Script

CONNECT_SECONDS = 0.25
READ_SECONDS = 0.5
SENTINEL_SECONDS = 0.1  # Three that hang, after a read of half a second, leave an answer within a second.
POOL_WAIT_SECONDS = 0.4  # For a free connection when all threads want one.
POOL_SIZE = 64
OPEN_SECONDS = 0.8  # The first look at a cluster also reads its list of commands.
REFRESH_SECONDS = 0.05  # How long a request waits for news of who has which slot; the next one profits from them.
_INHERITED = (
    "username",
    "password",
    "socket_timeout",
    "socket_connect_timeout",
    "decode_responses",
    "protocol",
    "retry",
)


class Scripts(Protocol):
    """Runs scripts where their keys are."""

    def run(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """Run a script and return its reply."""

    def begin(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Callable[[], Any]:
        """Return what gives a script's reply; it may be on its way already."""

    def close(self) -> None:
        """Drop idle connections."""


class ClusterScripts:
    """Scripts on a cluster: redis-py finds the node by the hash tag that all keys of a script share."""

    def __init__(self, client: RedisCluster) -> None:
        self._client = client

    def run(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """Run a script and return its reply; the text is sent where a node does not know it yet."""
        try:
            return self._client.evalsha(script.sha, len(keys), *keys, *args)
        except redis.exceptions.NoScriptError:
            return self._client.eval(script.source, len(keys), *keys, *args)

    def begin(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Callable[[], Any]:
        """Return what gives a script's reply; a cluster is asked only then, since it may send us on to another node."""
        return partial(self.run, script, keys, args)

    def close(self) -> None:
        """Do nothing: the connections are the client's."""


def opener(url: str, *, read_seconds: float = READ_SECONDS) -> Callable[[], redis.Redis]:
    """Return what gives a client for a store; only a cluster's sends something before its first command.

    A cluster's client is no ``redis.Redis``, but speaks the same commands. What is returned raises
    ``redis.exceptions.TimeoutError`` when no node of a cluster has answered yet; calling it again goes on waiting.
    """
    address = parse_address(url)
    if address is None:
        return partial(_open_server, url, read_seconds)
    if address.kind is Kind.SENTINEL:
        return partial(_open_watched, address, read_seconds)
    return _ClusterOpener(address, read_seconds)


class _ClusterOpener:
    """Finds the nodes of a cluster in the background, so that no request waits for all of them."""

    def __init__(self, address: Address, read_seconds: float) -> None:
        self._address = address
        self._read_seconds = read_seconds
        self._made: list[redis.Redis] = []
        self._opening = Refresh(self._make, patience_seconds=OPEN_SECONDS)

    def __call__(self) -> redis.Redis:
        self._opening()
        try:
            return self._made.pop()
        except IndexError:
            raise redis.exceptions.TimeoutError("No node of the cluster answers.") from self._opening.error

    def _make(self) -> None:
        nodes = [ClusterNode(host, port) for host, port in self._address.hosts]  # type: ignore[no-untyped-call]
        cluster = RedisCluster(
            startup_nodes=nodes,
            require_full_coverage=False,  # Sites on the other nodes go on while one node's are away.
            retry=Retry(NoBackoff(), 0),
            **_limits(self._address, self._read_seconds),
        )
        cluster.nodes_manager.initialize = Refresh(cluster.nodes_manager.initialize)  # type: ignore[method-assign]
        self._made.append(cast("redis.Redis", cluster))


class Refresh:
    """Asks the nodes of a cluster who has which slot, in the background, so that no request waits for all of them.

    redis-py asks one node after the other, each with the full time limit, while the request that met an error waits.
    """

    def __init__(self, ask: Callable[..., None], *, patience_seconds: float = REFRESH_SECONDS) -> None:
        self._ask = ask
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.error: Exception | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Begin unless somebody has begun already, and return when it is done, or when patience ends."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, args=(args, kwargs), daemon=True)
                self._thread.start()
            thread = self._thread
        thread.join(self._patience_seconds)

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            self._ask(*args, **kwargs)
        except (redis.exceptions.RedisError, redis.exceptions.RedisClusterException) as error:
            # What made a refresh necessary is raised by whoever met it, and the next request asks again.
            self.error = error


def _open_server(url: str, read_seconds: float) -> redis.Redis:
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=POOL_SIZE,
        timeout=POOL_WAIT_SECONDS,
        socket_timeout=read_seconds,
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        driver_info=None,  # Else each connection reads redis-py's version from disk, and tells it: 3 ms.
        **({} if url.startswith("unix:") else {"socket_connect_timeout": CONNECT_SECONDS}),
    )
    return redis.Redis(connection_pool=pool)


def _open_watched(address: Address, read_seconds: float) -> redis.Redis:
    limits = {"socket_timeout": SENTINEL_SECONDS, "socket_connect_timeout": SENTINEL_SECONDS, "ssl": address.has_tls}
    asked = {**limits, "password": address.sentinel_password, "retry": Retry(NoBackoff(), 0)}
    sentinel = Sentinel(address.hosts, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]
    pool = SentinelConnectionPool(  # type: ignore[no-untyped-call]
        address.name,
        sentinel,
        db=address.database,
        retry=Retry(NoBackoff(), 0),
        **_limits(address, read_seconds),
    )
    return redis.Redis(connection_pool=pool)


def _limits(address: Address, read_seconds: float) -> dict[str, Any]:
    return {
        "username": address.username,
        "password": address.password,
        "socket_timeout": read_seconds,
        "socket_connect_timeout": CONNECT_SECONDS,
        "decode_responses": True,
        "protocol": 2,
        "ssl": address.has_tls,
    }


def scripts_of(client: redis.Redis) -> Scripts:
    """Return what runs scripts for a client."""
    cluster = _cluster(client)
    return ClusterScripts(cluster) if cluster else Lanes(client.connection_pool)


def close_client(client: redis.Redis) -> None:
    """Drop all connections of a client."""
    cluster = _cluster(client)
    if cluster:
        cluster.close()
        return
    client.connection_pool.disconnect()


def is_cluster(client: redis.Redis) -> bool:
    """Return whether several nodes share the keys."""
    return _cluster(client) is not None


def servers(client: redis.Redis) -> list[redis.Redis]:
    """Return a client for each server that keeps writes: first a primary, and all replicas that are known.

    Raises:
        redis.RedisError: If no sentinel answers.
    """
    cluster = _cluster(client)
    if cluster:
        nodes = (*cluster.get_primaries(), *cluster.get_replicas())  # type: ignore[no-untyped-call]
        return [cluster.get_redis_connection(node) for node in nodes]
    pool = client.connection_pool
    if not isinstance(pool, SentinelConnectionPool):
        return [client]
    replicas = pool.sentinel_manager.discover_slaves(pool.service_name)
    inherited = {name: pool.connection_kwargs[name] for name in _INHERITED if name in pool.connection_kwargs}
    secure = issubclass(pool.connection_class, redis.SSLConnection)
    return [client, *(redis.Redis(host, port, ssl=secure, **inherited) for host, port in replicas)]


def server_time(client: redis.Redis) -> tuple[int, int]:
    """Return a server's clock as seconds and microseconds; any node's in a cluster, whose clocks NTP keeps alike."""
    cluster = _cluster(client)
    if cluster:
        return cluster.time(target_nodes=cluster.get_default_node())  # type: ignore[no-untyped-call]
    return client.time()


def _cluster(client: object) -> RedisCluster | None:
    return client if isinstance(client, RedisCluster) else None
