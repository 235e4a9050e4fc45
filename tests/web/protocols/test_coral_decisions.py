"""What moderators decide here reaches Coral, and what they decide there comes back once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import structlog

from moderation.core.comment import RejectReason, Status
from moderation.webhooks.coral_access import CoralAccess, seal_access
from tests.receiver import Receiver, Reply, poll
from tests.web.protocols.conftest import Live, working
from tests.web.protocols.coral import BORDERLINE, HAM, SECRET, SPAM, add_secret, ask, feedback, stored, tell
from tests.web.protocols.coral_play import appear, backlog, connected, decide, post, settled
from tests.web.protocols.coral_server import TOKEN, CoralServer


@pytest.fixture
def coral(live: Live) -> Iterator[CoralServer]:
    """Give a Coral that asks us, and that we may tell."""
    with connected(live) as server:
        yield server


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moderation.webhooks.schedule.DELAYS", (0.0,) + (0.02,) * 9)
    monkeypatch.setattr("moderation.webhooks.traffic.LONGEST_PAUSE_SECONDS", 0.02)


@pytest.mark.parametrize("has_event", [True, False], ids=["after an event", "found by asking"])
@pytest.mark.parametrize(
    "reason, status",
    [(None, "APPROVED"), (RejectReason.SPAM, "REJECTED"), (RejectReason.OTHER, "REJECTED")],
    ids=["approve", "spam", "other"],
)
def test_decision_reaches_coral(
    live: Live, coral: CoralServer, has_event: bool, reason: RejectReason | None, status: str
) -> None:
    with working(live.services):
        post(live, coral, "coral-1", BORDERLINE)
        if has_event:
            appear(live, "coral-1")

        decide(live, stored(live)[0], reason)
        settled(live)

    assert coral.comments["coral-1"].status == status
    assert coral.moderated == [("coral-1", status, None)]


@pytest.mark.parametrize(
    "reason, code",
    [
        (RejectReason.SPAM, "SPAM"),
        (RejectReason.TOXIC, "ABUSIVE"),
        (RejectReason.OFF_TOPIC, "IRRELEVANT_CONTENT"),
        (RejectReason.OTHER, "OTHER"),
    ],
)
def test_reason_goes_along_where_coral_demands_one(
    live: Live, coral: CoralServer, reason: RejectReason, code: str
) -> None:
    coral.has_dsa = True
    with working(live.services):
        post(live, coral, "coral-1", BORDERLINE)
        decide(live, stored(live)[0], reason)
        settled(live)

    assert coral.moderated == [("coral-1", "REJECTED", code)]


def test_what_the_machine_rejected_can_be_approved_in_coral(live: Live, coral: CoralServer) -> None:
    with working(live.services):
        post(live, coral, "coral-1", SPAM, status="REJECTED")
        decide(live, stored(live)[0])
        settled(live)

    assert coral.comments["coral-1"].status == "APPROVED"


def test_what_was_published_can_be_rejected_in_coral(live: Live, coral: CoralServer) -> None:
    with working(live.services):
        post(live, coral, "coral-1", HAM, status="NONE")
        decide(live, stored(live)[0], RejectReason.TOXIC)
        settled(live)

    assert coral.comments["coral-1"].status == "REJECTED"


def test_answer_among_many_comments_is_found(live: Live, coral: CoralServer) -> None:
    with working(live.services):
        post(live, coral, "coral-1", BORDERLINE)
        for number in range(25):
            coral.keep(f"later-{number}", f"Number {number}", at=live.services.now())
        decide(live, stored(live)[0])
        settled(live)

    assert [one[0] for one in coral.moderated] == ["coral-1"]


def test_loop_is_broken(live: Live, coral: CoralServer) -> None:
    with working(live.services):
        post(live, coral, "coral-1", BORDERLINE)
        appear(live, "coral-1")
        decided = decide(live, stored(live)[0])
        settled(live)
        assert tell(live, "LEFT", comment="coral-1", status="APPROVED").status_code == 204
        settled(live)

    (comment,) = stored(live)
    assert (comment.version, comment.decision) == (decided.version, decided.decision)
    assert len(coral.moderated) == 1


def test_feedback_about_our_own_decision_teaches_nothing_else(live: Live, coral: CoralServer) -> None:
    with working(live.services):
        post(live, coral, "coral-1", BORDERLINE)
        decide(live, stored(live)[0], RejectReason.SPAM)
        settled(live)
    before = stored(live)

    feedback(live, BORDERLINE, 1)

    assert stored(live) == before
    assert [row["labels"] for row in live.services.archive.labels(live.site)] == [{"spam": 1, "toxic": None}]


def test_feedback_that_agrees_later_teaches_nothing_else(live: Live) -> None:
    add_secret(live, SECRET)
    ask(live, BORDERLINE)
    decide(live, stored(live)[0], RejectReason.SPAM)

    feedback(live, BORDERLINE, 1)

    assert [row["labels"] for row in live.services.archive.labels(live.site)] == [{"spam": 1, "toxic": None}]


def test_echo_that_comes_after_an_undo_does_not_decide_again(live: Live, coral: CoralServer) -> None:
    with working(live.services):
        post(live, coral, "coral-1", BORDERLINE)
        appear(live, "coral-1")
        decide(live, stored(live)[0])
        settled(live)
        live.services.decisions.undo(live.services.sites.read(live.site), stored(live)[0].id, who="Alice")
        for queue in ("PENDING", "UNMODERATED"):
            tell(live, "LEFT", comment="coral-1", status="APPROVED", queue=queue)
        feedback(live, BORDERLINE, 0)
        settled(live)

    (comment,) = stored(live)
    assert comment.status is Status.PENDING
    assert len(coral.moderated) == 1


def test_decision_in_coral_is_followed_and_not_sent_back(live: Live, coral: CoralServer) -> None:
    with working(live.services):
        post(live, coral, "coral-1", BORDERLINE)
        appear(live, "coral-1")
        tell(live, "LEFT", comment="coral-1", status="REJECTED")
        settled(live)

    (comment,) = stored(live)
    assert comment.decision is not None
    assert (comment.status.value, comment.decision.moderator) == ("rejected", "coral")
    assert coral.moderated == []


@pytest.mark.parametrize("status", ["APPROVED", "REJECTED"])
def test_coral_moderates_what_the_machine_had_published(live: Live, coral: CoralServer, status: str) -> None:
    with working(live.services):
        post(live, coral, "coral-1", HAM, status="NONE")
        tell(live, "ENTERED", comment="coral-1", queue="UNMODERATED", status="NONE")
        settled(live)
        tell(live, "LEFT", comment="coral-1", queue="UNMODERATED", status=status)
        settled(live)

    (comment,) = stored(live)
    assert comment.decision is not None
    assert (comment.status.value, comment.decision.moderator) == (status.lower(), "coral")
    assert coral.moderated == []


def test_verdict_of_the_machine_does_not_come_back_as_a_decision(live: Live, coral: CoralServer) -> None:
    with working(live.services):
        post(live, coral, "coral-1", SPAM, status="REJECTED")
        tell(live, "ENTERED", comment="coral-1", queue="REPORTED", status="REJECTED")
        settled(live)

    (comment,) = stored(live)
    assert (comment.status.value, comment.decision) == ("rejected", None)


def test_decision_that_coral_made_before_we_looked_is_followed(live: Live, coral: CoralServer) -> None:
    post(live, coral, "coral-1", BORDERLINE)
    tell(live, "ENTERED", comment="coral-1", status="SYSTEM_WITHHELD")
    coral.comments["coral-1"].status = "APPROVED"

    with working(live.services):
        settled(live)

    assert stored(live)[0].status.value == "approved"
    assert coral.moderated == []


def test_decision_that_was_taken_back_in_time_is_not_told(live: Live, coral: CoralServer) -> None:
    post(live, coral, "coral-1", BORDERLINE)
    (comment,) = stored(live)
    decide(live, comment)
    live.services.decisions.undo(live.services.sites.read(live.site), comment.id, who="Alice")

    with working(live.services):
        settled(live)

    assert coral.moderated == []


def test_second_thoughts_are_told_too(live: Live, coral: CoralServer) -> None:
    with working(live.services):
        post(live, coral, "coral-1", BORDERLINE)
        (comment,) = stored(live)
        for reason in (None, RejectReason.SPAM):
            decide(live, comment, reason)
            settled(live)
        live.services.decisions.undo(live.services.sites.read(live.site), comment.id, who="Alice")
        settled(live)

    assert [status for _, status, _ in coral.moderated] == ["APPROVED", "REJECTED", "APPROVED"]


@pytest.mark.slow
@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(
    "reply",
    [
        Reply(500),
        Reply(401),
        Reply(200, body=b"<html>"),
        Reply(200, body=b'{"errors": [{"message": "Mallory wrote that"}], "data": null}'),
        Reply(302, {"Location": "http://127.0.0.1:1/"}),
    ],
    ids=["broken", "token", "page", "errors", "redirect"],
)
def test_trouble_is_tried_again(live: Live, coral: CoralServer, reply: Reply) -> None:
    post(live, coral, "coral-1", BORDERLINE)
    coral.trouble = [reply, reply, reply]
    with structlog.testing.capture_logs() as logs, working(live.services):
        decide(live, stored(live)[0])
        settled(live)

    assert coral.moderated == [("coral-1", "APPROVED", None)]
    assert "Mallory wrote" not in json.dumps(logs, default=str)
    assert TOKEN not in json.dumps(logs, default=str)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_retries")
def test_coral_that_stays_away_is_given_up_and_the_webhook_lives(live: Live, coral: CoralServer) -> None:
    post(live, coral, "coral-1", BORDERLINE)
    coral.trouble = [Reply(500)] * 10
    with structlog.testing.capture_logs() as logs, working(live.services):
        decide(live, stored(live)[0])
        settled(live)

    assert [one["event"] for one in logs if one["log_level"] == "error"] == ["coral-given-up"]
    assert live.services.sites.read(live.site).webhook_disabled is None


def test_site_hears_of_the_decision_as_well(live: Live, coral: CoralServer) -> None:
    with Receiver() as website, working(live.services):
        live.services.sites.change_policy(live.site, {"webhook_url": website.url})
        post(live, coral, "coral-1", BORDERLINE)
        decide(live, stored(live)[0])
        settled(live)

    assert [json.loads(one.body)["type"] for one in website.requests] == ["comment.pending", "comment.approved"]
    assert len(coral.moderated) == 1


def test_coral_does_not_wait_for_a_webhook_that_is_disabled(live: Live, coral: CoralServer) -> None:
    with Receiver() as website, working(live.services):
        live.services.sites.change_policy(live.site, {"webhook_url": website.url})
        live.services.sites.set_webhook_disabled(live.site, "It was gone.")
        post(live, coral, "coral-1", BORDERLINE)
        decide(live, stored(live)[0])
        poll(lambda: coral.moderated)
        assert website.requests == []

        live.services.sites.set_webhook_disabled(live.site, None)
        live.services.outbox.resume(live.site)
        settled(live)

    assert [json.loads(one.body)["type"] for one in website.requests] == ["comment.pending", "comment.approved"]


def without_access(live: Live) -> None:
    live.services.sites.set_coral_access(live.site, None)


def with_another_address(live: Live) -> None:
    private = seal_access(CoralAccess("http://10.0.0.1", TOKEN), live.services.keyring)
    live.services.sites.set_coral_access(live.site, private)


@pytest.mark.parametrize("change", [without_access, with_another_address])
def test_token_goes_nowhere_else(live: Live, coral: CoralServer, change: Callable[[Live], None]) -> None:
    post(live, coral, "coral-1", BORDERLINE)
    decide(live, stored(live)[0])
    change(live)

    with structlog.testing.capture_logs() as logs, working(live.services):
        poll(lambda: any(one["event"] in ("webhook-delivered", "webhook-failed") for one in logs))

    assert coral.receiver.requests == []


def test_token_is_sealed_in_the_store(live: Live, coral: CoralServer) -> None:
    everything = str(live.services.connection.client.hgetall("w:{blog}:site"))

    assert TOKEN not in everything
    assert str(coral.receiver.port) not in everything


def test_comments_of_other_kinds_are_not_told(live: Live, coral: CoralServer) -> None:
    post(live, coral, "coral-1", BORDERLINE)
    without_access(live)
    decide(live, stored(live)[0])

    assert backlog(live).waiting == 0


def test_addresses_among_corals_ids_are_not_stored(live: Live, coral: CoralServer) -> None:
    address = "mallory@mail.example"
    ask(live, BORDERLINE, story={"id": address}, tenantID=address)
    tell(live, "ENTERED", comment=address, status="SYSTEM_WITHHELD")

    (message,) = live.services.connection.client.xrange("w:{blog}:outbox")
    assert "coral.seen" in str(message)
    assert "mallory" not in str(message) + str(stored(live))
