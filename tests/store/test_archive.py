"""What is kept beside comments: labels in pages, the audit trail, days, standings, erasures."""

from __future__ import annotations

from datetime import timedelta

import pytest

from moderation.core.comment import Status
from moderation.store.archive import Archive
from moderation.store.comments import Comments
from moderation.store.connection import Connection
from tests.store.conftest import AT, Adder, comment


@pytest.fixture
def archive(connection: Connection) -> Archive:
    return Archive(connection)


def test_labels_come_in_order_over_all_pages(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moderation.store.archive.LABEL_PAGE", 3)
    for number in range(7):
        archive.put_label("site-a", f"id-{number}", {"n": number}, days=1, now=AT + timedelta(seconds=number))

    found = list(archive.labels("site-a"))

    assert [row["n"] for row in found] == list(range(7))
    assert found[0]["id"] == "id-0"


def test_a_label_that_ran_out_is_left_out(archive: Archive, connection: Connection) -> None:
    for name in ("one", "two"):
        archive.put_label("site-a", name, {}, days=1, now=AT)
    connection.client.delete("w:{site-a}:l:one")

    assert [row["id"] for row in archive.labels("site-a")] == ["two"]
    assert archive.has_label("site-a", "two")
    assert not archive.has_label("site-a", "one")


def test_days_are_listed_oldest_first_and_empty_ones_too(archive: Archive, connection: Connection) -> None:
    connection.client.hset("w:{site-a}:d:20261122", mapping={"verdict:approve": 2})

    assert archive.days("site-a", until=AT, days=3) == [
        ("2026-11-21", {}),
        ("2026-11-22", {"verdict:approve": 2}),
        ("2026-11-23", {}),
    ]


@pytest.mark.parametrize(
    "standing, flags", [("banned", (True, False)), ("trusted", (False, True)), (None, (False, False))]
)
def test_a_standing_counts_until_it_is_taken_back(
    archive: Archive, comments: Comments, add: Adder, standing: str | None, flags: tuple[bool, bool]
) -> None:
    add(1)
    archive.set_standing("site-a", "k1.mallory", "banned")
    archive.set_standing("site-a", "k1.mallory", standing)

    record = comments.author("site-a", ["k1.mallory"])

    assert (record.is_banned, record.is_trusted) == flags
    assert record.pending == 1


def test_an_erased_author_is_remembered_as_such_alone(archive: Archive, comments: Comments, add: Adder) -> None:
    add(1)
    comments.remove(comment(1), audit={})

    assert archive.forget_author("site-a", "k1.mallory", now=AT)
    assert not archive.forget_author("site-a", "k1.mallory", now=AT)
    assert archive.erased_among("site-a", ["k1.mallory", "k1.other"]) == {"k1.mallory"}
    assert archive.erased_among("site-a", []) == set()


def test_what_was_rejected_before_a_time_is_found_oldest_first(archive: Archive, add: Adder) -> None:
    late, early = add(9, Status.REJECTED), add(5, Status.REJECTED)
    add(1)

    assert archive.rejected_before("site-a", early.created_at, limit=9) == [early.id]
    assert archive.rejected_before("site-a", late.created_at, limit=1) == [early.id]
    assert archive.statuses("site-a") == {Status.APPROVED: 0, Status.PENDING: 1, Status.REJECTED: 2}


def test_the_log_can_be_rewritten_twice_in_a_row(archive: Archive) -> None:
    archive.rewrite_log()
    archive.rewrite_log()


def test_the_audit_trail_is_newest_first_and_bounded(archive: Archive, add: Adder) -> None:
    add(1), add(2)

    assert len(archive.audit("site-a")) == 2
    assert len(archive.audit("site-a", limit=1)) == 1
    assert archive.audit("site-b") == []
