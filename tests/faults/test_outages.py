"""A store that stops, fills up, turns read-only or loses its tail: quick refusals, and recovery without a restart."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.checker import SITE, faults, read_snapshot
from tests.faults.conftest import POLICY
from tests.faults.disk import Disk
from tests.faults.figures import note
from tests.faults.load import Load, Timed
from tests.faults.service import Role, Service

pytestmark = pytest.mark.alone
OUTAGE_SECONDS = 3.0
ANSWER_SECONDS = 1.0  # Promise 7.
RECOVERY_SECONDS = 2.0
RECORD = b"*3\r\n$3\r\nSET\r\n$5\r\nhello\r\n$1000\r\ntorn"


@contextmanager
def _loaded(service: Service, what: str) -> Iterator[Load]:
    """Yield a running load; at the end, everything acknowledged is there once."""
    key = service.add_site(SITE, **POLICY)
    with Load(service.port, key, pace_seconds=0.01) as load:
        load.wait_for_answers(100)
        yield load
        load.wait_for_answers(100)
    with service.store() as client:
        found = faults(load.operations, read_snapshot(client))
    note(what, load, faults=len(found))
    assert found == []
    assert load.statuses()[500] == 0, service.log()[-3000:]


def _since(load: Load, began: float) -> list[Timed]:
    return [one for one in list(load.attempts) if one.at - one.seconds >= began]


def _assert_outage(service: Service, load: Load, began: float, ended: float) -> None:
    """Between the two times there were only quick refusals; soon after the second everything works."""
    time.sleep(max(0.0, ended + RECOVERY_SECONDS + 1.0 - time.monotonic()))
    met = [one for one in _since(load, began) if one.at <= ended]
    refused = [one for one in met if one.status == 503]
    assert len(refused) > 20, "the outage was hardly noticed"
    assert all(one.retry_after == "1" for one in refused)
    assert {one.status for one in met if one.at > began + ANSWER_SECONDS} <= {503, 404, 409}
    assert max(one.seconds for one in met) <= ANSWER_SECONDS
    late = [one for one in _since(load, ended + RECOVERY_SECONDS) if one.status in (0, 503)]
    assert late == [], f"{len(late)} requests were refused {RECOVERY_SECONDS} s after the store was back"
    assert len(_since(load, ended + RECOVERY_SECONDS)) > 20
    assert "The store is away" in service.log()
    assert "The store is back" in service.log()
    note(
        "outage",
        load,
        slowest_ms=round(1000 * max(one.seconds for one in met)),
        normal_after_ms=round(1000 * (_last_refusal(load, began) - ended)),
    )


def _last_refusal(load: Load, began: float) -> float:
    return max(one.at for one in _since(load, began) if one.status in (0, 503))


def test_stopped_store_gets_quick_503_and_recovers_by_itself(tmp_path: Path) -> None:
    with Service(tmp_path) as service, _loaded(service, "store stopped") as load:
        before = service.processes()
        began = time.monotonic()
        pid = service.signal(Role.STORE, signal.SIGSTOP)
        try:
            time.sleep(OUTAGE_SECONDS)
        finally:
            os.kill(pid, signal.SIGCONT)

        _assert_outage(service, load, began, time.monotonic())

        assert service.processes() == before, "recovery took a restart"


@pytest.mark.parametrize(
    "refuse, allow",
    [
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    ],
    ids=["maxmemory reached", "read-only replica"],
)
def test_store_that_refuses_writes_gets_503_and_recovers_by_itself(
    tmp_path: Path, refuse: tuple[str, ...], allow: tuple[str, ...]
) -> None:
    with Service(tmp_path) as service, _loaded(service, " ".join(refuse)) as load, service.store() as client:
        before = service.processes()
        began = time.monotonic()
        client.execute_command(*refuse)
        try:
            time.sleep(OUTAGE_SECONDS)
        finally:
            client.execute_command(*allow)

        _assert_outage(service, load, began, time.monotonic())

        assert service.processes() == before, "recovery took a restart"


def test_full_disk_gets_503_and_recovers_once_there_is_room(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "disk")
    with Service(tmp_path, **disk.environ) as service, _loaded(service, "disk full") as load:
        began = time.monotonic()
        disk.fill()
        time.sleep(OUTAGE_SECONDS)
        disk.free()
        freed = time.monotonic()

        load.wait_for_answers(50)

        met = [one for one in _since(load, began) if one.at <= freed]
        assert {one.status for one in met if one.at > began + ANSWER_SECONDS} <= {503, 404, 409}
        assert max(one.seconds for one in met) <= ANSWER_SECONDS
        assert "The store is away" in service.log()
        assert "No space left on device" in (service.data / "logs" / "valkey.log").read_text()


def test_slow_disk_delays_answers_and_loses_nothing(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "disk")
    with Service(tmp_path, **disk.environ) as service, _loaded(service, "fsync slow") as load:
        began = time.monotonic()
        disk.slow_down(100)
        load.wait_for_answers(50)

        slowed = [one for one in _since(load, began) if one.status == 201]
        assert min(one.seconds for one in slowed[-20:]) >= 0.1, "an answer came before the fsync"


def test_torn_tail_of_the_append_only_file_is_cut_off(tmp_path: Path) -> None:
    with Service(tmp_path) as service:
        key = service.add_site(SITE, **POLICY)
        with Load(service.port, key) as load:
            load.wait_for_answers(200)
        service.kill(Role.PARENT)
        _await_end_of_store(service)
        newest = max((service.data / "store").rglob("*.incr.aof"), key=lambda path: path.stat().st_mtime)
        with newest.open("ab") as file:
            file.write(RECORD)

        service.start()

        with service.store() as client:
            assert faults(load.operations, read_snapshot(client)) == []
            assert client.get("hello") is None
        assert "truncated" in (service.data / "logs" / "valkey.log").read_text().lower()


def _await_end_of_store(service: Service) -> None:
    """Wait for the orphan that the kernel tells to end."""
    from moderation.files import FileLock

    lock = FileLock(service.data / "run" / "store.lock")
    assert lock.acquire(exclusive=True, timeout_seconds=10), "the store outlived its parent by 10 s"
    lock.release()
