"""Several hosts on one store, and a store of several servers: what holds, and what a failover loses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from moderation.config import Settings
from moderation.keyring_file import load_keyring
from moderation.store.embedded import running_store
from moderation.store.keys import SiteKeys
from tests import topologies
from tests.faults.checker import SITE, faults, read_snapshot
from tests.faults.conftest import POLICY
from tests.faults.figures import note
from tests.faults.load import CLIENTS, Load
from tests.faults.service import ROOT, Service, until
from tests.processes import clean_environ, slowdown

pytestmark = pytest.mark.alone
RECORD = SiteKeys(SITE).record
ANSWER_SECONDS = 1.0  # Promise 7.
CUT_SECONDS = 2.0
OUTAGE_SECONDS = 3.0
RECOMMENDED = {"min_replicas_to_write": "1", "min_replicas_max_lag": "2"}  # By docs/scale-out.md.
TEXT = {
    "content": "I agree.",
    "permalink": "https://site-a.example/1",
    "author": "Mallory",
    "author_email": "m@mail.example",
}


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """Give the path of a key file that all hosts share."""
    directory = Settings(data_dir=tmp_path / "keys")
    directory.data_dir.mkdir(mode=0o700)
    load_keyring(directory)
    return str(directory.secret_path)


@contextmanager
def _host(directory: Path, url: str, secret: str) -> Iterator[Service]:
    with Service(directory, WINNOW_REDIS_URL=url, WINNOW_SECRET_KEY_FILE=secret) as service:
        yield service


def _winnow(service: Service, url: str, secret: str, *arguments: str) -> Any:
    """Run a command as an operator of the host would, and return its JSON."""
    environ = clean_environ(WINNOW_DATA_DIR=str(service.data), WINNOW_REDIS_URL=url, WINNOW_SECRET_KEY_FILE=secret)
    command = [sys.executable, "-m", "moderation.cli", *arguments, "--json"]
    found = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert found.stdout, found.stderr
    return json.loads(found.stdout)


def _assert_commands_know_it(service: Service, url: str, secret: str, *, store: str) -> None:
    checks = {check["id"]: check for check in _winnow(service, url, secret, "doctor")["checks"]}
    assert {checks[name]["status"] for name in ("engine", "clock", "worker")} == {"ok"}
    assert checks["store"]["status"] == store, checks["store"]
    assert [site["site"] for site in _winnow(service, url, secret, "site", "list")["sites"]] == [SITE]


def test_two_hosts_on_one_store_are_one_service(tmp_path: Path, secret: str) -> None:
    with (
        running_store(Settings(data_dir=tmp_path / "outside"), command="tests") as url,
        _host(tmp_path / "one", url, secret) as one,
        _host(tmp_path / "two", url, secret) as two,
    ):
        key = one.add_site(SITE, **POLICY)
        with Load(one.port, key, pace_seconds=0.01, other_port=two.port) as load:
            load.wait_for_answers(400)
        with one.store() as client:
            found = faults(load.operations, read_snapshot(client))
        note("two hosts", load, faults=len(found))
        assert found == []
        assert load.statuses()[500] == 0

        status, headers, first = one.call("POST", "/v1/comments", key, TEXT, {"Idempotency-Key": "once"})
        assert status == 201
        status, headers, again = two.call("POST", "/v1/comments", key, TEXT, {"Idempotency-Key": "once"})
        assert (status, headers["Idempotent-Replayed"]) == (201, "true")
        comment_id = json.loads(first)["id"]
        assert json.loads(again)["id"] == comment_id
        ruling = {"decision": "approve", "moderator": "Alice"}
        assert one.call("POST", f"/v1/comments/{comment_id}/decision", key, ruling)[0] == 200
        status, _, refusal = two.call(
            "POST", f"/v1/comments/{comment_id}/decision", key, {**ruling, "moderator": "Bob"}
        )
        assert (status, json.loads(refusal)["decision"]["moderator"]) == (409, "Alice")
        assert one.call("PATCH", "/v1/site", key, {"email_required": False})[0] == 200
        nameless = {name: value for name, value in TEXT.items() if name != "author_email"}
        assert two.call("POST", "/v1/comments", key, nameless)[0] == 201, "the other host kept the old policy"


def test_failover_of_a_watched_primary_under_load(tmp_path: Path, secret: str) -> None:
    with (
        topologies.watched(tmp_path / "s", replicas=2, **RECOMMENDED) as watched,
        _host(tmp_path / "one", watched.url, secret) as service,
    ):
        key = service.add_site(SITE, **POLICY)
        _assert_commands_know_it(service, watched.url, secret, store="ok")
        before = service.processes()
        with Load(service.port, key, pace_seconds=0.02) as load:
            load.wait_for_answers(200)
            old = watched.primary()
            killed = time.monotonic()
            old.kill()
            until(lambda: watched.primary() is not old, 60, what="a new primary")
            load.wait_for_answers(200, seconds=60)

        _assert_failover("failover, sentinels", service, load, watched.primary(), killed)
        assert service.processes() == before, "recovery took a restart"


def test_failover_in_a_cluster_under_load(tmp_path: Path, secret: str) -> None:
    with (
        topologies.cluster(tmp_path / "c", replicas=1) as cluster,
        _host(tmp_path / "one", cluster.url, secret) as service,
    ):
        key = service.add_site(SITE, **POLICY)
        _assert_commands_know_it(service, cluster.url, secret, store="warn")  # Nothing bounds its loss.
        before = service.processes()
        with Load(service.port, key, pace_seconds=0.02) as load:
            load.wait_for_answers(200)
            old = cluster.primary_of(RECORD)
            killed = time.monotonic()
            old.kill()
            until(lambda: cluster.primary_of(RECORD) is not old, 60, what="a new primary")
            load.wait_for_answers(200, seconds=60)

        _assert_failover("failover, cluster", service, load, cluster.primary_of(RECORD), killed)
        assert service.processes() == before, "recovery took a restart"


def _assert_failover(what: str, service: Service, load: Load, primary: topologies.Node, killed: float) -> None:
    """Nothing is doubled or invented; lost is at most what was on its way to the replica; no answer was slow."""
    with primary.client() as client:
        found = faults(load.operations, read_snapshot(client))
    lost = [fault for fault in found if "is lost" in fault]
    met = [one for one in load.attempts if one.at >= killed]
    refused = [one.at for one in met if one.status in (0, 503)]
    note(
        what,
        load,
        lost=len(lost),
        slowest_ms=round(1000 * max(one.seconds for one in met)),
        normal_after_ms=round(1000 * (max(refused, default=killed) - killed)),
    )
    # The primary sends a write to its replica before it does the next; each client waits for one answer at a time.
    assert len(lost) <= CLIENTS, found
    if not lost:
        assert found == []
    assert refused, "the failover was hardly noticed"
    assert load.statuses()[500] == 0, service.log()[-3000:]
    assert max(one.seconds for one in met) <= ANSWER_SECONDS * slowdown()
    assert "The store is away" in service.log()
    assert "The store is back" in service.log()


@contextmanager
def _several(kind: str, directory: Path) -> Iterator[tuple[str, list[int]]]:
    """Yield the address of several servers and the process ids of all of them, sentinels too."""
    if kind == "cluster":
        with topologies.cluster(directory) as cluster:
            yield cluster.url, [node.pid for node in cluster.nodes]
        return
    with topologies.watched(directory) as watched:
        yield watched.url, [*(node.pid for node in watched.nodes), *watched.sentinel_pids()]


@pytest.mark.parametrize("kind", ["cluster", "sentinels"])
def test_when_every_server_is_stopped_answers_are_quick_all_the_same(tmp_path: Path, secret: str, kind: str) -> None:
    with _several(kind, tmp_path / "s") as (url, pids), _host(tmp_path / "one", url, secret) as service:
        key = service.add_site(SITE, **POLICY)
        before = service.processes()
        with Load(service.port, key, pace_seconds=0.02) as load:
            load.wait_for_answers(100)
            began = time.monotonic()
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            try:
                time.sleep(OUTAGE_SECONDS)
            finally:
                for pid in pids:
                    os.kill(pid, signal.SIGCONT)
            ended = time.monotonic()
            load.wait_for_answers(100, seconds=60)

        met = [one for one in load.attempts if began <= one.at - one.seconds and one.at <= ended]
        slowest = max(one.seconds for one in met)
        note(f"all stopped, {kind}", load, slowest_ms=round(1000 * slowest))
        assert sum(one.status == 503 for one in met) > 20
        assert slowest <= ANSWER_SECONDS * slowdown()
        assert load.statuses()[500] == 0, service.log()[-3000:]
        assert service.processes() == before, "recovery took a restart"


@pytest.mark.parametrize("directives", [{}, RECOMMENDED], ids=["defaults", "recommended"])
def test_what_a_failover_loses_when_the_replica_was_cut_off(
    tmp_path: Path, secret: str, directives: dict[str, str]
) -> None:
    """By default the primary goes on alone, and all it acknowledged meanwhile is lost; as recommended it refuses."""
    with (
        topologies.watched(tmp_path / "s", **directives) as watched,
        _host(tmp_path / "one", watched.url, secret) as service,
    ):
        key = service.add_site(SITE, **POLICY)
        old = watched.primary()
        replica = next(node for node in watched.nodes if node is not old)
        with Load(service.port, key, pace_seconds=0.02) as load:
            load.wait_for_answers(100)
            replica.send(signal.SIGSTOP)
            cut = time.monotonic()
            old.ask("CLIENT", "KILL", "TYPE", "replica")
            time.sleep(CUT_SECONDS)
            old.kill()
            ended = time.monotonic()
            replica.send(signal.SIGCONT)
            until(lambda: watched.primary() is not old, 60, what="a new primary")
            old.start()
            load.wait_for_answers(20, seconds=60)

        with watched.primary().client() as client:
            found = faults(load.operations, read_snapshot(client))
        lost = sum("is lost" in fault for fault in found)
        alone = sum(cut <= one.at <= ended for one in load.attempts if 200 <= one.status < 300)
        note("failover, replica cut off", load, directives=directives, alone=alone, lost=lost)
        if directives:
            assert alone <= CLIENTS, "the primary went on alone"
            assert "NOREPLICAS" in service.log()
            assert lost <= CLIENTS
            assert lost or found == []
        else:
            assert 0 < lost <= alone + CLIENTS
