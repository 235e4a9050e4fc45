"""Which comment of Coral's is which of ours: equal texts, texts of other people, texts that were edited."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from moderation.core.comment import RejectReason
from tests.receiver import poll
from tests.web.protocols.conftest import Live, working
from tests.web.protocols.coral import BORDERLINE, ask, stored, tell
from tests.web.protocols.coral_play import appear, backlog, connected, decide, post, settled
from tests.web.protocols.coral_server import CoralServer


@pytest.fixture
def coral(live: Live) -> Iterator[CoralServer]:
    """Give a Coral that asks us, and that we may tell."""
    with connected(live) as server:
        yield server


@pytest.mark.parametrize("order", [("coral-1", "coral-2"), ("coral-2", "coral-1")], ids=["in order", "the other way"])
def test_equal_texts_are_paired_in_order_of_arrival(live: Live, coral: CoralServer, order: tuple[str, str]) -> None:
    post(live, coral, "coral-1", BORDERLINE)
    post(live, coral, "coral-2", BORDERLINE)
    first, second = stored(live)
    coral.comments["coral-1"].at = first.created_at - timedelta(seconds=40)
    coral.comments["coral-2"].at = second.created_at
    for number, comment in enumerate((first, second)):
        live.services.connection.client.hset(
            f"w:{{blog}}:c:{comment.id}", "created", int((comment.created_at.timestamp() - 40 * (1 - number)) * 1000)
        )

    with working(live.services):
        for coral_id in order:
            appear(live, coral_id)
        decide(live, first)
        decide(live, second, RejectReason.SPAM)
        settled(live)

    assert sorted(coral.moderated) == [("coral-1", "APPROVED", None), ("coral-2", "REJECTED", None)]


def test_two_at_once_take_one_each(live: Live, coral: CoralServer) -> None:
    for number in range(4):
        post(live, coral, f"coral-{number}", BORDERLINE)

    with working(live.services):
        for number in range(4):
            tell(live, "ENTERED", comment=f"coral-{number}", status="SYSTEM_WITHHELD")
        settled(live)
        for comment in stored(live):
            decide(live, comment)
        settled(live)

    assert sorted(one[0] for one in coral.moderated) == [f"coral-{number}" for number in range(4)]


@pytest.mark.parametrize("change", [{"author": "user-jane"}, {"story": "story-2"}, {"parent": "coral-9"}])
def test_somebody_elses_equal_text_is_left_alone(live: Live, coral: CoralServer, change: dict[str, str]) -> None:
    ask(live, BORDERLINE)
    coral.keep("coral-1", BORDERLINE, at=live.services.now(), **change)

    with working(live.services):
        appear(live, "coral-1")
        (comment,) = stored(live)
        decide(live, comment)
        poll(lambda: backlog(live).waiting <= 1)

    assert live.services.coral.matches.theirs(live.services.sites.read(live.site), comment.id) is None
    assert coral.moderated == []


def test_text_that_was_edited_in_coral_is_not_decided_on(live: Live, coral: CoralServer) -> None:
    with working(live.services):
        post(live, coral, "coral-1", BORDERLINE)
        appear(live, "coral-1")
        kept = coral.comments["coral-1"]
        kept.body, kept.revision = "<div>Something else</div>", 2
        decide(live, stored(live)[0])
        settled(live)

    assert (kept.status, coral.moderated) == ("SYSTEM_WITHHELD", [])


def test_text_that_was_edited_late_is_connected_anew(
    live: Live, coral: CoralServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = live.services.now() + timedelta(minutes=11)
    with working(live.services):
        post(live, coral, "coral-1", BORDERLINE)
        appear(live, "coral-1")
        (before,) = stored(live)
        monkeypatch.setattr(live.services.coral, "_now", lambda: later)
        ask(live, f"{BORDERLINE} now", action="EDIT")
        kept = coral.comments["coral-1"]
        kept.body, kept.revision = f"<div>{BORDERLINE} now</div>", 2
        (after,) = (one for one in stored(live) if one.id != before.id)
        decide(live, before, RejectReason.SPAM)
        decide(live, after)
        settled(live)

    assert coral.moderated == [("coral-1", "APPROVED", None)]


def test_edited_text_stays_connected(live: Live, coral: CoralServer) -> None:
    with working(live.services):
        post(live, coral, "coral-1", BORDERLINE)
        appear(live, "coral-1")
        ask(live, f"{BORDERLINE} now", action="EDIT")
        kept = coral.comments["coral-1"]
        kept.body, kept.revision = f"<div>{BORDERLINE} now</div>", 2
        decide(live, stored(live)[0])
        settled(live)

    assert coral.moderated == [("coral-1", "APPROVED", None)]
