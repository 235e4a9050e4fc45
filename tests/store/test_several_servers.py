"""A store of several servers: passwords, start-up checks of every server, scripts on every node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from moderation.core.errors import StoreUnavailable, StoreUnsafe
from moderation.store.checks import check_store, find_advice, find_complaints, read_facts
from moderation.store.connection import Connection
from tests import topologies
from tests.processes import wait_for

pytestmark = pytest.mark.alone
PASSWORD = "hush"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[topologies.Cluster]:
    with topologies.cluster(tmp_path_factory.mktemp("cluster"), replicas=1) as made:
        yield made


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[topologies.Watched]:
    with topologies.watched(tmp_path_factory.mktemp("watched")) as made:
        yield made


@pytest.fixture(params=["cluster", "watched"])
def several(request: pytest.FixtureRequest) -> topologies.Cluster | topologies.Watched:
    """Give both, one after the other."""
    made: topologies.Cluster | topologies.Watched = request.getfixturevalue(request.param)
    return made


def test_scripts_reach_the_nodes_of_all_sites(cluster: topologies.Cluster) -> None:
    sites = [f"site-{number}" for number in range(12)]

    with closing(Connection(cluster.url)) as connection:
        for site in sites:
            assert connection.run("site_add", [f"w:{{{site}}}:site"], ["url", "https://a.example"]) == 1
            assert connection.run("site_add", [f"w:{{{site}}}:site"], ["url", "https://a.example"]) == 0

    homes = {cluster.primary_of(f"w:{{{site}}}:site").port for site in sites}
    assert homes == {node.port for node in cluster.primaries}, "some node was never needed"


def test_a_script_that_mixes_sites_is_refused(cluster: topologies.Cluster) -> None:
    keys = ["w:{site-a}:lease", "w:{site-b}:holder"]

    with closing(Connection(cluster.url)) as connection, pytest.raises(StoreUnavailable):
        connection.run("expire", keys, [1])


def test_every_server_is_looked_at(several: topologies.Cluster | topologies.Watched) -> None:
    replica = several.nodes[-1]
    with closing(Connection(several.url)) as connection:
        assert find_complaints(connection.client) == ()
        assert read_facts(connection.client).engine == "Valkey"

    replica.ask("CONFIG", "SET", "appendonly", "no")
    try:  # Each node hears of a new replica in its own time.
        assert "appendonly yes" in wait_for(lambda: _refusal(several.url), seconds=15, what="refusal of a replica")
    finally:
        replica.ask("CONFIG", "SET", "appendonly", "yes")


def _refusal(url: str) -> str:
    """Return why a service does not start on a store, or nothing."""
    with closing(Connection(url)) as connection:
        try:
            check_store(connection.client, allow_unsafe=False)
        except StoreUnsafe as error:
            return str(error)
    return ""


def test_a_primary_that_would_go_on_alone_is_advised_against(several: topologies.Cluster | topologies.Watched) -> None:
    with closing(Connection(several.url)) as connection:
        assert "min-replicas-to-write 1" in "".join(find_advice(connection.client))

        several.nodes[0].ask("CONFIG", "SET", "min-replicas-to-write", "1")
        try:
            assert find_advice(connection.client) == ()
        finally:
            several.nodes[0].ask("CONFIG", "SET", "min-replicas-to-write", "0")


def test_a_node_of_a_cluster_must_be_called_one(cluster: topologies.Cluster) -> None:
    with closing(Connection(f"redis://{topologies.LOCAL}:{cluster.primaries[0].port}/0")) as connection:
        assert any("redis+cluster://" in sentence for sentence in find_complaints(connection.client))


def test_an_unknown_name_of_a_primary_is_a_store_that_is_away(watched: topologies.Watched) -> None:
    with closing(Connection(watched.url.replace(topologies.NAME, "other"))) as connection:
        with pytest.raises(StoreUnavailable):
            connection.ping()
        with pytest.raises(StoreUnavailable):
            check_store(connection.client, allow_unsafe=False)


def test_a_cluster_asks_for_its_password(tmp_path: Path) -> None:
    with topologies.cluster(tmp_path) as cluster:
        for node in cluster.nodes:
            node.ask("CONFIG", "SET", "requirepass", PASSWORD)

        with closing(Connection(cluster.url.replace("//", f"//:{PASSWORD}@"))) as connection:
            connection.ping()
        with closing(Connection(cluster.url)) as connection, pytest.raises(StoreUnavailable):
            connection.ping()


def test_sentinels_and_the_primary_have_passwords_of_their_own(tmp_path: Path) -> None:
    with topologies.watched(tmp_path, sentinel_password="quiet") as watched:
        for node in watched.nodes:
            node.ask("CONFIG", "SET", "masterauth", PASSWORD)
            node.ask("CONFIG", "SET", "requirepass", PASSWORD)
        for port in watched.sentinels:
            topologies.ask(port, "SENTINEL", "SET", topologies.NAME, "auth-pass", PASSWORD, password="quiet")

        url = watched.url.replace("//", f"//:{PASSWORD}@")
        with closing(Connection(f"{url}?sentinel_password=quiet")) as connection:
            wait_for(lambda: _answers(connection), seconds=20, what="answer")
        for wrong in (url, f"{url}?sentinel_password=loud", f"{watched.url}?sentinel_password=quiet"):
            with closing(Connection(wrong)) as connection, pytest.raises(StoreUnavailable):
                connection.ping()


@pytest.mark.slow
def test_connections_to_a_primary_that_became_a_replica_are_given_up(tmp_path: Path) -> None:
    with topologies.watched(tmp_path) as watched, closing(Connection(watched.url)) as connection:

        def write(site: str) -> object:
            return connection.run("site_add", [f"w:{{{site}}}:site"], ["url", "https://a.example"])

        primary = watched.primary()
        replica = next(node for node in watched.nodes if node is not primary)
        write("site-a")

        primary.ask("REPLICAOF", topologies.LOCAL, replica.port)
        with pytest.raises(StoreUnavailable):
            write("site-b")

        assert connection._lanes._free == []  # type: ignore[attr-defined]  # The next one asks the sentinels.
        primary.ask("REPLICAOF", "NO", "ONE")
        wait_for(lambda: _answers(connection), seconds=20, what="a primary")


def _answers(connection: Connection) -> bool:
    try:
        connection.ping()
    except StoreUnavailable:
        return False
    return True
