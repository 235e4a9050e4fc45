"""The outbox: nothing is lost, nothing goes out twice at once, and a comment's messages keep their order."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime

import pytest

from moderation.store.connection import Connection
from moderation.store.keys import SiteKeys
from moderation.store.outbox import Delivery, Outbox

NOW = datetime(2026, 11, 23, 16, 20, tzinfo=UTC)
SITE = "alice-site"
KEYS = SiteKeys(SITE)


@pytest.fixture
def connection(store_url: str) -> Connection:
    return Connection(store_url)


@pytest.fixture
def outbox(connection: Connection) -> Outbox:
    return Outbox(connection)


def event(number: int, *, comment: str = "", kind: str = "comment.approved") -> str:
    body = {"type": kind, "timestamp": "2026-11-23T16:20:00.000Z", "data": {"id": comment or f"c{number}", "n": number}}
    return json.dumps({"id": f"msg_{number}", "body": body}, separators=(",", ":"))


def post(connection: Connection, *events: str) -> None:
    for one in events:
        connection.client.xadd(KEYS.outbox, {"event": one})


def claim(outbox: Outbox, *, limit: int = 10, token: str = "t1", seconds: float = 60.0) -> list[Delivery]:
    return outbox.claim(SITE, token=token, limit=limit, seconds=seconds)


def ids(deliveries: list[Delivery]) -> list[str]:
    return [one.id for one in deliveries]


def poll(condition: object, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


def test_message_is_claimed_with_its_body_unchanged(outbox: Outbox, connection: Connection) -> None:
    raw = event(1, comment="01KÄ☃")
    post(connection, raw)

    (delivery,) = claim(outbox)

    assert delivery == Delivery(SITE, "msg_1", "01KÄ☃", 0, json.loads(raw)["body"], "t1")
    assert connection.client.xlen(KEYS.outbox) == 0


def test_body_keeps_what_lua_would_mangle(outbox: Outbox, connection: Connection) -> None:
    body = {"type": "t", "timestamp": "", "data": {"id": "c", "none": None, "list": [], "big": 2**53 + 1, "f": 0.1}}
    post(connection, json.dumps({"id": "msg_1", "body": body}))

    (delivery,) = claim(outbox)

    assert delivery.body == body


def test_claimed_message_is_not_claimed_again(outbox: Outbox, connection: Connection) -> None:
    post(connection, event(1))

    first, second = claim(outbox), claim(outbox, token="t2")

    assert (ids(first), ids(second)) == (["msg_1"], [])


def test_claim_of_a_killed_worker_runs_out(outbox: Outbox, connection: Connection) -> None:
    post(connection, event(1))
    (lost,) = claim(outbox, seconds=0.05)

    taken: list[Delivery] = []
    poll(lambda: taken.extend(claim(outbox, token="t2")) or taken)

    assert (taken[0].id, taken[0].attempts) == ("msg_1", 0)
    assert not outbox.delivered(lost, now=NOW), "the late worker's word must not count"
    assert outbox.delivered(taken[0], now=NOW)


def test_delivered_message_is_gone(outbox: Outbox, connection: Connection) -> None:
    post(connection, event(1))
    (delivery,) = claim(outbox)

    assert outbox.delivered(delivery, now=NOW)

    assert outbox.backlog(SITE).waiting == 0
    assert not connection.client.exists(KEYS.due, KEYS.deliveries, KEYS.outbox) or not connection.client.xlen(
        KEYS.outbox
    )
    assert connection.client.hget(KEYS.day("20261123"), "webhook:delivered") == "1"


def test_settling_twice_counts_once(outbox: Outbox, connection: Connection) -> None:
    post(connection, event(1))
    (delivery,) = claim(outbox)

    outcomes = [outbox.failed(delivery, delay_seconds=0, now=NOW) for _ in range(2)]

    assert outcomes == [True, False]
    assert claim(outbox, token="t2")[0].attempts == 1
    assert connection.client.hget(KEYS.day("20261123"), "webhook:failed") == "1"


def test_failed_message_waits_for_its_time(outbox: Outbox, connection: Connection) -> None:
    post(connection, event(1))
    (delivery,) = claim(outbox)

    outbox.failed(delivery, delay_seconds=300, now=NOW)

    backlog = outbox.backlog(SITE)
    assert (backlog.waiting, backlog.overdue) == (1, 0)
    assert backlog.next_at is not None
    assert 290 < (backlog.next_at - datetime.now(UTC)).total_seconds() < 310
    assert claim(outbox, token="t2") == []
    assert outbox.busy([SITE]) == []


def test_messages_of_one_comment_go_in_order(outbox: Outbox, connection: Connection) -> None:
    post(connection, event(1, comment="c"), event(2, comment="c"), event(3, comment="c"), event(4, comment="other"))

    first = claim(outbox)
    assert ids(first) == ["msg_1", "msg_4"]
    outbox.failed(first[0], delay_seconds=0, now=NOW)
    again = claim(outbox, token="t2")
    assert ids(again) == ["msg_1"]
    outbox.delivered(again[0], now=NOW)
    after = claim(outbox, token="t3")
    assert ids(after) == ["msg_2"]
    outbox.delivered(after[0], now=NOW)

    assert ids(claim(outbox, token="t4")) == ["msg_3"]


def test_later_message_of_a_comment_waits_behind_one_that_is_under_way(outbox: Outbox, connection: Connection) -> None:
    post(connection, event(1, comment="c"))
    (under_way,) = claim(outbox)
    post(connection, event(2, comment="c"))

    assert claim(outbox, token="t2") == []
    outbox.delivered(under_way, now=NOW)

    assert ids(claim(outbox, token="t3")) == ["msg_2"]


def test_released_message_is_due_at_once_with_no_attempt_counted(outbox: Outbox, connection: Connection) -> None:
    post(connection, event(1))
    (delivery,) = claim(outbox)

    assert outbox.release(delivery)

    assert [(one.id, one.attempts) for one in claim(outbox, token="t2")] == [("msg_1", 0)]


def test_resume_gives_fresh_attempts_but_leaves_what_is_under_way(outbox: Outbox, connection: Connection) -> None:
    post(connection, event(1), event(2))
    first, second = claim(outbox)
    outbox.failed(first, delay_seconds=3600, now=NOW)

    assert outbox.resume(SITE) == 1

    (resumed,) = claim(outbox, token="t2")
    assert (resumed.id, resumed.attempts) == ("msg_1", 0)
    assert outbox.delivered(second, now=NOW)


def test_limit_is_kept(outbox: Outbox, connection: Connection) -> None:
    post(connection, *(event(number) for number in range(5)))

    assert ids(claim(outbox, limit=2)) == ["msg_0", "msg_1"]
    assert outbox.backlog(SITE).waiting == 5


def test_what_waits_is_bounded(outbox: Outbox, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moderation.store.outbox.MAX_WAITING", 6)
    post(connection, *(event(number) for number in range(50)))

    for turn in range(5):
        claim(outbox, limit=1, token=f"t{turn}")

    assert connection.client.hlen(KEYS.deliveries) <= 12  # Two fields a message.
    assert connection.client.xlen(KEYS.outbox) >= 38
    assert outbox.backlog(SITE).waiting == 50


def test_trim_drops_the_oldest(outbox: Outbox, connection: Connection) -> None:
    post(connection, *(event(number) for number in range(10)))

    assert outbox.trim(SITE, keep=3) == 7

    assert ids(claim(outbox)) == ["msg_7", "msg_8", "msg_9"]


@pytest.mark.parametrize(
    "rubbish",
    ["", "not json", "[]", "{}", '{"id":"a b","body":{"data":{"id":"c"}}}', '{"id":"x","body":{"data":3}}', "\x00"],
)
def test_rubbish_in_the_stream_does_not_block_it(outbox: Outbox, connection: Connection, rubbish: str) -> None:
    post(connection, rubbish, event(1))

    assert ids(claim(outbox)) == ["msg_1"]


def test_busy_names_only_sites_with_something_to_send(outbox: Outbox, connection: Connection) -> None:
    post(connection, event(1))

    assert outbox.busy(["bob-site", SITE]) == [SITE]
    claim(outbox)
    assert outbox.busy(["bob-site", SITE]) == []


def test_heartbeat_is_seen_and_runs_out(outbox: Outbox, connection: Connection) -> None:
    assert outbox.last_beat() is None

    outbox.beat(now=NOW)

    assert outbox.last_beat() == NOW
    assert 0 < connection.client.ttl("w:worker") <= 30


def drain(outbox: Outbox, name: str, done: list[str], total: int) -> None:
    """Deliver until all is done; every third turn fails what it meets for the first time."""
    deadline = time.monotonic() + 60
    turn = 0
    while len(done) < total and time.monotonic() < deadline:
        turn += 1
        for one in outbox.claim(SITE, token=f"{name}{turn}", limit=7):
            if turn % 3 == 0 and one.attempts == 0:
                outbox.failed(one, delay_seconds=0.001, now=NOW)
                continue
            done.append(one.id)
            outbox.delivered(one, now=NOW)


def test_workers_side_by_side_deliver_each_message_once_and_in_order(outbox: Outbox, store_url: str) -> None:
    post(Connection(store_url), *(event(number, comment=f"c{number % 20}") for number in range(300)))
    done: list[str] = []

    threads = [threading.Thread(target=drain, args=(Outbox(Connection(store_url)), name, done, 300)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    numbers = [int(one.removeprefix("msg_")) for one in done]
    assert sorted(numbers) == list(range(300))
    for chain in range(20):
        mine = [number for number in numbers if number % 20 == chain]
        assert mine == sorted(mine)
