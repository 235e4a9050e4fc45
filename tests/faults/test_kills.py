"""``kill -9`` of every process under load: the service comes back, and nothing acknowledged is lost or doubled."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.faults.checker import SITE, faults, read_snapshot
from tests.faults.conftest import POLICY, ROUNDS
from tests.faults.disk import Disk
from tests.faults.figures import note
from tests.faults.load import Load
from tests.faults.service import Role, Service, until
from tests.receiver import Receiver

pytestmark = [pytest.mark.alone, pytest.mark.timeout(120 + 30 * ROUNDS)]
BETWEEN = 40  # Acknowledged requests between two kills, so that each kill meets work in flight.
PACE_SECONDS = 0.03  # A hundred rounds take minutes; the store should not hold a million comments by then.
SLOW_FSYNC_MS = 20
NAMES_IN_LOG = {Role.MASTER: "web", Role.WORKER: "worker", Role.STORE: "store"}


def test_kill_9_of_each_process_in_turn_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with Service(tmp_path) as service:
        _kill_in_turn(service, "kill -9")


def test_kill_9_with_a_slow_disk_loses_and_doubles_nothing(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "disk")
    with Service(tmp_path, **disk.environ) as service:
        disk.slow_down(SLOW_FSYNC_MS)
        _kill_in_turn(service, "kill -9, slow fsync")


def _kill_in_turn(service: Service, what: str) -> None:
    key = service.add_site(SITE, **POLICY)
    with Load(service.port, key, pace_seconds=PACE_SECONDS) as load:
        for role in itertools.islice(itertools.cycle(Role), ROUNDS):
            load.wait_for_answers(BETWEEN)
            _kill_and_recover(service, role)
        load.wait_for_answers(BETWEEN)

    with service.store() as client:
        found = faults(load.operations, read_snapshot(client))
    note(what, load, rounds=ROUNDS, faults=len(found))
    assert found == []
    unsettled = [one for one in load.operations if one.key is not None and not one.statuses]
    assert unsettled == []
    assert load.statuses()[500] == 0, service.log()[-3000:]


def _kill_and_recover(service: Service, role: Role) -> None:
    before = len(service.log())
    service.kill(role)
    if role is Role.PARENT:
        service.start()
    else:
        service.wait_until_ready()
    if role in NAMES_IN_LOG:
        said = service.log()[before:]
        assert f'"process":"{NAMES_IN_LOG[role]}"' in said.replace(" ", ""), said
        assert "Restarting" in said


def test_killed_worker_delivers_every_webhook_in_order(tmp_path: Path) -> None:
    with Receiver() as receiver, Service(tmp_path, WINNOW_WEBHOOK_ALLOW_NETWORKS="127.0.0.0/8") as service:
        key = service.add_site(SITE, **POLICY, webhook_url=receiver.url)
        with Load(service.port, key, clients=4, pace_seconds=0.05) as load:
            for _ in range(max(1, ROUNDS // 5)):
                load.wait_for_answers(BETWEEN)
                service.kill(Role.WORKER)
                service.wait_until_ready()
        with service.store() as client:
            snapshot = read_snapshot(client)
        assert faults(load.operations, snapshot) == []
        note("worker killed, webhooks", load, rounds=max(1, ROUNDS // 5))

        expected = {one: events for one, entries in snapshot.audit.items() if (events := _events(entries))}
        # A claim of the killed worker runs out after a minute; then the next worker sends its message again.
        until(lambda: _told(receiver) == expected, 90, what="every webhook")


def _events(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what a website hears of a comment; what the answer to its submission settled, it is not told again."""
    told = [entry for entry in entries if entry["act"] != "submit" or entry["status"] == "pending"]
    return ["comment.restored" if entry["act"] == "undo" else f"comment.{entry['status']}" for entry in told]


def _told(receiver: Receiver) -> dict[str, list[str]]:
    """Return the events of each comment in the order of their first arrival."""
    found: dict[str, list[str]] = defaultdict(list)
    seen: set[str] = set()
    for one in list(receiver.requests):
        if one.id not in seen:
            seen.add(one.id)
            found[one.event["data"]["id"]].append(one.event["type"])
    return found
