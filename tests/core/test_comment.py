"""The state table of a comment, and which decision gives which training label."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.core.comment import (
    EPOCH,
    Comment,
    Decision,
    Label,
    RejectReason,
    Ruling,
    Status,
    Verdict,
    from_milliseconds,
    label_of,
    status_after_edit,
    to_milliseconds,
)
from moderation.core.reasons import Action

AT = datetime(2026, 11, 23, 16, 20, tzinfo=UTC)
COMMENT = Comment(
    id="01K",
    site="a",
    status=Status.APPROVED,
    permalink="https://news.example/a/42",
    parent_id=None,
    external_id=None,
    author_id="",
    author_name="Mallory",
    author_url=None,
    content="text",
    content_type="text/plain",
    language=None,
    type="comment",
    created_at=AT,
    updated_at=AT,
    version=1,
    verdict=Verdict(action=Action.APPROVE, scores={}, model=None, reasons=()),
)


@pytest.mark.parametrize(
    "ruling, reason, label",
    [
        (Ruling.APPROVE, None, Label(spam=0, toxic=0)),
        (Ruling.REJECT, RejectReason.SPAM, Label(spam=1, toxic=None)),
        (Ruling.REJECT, RejectReason.TOXIC, Label(spam=0, toxic=1)),
        (Ruling.REJECT, RejectReason.OFF_TOPIC, None),
        (Ruling.REJECT, RejectReason.OTHER, None),
        (Ruling.REJECT, None, None),
    ],
)
def test_labels_are_those_of_the_design(ruling: Ruling, reason: RejectReason | None, label: Label | None) -> None:
    assert label_of(ruling, reason) == label


@pytest.mark.parametrize(
    "ruling, action, status",
    [
        (None, Action.APPROVE, Status.APPROVED),
        (None, Action.REVIEW, Status.PENDING),
        (None, Action.REJECT, Status.REJECTED),
        (Ruling.APPROVE, Action.APPROVE, Status.APPROVED),
        (Ruling.APPROVE, Action.REVIEW, Status.PENDING),
        (Ruling.APPROVE, Action.REJECT, Status.REJECTED),
        (Ruling.REJECT, Action.APPROVE, Status.REJECTED),
        (Ruling.REJECT, Action.REVIEW, Status.REJECTED),
        (Ruling.REJECT, Action.REJECT, Status.REJECTED),
    ],
)
def test_where_an_edited_comment_stands(ruling: Ruling | None, action: Action, status: Status) -> None:
    decision = Decision(ruling=ruling, reason=None, moderator="Alice", at=AT) if ruling else None

    assert (
        status_after_edit(
            replace(COMMENT, decision=decision), Verdict(action=action, scores={}, model=None, reasons=())
        )
        is status
    )


@given(st.integers(0, 10**16))
def test_times_keep_their_milliseconds(microseconds: int) -> None:
    at = EPOCH + timedelta(microseconds=microseconds)
    kept = from_milliseconds(to_milliseconds(at))

    assert timedelta() <= at - kept < timedelta(milliseconds=1)
    assert to_milliseconds(kept) == to_milliseconds(at)
