"""Coral's webhooks and feedback: our queue follows its moderators where it is certain which comment they meant."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from moderation.core.comment import RejectReason, Ruling
from moderation.service.decisions import Judgment
from tests.web.protocols.conftest import Live
from tests.web.protocols.coral import BORDERLINE, SECRET, add_secret, ask, feedback, post, stored, tell


@pytest.fixture
def coral(live: Live) -> Live:
    """Give a service that has one of Coral's secrets for its site."""
    add_secret(live, SECRET)
    return live


def test_decision_in_coral_is_followed(coral: Live) -> None:
    ask(coral, BORDERLINE)
    tell(coral, "ENTERED", status="SYSTEM_WITHHELD")

    answer = tell(coral, "LEFT", status="APPROVED")

    (comment,) = stored(coral)
    assert answer.status_code == 204
    assert (comment.status.value, coral.services.queue.count(coral.site)) == ("approved", 0)
    assert comment.decision is not None
    assert (comment.decision.moderator, comment.decision.note) == ("coral", "Decided in Coral.")
    assert [row["labels"] for row in coral.services.archive.labels(coral.site)] == [{"spam": 0, "toxic": 0}]


def test_rejection_in_coral_teaches_nothing_since_it_says_no_reason(coral: Live) -> None:
    ask(coral, BORDERLINE)
    tell(coral, "ENTERED", status="SYSTEM_WITHHELD")

    tell(coral, "LEFT", status="REJECTED")

    (comment,) = stored(coral)
    assert comment.status.value == "rejected"
    assert list(coral.services.archive.labels(coral.site)) == []


def test_repeated_events_change_nothing(coral: Live) -> None:
    ask(coral, BORDERLINE)
    for _ in range(2):
        tell(coral, "ENTERED", status="SYSTEM_WITHHELD")
    for status in ("APPROVED", "APPROVED", "REJECTED"):
        assert tell(coral, "LEFT", status=status).status_code == 204

    (comment,) = stored(coral)
    assert (comment.status.value, comment.version) == ("approved", 2)


def test_two_that_could_be_meant_are_left_to_people(coral: Live) -> None:
    ask(coral, BORDERLINE)
    ask(coral, f"{BORDERLINE} too", author={"id": "user-jane"})

    tell(coral, "ENTERED", status="SYSTEM_WITHHELD")
    tell(coral, "LEFT", status="APPROVED")

    assert coral.services.queue.count(coral.site) == 2


def test_equal_texts_of_one_author_are_paired_in_order_of_arrival(coral: Live) -> None:
    for _ in range(2):
        ask(coral, BORDERLINE)
    first, second = stored(coral)

    for number in (1, 2):
        tell(coral, "ENTERED", status="SYSTEM_WITHHELD", comment=f"coral-{number}")
    tell(coral, "LEFT", status="REJECTED", comment="coral-2")

    after = coral.services.comments.get_many(coral.site, [first.id, second.id])
    assert [one.status.value for one in after] == ["pending", "rejected"]


def test_comment_is_connected_once(coral: Live) -> None:
    ask(coral, BORDERLINE)
    tell(coral, "ENTERED", status="SYSTEM_WITHHELD", comment="coral-1")

    tell(coral, "ENTERED", status="SYSTEM_WITHHELD", comment="coral-2")
    tell(coral, "LEFT", status="APPROVED", comment="coral-2")

    assert coral.services.queue.count(coral.site) == 1


@pytest.mark.parametrize("seconds", [-30, 30], ids=["earlier", "later"])
def test_event_of_another_time_is_of_another_comment(coral: Live, seconds: int) -> None:
    ask(coral, BORDERLINE)
    at = (coral.services.now() + timedelta(seconds=seconds)).isoformat()

    tell(coral, "ENTERED", status="SYSTEM_WITHHELD", at=at)
    tell(coral, "LEFT", status="APPROVED")

    assert coral.services.queue.count(coral.site) == 1


@pytest.mark.parametrize(
    "data", [{"queue": "UNMODERATED"}, {"queue": "REPORTED"}, {"storyID": "story-2"}, {"commentID": ""}]
)
def test_events_that_are_not_about_what_we_held_are_left_alone(coral: Live, data: dict[str, str]) -> None:
    ask(coral, BORDERLINE)

    entered = tell(coral, "ENTERED", **{"status": "SYSTEM_WITHHELD", **data})
    tell(coral, "LEFT", status="APPROVED")

    assert entered.status_code == 204
    assert coral.services.queue.count(coral.site) == 1


def test_decision_of_our_own_moderator_stands(coral: Live) -> None:
    ask(coral, BORDERLINE)
    tell(coral, "ENTERED", status="SYSTEM_WITHHELD")
    (comment,) = stored(coral)
    site = coral.services.sites.read(coral.site)
    spam = Judgment(ruling=Ruling.REJECT, reason=RejectReason.SPAM, moderator="Alice")
    coral.services.decisions.decide(site, comment.id, spam)

    tell(coral, "LEFT", status="APPROVED")

    (comment,) = stored(coral)
    assert comment.decision is not None
    assert comment.decision.moderator == "Alice"


@pytest.mark.parametrize(
    "event", [{}, {"type": "STORY_CREATED", "data": []}, {"type": 3, "data": {"commentID": ["x"]}, "createdAt": 5}]
)
def test_other_events_are_taken_note_of(coral: Live, event: dict[str, Any]) -> None:
    assert post(coral, "/coral/webhook/blog", event).status_code == 204


@pytest.mark.parametrize("value, status", [(0, "approved"), (1, "rejected")])
def test_feedback_by_perspective_finds_the_comment_by_its_text(coral: Live, value: int, status: str) -> None:
    ask(coral, "", comment={"body": "<div>See my <b>channel</b></div><div>now &amp; then</div>"})

    answer = feedback(coral, "See my channel\n\nnow & then", value)

    (comment,) = stored(coral)
    assert answer.status_code == 200
    assert comment.status.value == status
    assert len(list(coral.services.archive.labels(coral.site))) == 1


def test_feedback_about_another_answer_is_only_a_label(coral: Live) -> None:
    ask(coral, BORDERLINE, comment={"parentID": "coral-5"})

    feedback(coral, BORDERLINE, 0, reply_to_id_Coral_comment_id="coral-6")

    (comment,) = stored(coral)
    assert comment.status.value == "pending"
    assert len(list(coral.services.archive.labels(coral.site))) == 1
