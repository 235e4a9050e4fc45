"""The desk and its copies: every waiting comment on exactly one card, whatever comes and goes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.core.policy import Thresholds
from moderation.service.copies import ALIKE_PLACES, PLACES, CopyGroups, Sketch, agreement
from moderation.service.desk import MEMBERS_SHOWN, Desk
from moderation.service.filters import Filters, Sort
from moderation.store.comments import Comments
from moderation.store.connection import Connection
from moderation.store.queue import Queue
from moderation.store.reviews import Reviews
from moderation.store.writes import Addition
from tests.web.review.seeding import comment_of

THRESHOLDS = {"spam": Thresholds(0.3, 0.97)}
sketches = st.tuples(*[st.integers(1, 3)] * PLACES)


@given(st.lists(st.tuples(st.sampled_from(["add", "remove"]), st.integers(0, 12), sketches), max_size=40))
def test_groups_hold_each_comment_once_and_only_copies(steps: list[tuple[str, int, Sketch]]) -> None:
    groups, known = CopyGroups(), {}

    for act, number, sketch in steps:
        name = f"c{number}"
        groups.remove(name)
        known.pop(name, None)
        if act == "add":
            groups.add(name, sketch)
            known[name] = sketch

    for name in known:
        members = groups.members(name)
        assert name in members
        assert set(members) <= set(known)
        assert all(groups.members(other) is members for other in members if len(members) > 1)
        assert all(places >= ALIKE_PLACES for places in members.values())


@given(sketches, st.sets(st.integers(0, PLACES - 1), max_size=PLACES))
def test_copies_are_found_exactly_up_to_the_measure(sketch: Sketch, changed: set[int]) -> None:
    other = tuple(value + 100 if place in changed else value for place, value in enumerate(sketch))
    groups = CopyGroups()

    groups.add("one", sketch)
    groups.add("other", other)

    is_copy = agreement(sketch, other) >= ALIKE_PLACES
    assert (len(groups.members("one")) == 2) == is_copy


def test_comments_without_a_sketch_stand_alone() -> None:
    groups = CopyGroups()

    for name in ("a", "b"):
        groups.add(name, None)
    groups.add("c", (0,) * PLACES)

    assert groups.members("a") == {"a": PLACES}
    assert groups.members("c") == {"c": PLACES}


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    found = Connection(store_url)
    yield found
    found.close()


def desk_of(connection: Connection, *, seconds_a_look: float = 0.0) -> Desk:
    """Return a desk to which texts with equal first words are copies, and whose clock runs as told."""
    ticks = iter(range(1_000_000))
    return Desk(
        Comments(connection),
        Queue(connection),
        Reviews(connection),
        sketch=lambda text: (hash(text.split()[0]) % 1_000_003 + 1,) * PLACES,
        timer=lambda: next(ticks) * seconds_a_look,
    )


def fill(connection: Connection, texts: list[str]) -> list[str]:
    comments, ids = Comments(connection), []
    connection.client.hset("w:{site-a}:site", "version", 1)
    for text in texts:
        comment = comment_of(text)
        comments.add(Addition(comment=comment, audit={"comment": comment.id}))
        ids.append(comment.id)
    return ids


@pytest.mark.parametrize("sort", list(Sort))
def test_pages_together_hold_every_comment_once(connection: Connection, sort: Sort) -> None:
    ids = fill(connection, [f"word{i % 7} number {i}" for i in range(30)])
    desk, after, seen = desk_of(connection), None, []

    for _ in range(30):
        sheet = desk.sheet("site-a", Filters(sort=sort), thresholds=THRESHOLDS, after=after, limit=2)
        seen += [one for card in sheet.cards for one, _ in card.members]
        after = sheet.after
        if after is None:
            break

    assert sorted(seen) == sorted(ids)


def test_a_card_holds_a_bounded_number_of_copies(connection: Connection) -> None:
    fill(connection, [f"same number {i}" for i in range(MEMBERS_SHOWN + 10)])

    sheet = desk_of(connection).sheet("site-a", Filters(), thresholds=THRESHOLDS, after=None, limit=5)

    assert [len(card.members) for card in sheet.cards] == [MEMBERS_SHOWN, 10]


def test_a_slow_store_shows_what_was_read_so_far_and_reads_on_next_time(connection: Connection) -> None:
    fill(connection, [f"word{i} and more" for i in range(250)])
    desk = desk_of(connection, seconds_a_look=0.2)

    indexed = [desk.sheet("site-a", Filters(), thresholds=THRESHOLDS, after=None, limit=5).indexed for _ in range(3)]

    assert indexed == [100, 200, 250]


def test_counts_follow_what_comes_and_goes(connection: Connection) -> None:
    ids = fill(connection, [f"word{i} and more" for i in range(5)])
    desk = desk_of(connection)
    desk.sheet("site-a", Filters(), thresholds=THRESHOLDS, after=None, limit=5)

    connection.client.zrem("w:{site-a}:s:pending", ids[0])
    connection.client.hset(f"w:{{site-a}}:c:{ids[0]}", "status", "approved")
    Reviews(connection).record("site-a", {"comment": ids[0]})
    sheet = desk.sheet("site-a", Filters(), thresholds=THRESHOLDS, after=None, limit=5)

    assert (sheet.waiting, sheet.indexed, sheet.matched, sheet.labels) == (4, 4, 4, {"spam": 4})


@pytest.mark.parametrize("count, left", [(5, 0), (60, 1)])
def test_a_store_that_was_replaced_is_read_afresh(connection: Connection, count: int, left: int) -> None:
    fill(connection, [f"word{i} and more" for i in range(count)])
    desk = desk_of(connection)
    desk.sheet("site-a", Filters(), thresholds=THRESHOLDS, after=None, limit=5)

    connection.client.flushall()
    fill(connection, ["another text"] * left)
    sheet = desk.sheet("site-a", Filters(), thresholds=THRESHOLDS, after=None, limit=5)

    assert (sheet.waiting, sheet.indexed) == (left, left)
