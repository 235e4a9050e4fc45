"""The queue: leases with fences, pages that neither skip nor repeat, and a machine that tries every order of events."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.core.comment import Status
from moderation.core.site import Site
from moderation.store.connection import Connection
from moderation.store.queue import Claim, Position, Queue
from tests.store.conftest import AT, Adder

LEASE = "w:{site-a}:lease"


def ids(claims: list[Claim]) -> list[str]:
    return [claim.comment_id for claim in claims]


def expire(connection: Connection, comment_id: str) -> None:
    """Let a lease run out, as the passing of time would."""
    connection.client.zadd(LEASE, {comment_id: 1}, xx=True)


def test_the_oldest_is_claimed_first_and_nobody_else_gets_it(queue: Queue, add: Adder) -> None:
    first, second, third = add(1), add(2), add(3)

    assert ids(queue.claim("site-a", "Alice", seconds=60)) == [first.id]
    assert ids(queue.claim("site-a", "Bob", seconds=60, count=2)) == [second.id, third.id]
    assert queue.claim("site-a", "Carol", seconds=60) == []
    assert queue.holders("site-a", [first.id, second.id, "unknown"]) == {first.id: "Alice", second.id: "Bob"}


def test_what_ran_out_is_claimed_before_the_oldest(queue: Queue, add: Adder, connection: Connection) -> None:
    _, late = add(1), add(2)
    [old] = queue.claim("site-a", "Alice", seconds=60, ids=[late.id])
    expire(connection, late.id)

    [new] = queue.claim("site-a", "Bob", seconds=60)

    assert new.comment_id == late.id
    assert int(new.fence) > int(old.fence)


@pytest.mark.slow
def test_a_lease_really_runs_out(queue: Queue, add: Adder) -> None:
    one = add(1)
    queue.claim("site-a", "Alice", seconds=1)

    assert queue.claim("site-a", "Bob", seconds=60) == []
    deadline = time.monotonic() + 5
    while not (claims := queue.claim("site-a", "Bob", seconds=60)) and time.monotonic() < deadline:
        time.sleep(0.02)

    assert ids(claims) == [one.id]


def test_claiming_what_one_holds_keeps_the_fence(queue: Queue, add: Adder) -> None:
    one = add(1)
    [first] = queue.claim("site-a", "Alice", seconds=60)

    assert queue.claim("site-a", "Alice", seconds=60, ids=[one.id]) == [first]
    assert queue.claim("site-a", "Bob", seconds=60, ids=[one.id]) == []


def test_only_pending_comments_can_be_claimed(queue: Queue, add: Adder) -> None:
    done = add(1, Status.APPROVED)

    assert queue.claim("site-a", "Alice", seconds=60, ids=[done.id, "unknown"]) == []


def test_renewing_keeps_and_giving_up_frees(queue: Queue, add: Adder, connection: Connection) -> None:
    one, two = add(1), add(2)
    claims = queue.claim("site-a", "Alice", seconds=1, count=2)

    assert queue.renew("site-a", claims, seconds=600) == [one.id, two.id]
    assert connection.client.zscore(LEASE, one.id) > (time.time() + 500) * 1000
    assert queue.renew("site-a", claims[:1], seconds=0) == [one.id]
    assert ids(queue.claim("site-a", "Bob", seconds=60, count=2)) == [one.id]
    assert queue.renew("site-a", claims, seconds=60) == [two.id], "Bob has the first one now"


def test_expired_leases_are_freed(queue: Queue, add: Adder, connection: Connection) -> None:
    one, _ = add(1), add(2)
    queue.claim("site-a", "Alice", seconds=60, count=2)
    expire(connection, one.id)

    assert queue.expire_leases("site-a") == 1
    assert queue.expire_leases("site-a") == 0
    assert one.id not in queue.holders("site-a", [one.id])


def test_a_claim_is_bounded(queue: Queue, add: Adder) -> None:
    for number in range(120):
        add(number)

    assert len(queue.claim("site-a", "Alice", seconds=60, count=10_000)) == 100


def test_the_longest_waiting_and_how_many(queue: Queue, add: Adder, site: Site) -> None:
    assert (queue.count(site.name), queue.oldest_ms(site.name)) == (0, None)
    add(5), add(3)

    assert queue.count(site.name) == 2
    assert queue.oldest_ms(site.name) == int((AT + timedelta(seconds=3)).timestamp() * 1000)


def walk(fetch: Callable[[Position | None, int], list[Position]], limit: int) -> list[str]:
    """Return the ids of all pages."""
    seen: list[str] = []
    after: Position | None = None
    while positions := fetch(after, limit):
        seen += [one.comment_id for one in positions]
        after = positions[-1]
    return seen


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scores=st.lists(st.sampled_from([0.0, 0.1, 0.1 + 0.2, 0.5, 1.0]), max_size=30), limit=st.integers(1, 7))
def test_pages_neither_skip_nor_repeat(connection: Connection, scores: list[float], limit: int) -> None:
    connection.client.flushall()
    queue = Queue(connection)
    members = {f"01K{number:03}": score for number, score in enumerate(scores)}
    if members:
        connection.client.zadd("w:{site-a}:risk", members)

    for descending in (False, True):
        found = walk(
            lambda after, most, down=descending: queue.pending_page(  # type: ignore[misc]
                "site-a", by_risk=True, descending=down, after=after, limit=most
            ),
            limit,
        )
        assert found == sorted(members, key=lambda one: (members[one], one), reverse=descending)


@pytest.mark.parametrize("descending", [False, True])
def test_a_page_goes_on_where_the_last_item_has_left(queue: Queue, connection: Connection, descending: bool) -> None:
    names = [f"01K{number:05}" for number in range(2500)]
    connection.client.zadd("w:{site-a}:risk", dict.fromkeys(names, 1.0) | {"lower": 0.5, "upper": 1.5})
    order = sorted(names, reverse=descending)
    gone = order[1800]
    connection.client.zrem("w:{site-a}:risk", gone)

    page = queue.pending_page("site-a", by_risk=True, descending=descending, after=Position(1.0, gone), limit=3)
    end = queue.pending_page("site-a", by_risk=True, descending=descending, after=Position(1.0, order[2497]), limit=5)

    assert [one.comment_id for one in page] == order[1801:1804]
    assert [one.comment_id for one in end] == [*order[2498:], "lower" if descending else "upper"]


def test_listings_show_what_they_are_asked_for(queue: Queue, add: Adder) -> None:
    here, there = add(1, Status.APPROVED), add(2, Status.APPROVED, permalink="https://news.example/other")
    add(3, Status.REJECTED)
    page = here.permalink

    def listed(positions: list[Position]) -> list[str]:
        return [one.comment_id for one in positions]

    assert listed(queue.page("site-a", Status.APPROVED, permalink=page, after=None, limit=9)) == [here.id]
    assert listed(queue.page("site-a", Status.APPROVED, permalink=None, after=None, limit=9)) == [here.id, there.id]
    assert len(queue.author_page("site-a", "k1.mallory", after=None, limit=9)) == 3
    assert queue.decided_page("site-a", after=None, limit=9) == []
    assert queue.page("site-b", Status.APPROVED, permalink=None, after=None, limit=9) == []
