"""Sixteen clients against the real service: nothing fails, nothing is lost, nothing happens twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from moderation.store.keys import SiteKeys
from tests.faults.checker import SITE, Snapshot, faults, read_snapshot
from tests.faults.conftest import POLICY, SECONDS
from tests.faults.figures import note
from tests.faults.load import Kind, Load, Operation
from tests.faults.service import Service

pytestmark = pytest.mark.alone
KEYS = SiteKeys(SITE)


def test_mixed_load_gets_no_5xx_and_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with Service(tmp_path) as service:
        key = service.add_site(SITE, **POLICY)

        with Load(service.port, key) as load:
            time.sleep(SECONDS)
        with service.store() as client:
            snapshot = read_snapshot(client)

        found = faults(load.operations, snapshot)
        note("no fault", load, seconds=SECONDS, faults=len(found))
        bad = {status: count for status, count in load.statuses().items() if status == 0 or status >= 500}
        assert bad == {}, service.log()[-2000:]
        assert found == []
        kinds = [operation.kind for operation in load.operations if operation.is_acknowledged]
        assert min(kinds.count(kind) for kind in Kind) >= 10, "too little happened to mean anything"
        assert any(len(operation.answers) > 1 for operation in load.operations), "nothing was ever repeated"
        assert load.statuses()[409] > 0, "no two moderators ever met"


def test_checker_sees_what_a_broken_store_would_do(tmp_path: Path) -> None:
    with Service(tmp_path) as service:
        key = service.add_site(SITE, **POLICY)
        with Load(service.port, key) as load:
            load.wait_for_answers(400)
        with service.store() as client:
            snapshot = read_snapshot(client)
            assert faults(load.operations, snapshot) == []

            for word, spoil in SPOILERS.items():
                assert not any(word in fault for fault in faults(load.operations, read_snapshot(client))), word
                spoil(client, snapshot)
                found = faults(load.operations, read_snapshot(client))
                assert any(word in fault for fault in found), f"nobody noticed that {word}: {found}"


def test_checker_sees_a_client_that_was_told_two_things() -> None:
    operation = Operation(
        Kind.SUBMIT, "1", {"content": "a"}, "1", statuses=[201, 201], answers=[{"id": "a"}, {"id": "b"}]
    )
    empty = Snapshot({}, {}, {}, {}, frozenset())

    assert any("doubled" in fault for fault in faults([operation], empty))


def _decided(snapshot: Snapshot) -> str:
    return next(one.id for one in snapshot.comments.values() if one.fields.get("decision"))


def _lose(client: redis.Redis, snapshot: Snapshot) -> None:
    client.delete(KEYS.comment(next(one.id for one in snapshot.comments.values() if one.status == "pending")))


def _double(client: redis.Redis, snapshot: Snapshot) -> None:
    client.copy(KEYS.comment(_decided(snapshot)), KEYS.comment("01DOUBLE"))


def _decide_again(client: redis.Redis, snapshot: Snapshot) -> None:
    entry = next(one for one in snapshot.audit[_decided(snapshot)] if one["act"] == "decide")
    client.xadd(KEYS.audit, {"entry": json.dumps(entry)})


def _forget_author(client: redis.Redis, snapshot: Snapshot) -> None:
    client.hincrby(KEYS.author(snapshot.comments[_decided(snapshot)].fields["author"]), "pending", 1)


def _forge_keys(client: redis.Redis, snapshot: Snapshot) -> None:
    client.mset({KEYS.idempotency(f"{number:032x}"): "x" for number in range(len(snapshot.comments))})


def _miscount_day(client: redis.Redis, snapshot: Snapshot) -> None:
    client.hincrby(next(name for name in snapshot.hashes if name.startswith(KEYS.day(""))), "verdict:review", 1)


SPOILERS: dict[str, Callable[[redis.Redis, Snapshot], object]] = {
    "applied 2 times": _decide_again,
    "do not wait any more": lambda client, snapshot: client.zadd(KEYS.lease, {_decided(snapshot): 1}),
    "has counters": _forget_author,
    "the days count": _miscount_day,
    "idempotency records": _forge_keys,
    "was never sent": lambda client, _: client.hset(KEYS.comment("01STRANGE"), mapping=STRANGER),
    "was doubled": _double,
    "is lost": _lose,
}
STRANGER = {"status": "approved", "version": 1, "author": "", "doc": '{"x":"nobody","p":"https://a.example","c":""}'}
