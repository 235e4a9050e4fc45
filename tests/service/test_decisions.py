"""Decisions: labels, webhooks, counters and audit as designed; all can be taken back; nothing is decided twice."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from moderation.core.comment import Comment, Idempotency, RejectReason, Ruling, Status
from moderation.core.errors import AlreadyDecided, Conflict, KeyReuse, LeaseLost, NotFound, NothingToUndo, StaleVersion
from moderation.core.site import Site
from moderation.service.decisions import HISTORY_LENGTH, Judgment
from moderation.service.services import Services
from moderation.store.archive import Archive
from tests.cast import BORDERLINE, FINE, MALLORY, SPAM, everything_in, submission

APPROVE = Judgment(ruling=Ruling.APPROVE, moderator="Alice")
SPAMMY = Judgment(ruling=Ruling.REJECT, reason=RejectReason.SPAM, moderator="Alice")
OVERRIDE = Judgment(ruling=Ruling.REJECT, reason=RejectReason.TOXIC, moderator="Bob", override=True)


@pytest.fixture
def pending(services: Services, site: Site) -> Comment:
    return services.submissions.submit(site, submission(services, site, BORDERLINE, external_id="42")).comment


def events(store_url: str) -> list[dict[str, Any]]:
    entries = everything_in(store_url).get("w:{site-a}:outbox", [])
    return [json.loads(fields["event"]) for _, fields in entries]


def labels(services: Services, site: Site) -> list[dict[str, Any]]:
    return list(services.archive.labels(site.name))


@pytest.mark.parametrize(
    "ruling, reason, label",
    [
        (Ruling.APPROVE, None, {"spam": 0, "toxic": 0}),
        (Ruling.REJECT, RejectReason.SPAM, {"spam": 1, "toxic": None}),
        (Ruling.REJECT, RejectReason.TOXIC, {"spam": 0, "toxic": 1}),
        (Ruling.REJECT, RejectReason.OFF_TOPIC, None),
        (Ruling.REJECT, RejectReason.OTHER, None),
    ],
)
def test_a_decision_gives_the_label_of_the_design(
    services: Services, site: Site, pending: Comment, ruling: Ruling, reason: RejectReason | None, label: object
) -> None:
    services.decisions.decide(site, pending.id, Judgment(ruling=ruling, reason=reason, moderator="Alice"))

    found = labels(services, site)
    assert [row["labels"] for row in found] == ([label] if label else [])
    for row in found:
        assert (row["id"], row["text"], row["author"], row["source"]) == (
            pending.id,
            BORDERLINE,
            "Mallory",
            "site:site-a",
        )


def test_a_decision_moves_the_comment_and_says_who_and_when(services: Services, site: Site, pending: Comment) -> None:
    decided = services.decisions.decide(site, pending.id, SPAMMY).comment

    assert decided == services.comments.get(site.name, pending.id)
    assert (decided.status, decided.version) == (Status.REJECTED, 2)
    assert decided.decision is not None
    assert (decided.decision.moderator, decided.decision.reason) == ("Alice", RejectReason.SPAM)
    assert services.queue.count(site.name) == 0


def test_a_rejection_without_a_reason_is_for_another_one(services: Services, site: Site, pending: Comment) -> None:
    decided = services.decisions.decide(site, pending.id, Judgment(ruling=Ruling.REJECT)).comment

    assert decided.decision is not None
    assert decided.decision.reason is RejectReason.OTHER


def test_the_second_moderator_hears_who_was_first(services: Services, site: Site, pending: Comment) -> None:
    services.decisions.decide(site, pending.id, SPAMMY)

    with pytest.raises(AlreadyDecided) as caught:
        services.decisions.decide(site, pending.id, APPROVE)

    assert caught.value.decision is not None
    assert caught.value.decision["moderator"] == "Alice"
    assert caught.value.decision["decision"] == "reject"
    assert "Alice" in str(caught.value)


def test_an_override_decides_all_the_same(services: Services, site: Site, pending: Comment) -> None:
    services.decisions.decide(site, pending.id, APPROVE)

    overridden = services.decisions.decide(site, pending.id, OVERRIDE).comment

    assert (overridden.status, overridden.version) == (Status.REJECTED, 3)
    assert [row["labels"] for row in labels(services, site)] == [{"spam": 0, "toxic": 1}]


def test_of_many_moderators_at_once_exactly_one_decides(services: Services, site: Site, pending: Comment) -> None:
    outcomes: list[str] = []
    barrier = threading.Barrier(8)

    def decide(who: str) -> None:
        barrier.wait()
        try:
            services.decisions.decide(site, pending.id, Judgment(ruling=Ruling.APPROVE, moderator=who))
            outcomes.append(who)
        except Conflict as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=decide, args=(f"moderator {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes)[:7] == ["already-decided"] * 7
    assert services.comments.get(site.name, pending.id).version == 2
    assert len(labels(services, site)) == 1


def test_a_stale_version_is_refused(services: Services, site: Site, pending: Comment) -> None:
    with pytest.raises(StaleVersion) as caught:
        services.decisions.decide(site, pending.id, Judgment(ruling=Ruling.APPROVE, version=7))

    assert caught.value.current == 1
    assert services.queue.count(site.name) == 1


def test_a_lease_that_went_to_a_colleague_is_lost(services: Services, site: Site, pending: Comment) -> None:
    [mine] = services.decisions.claim(site, "Alice")
    services.queue.renew(site.name, [mine], seconds=0)
    [theirs] = services.decisions.claim(site, "Bob")

    with pytest.raises(LeaseLost):
        services.decisions.decide(site, pending.id, Judgment(ruling=Ruling.APPROVE, fence=mine.fence))

    assert services.decisions.decide(site, pending.id, Judgment(ruling=Ruling.APPROVE, fence=theirs.fence))


def test_a_fence_never_comes_back_with_the_item(services: Services, site: Site, pending: Comment) -> None:
    [old] = services.decisions.claim(site, "Alice")
    services.decisions.decide(site, pending.id, SPAMMY)
    services.decisions.undo(site, pending.id)
    [new] = services.decisions.claim(site, "Bob")

    assert int(new.fence) > int(old.fence)
    with pytest.raises(LeaseLost):
        services.decisions.decide(site, pending.id, Judgment(ruling=Ruling.APPROVE, fence=old.fence))


def test_undo_restores_status_and_takes_the_label_back(
    services: Services, site: Site, pending: Comment, store_url: str
) -> None:
    services.decisions.decide(site, pending.id, SPAMMY)

    undone = services.decisions.undo(site, pending.id, who="Alice").comment

    assert undone == services.comments.get(site.name, pending.id)
    assert (undone.status, undone.decision, undone.history, undone.version) == (Status.PENDING, None, (), 3)
    assert labels(services, site) == []
    assert services.queue.count(site.name) == 1
    assert [event["body"]["type"] for event in events(store_url)] == [
        "comment.pending",
        "comment.rejected",
        "comment.restored",
    ]


def test_undoing_an_override_restores_the_earlier_decision_and_its_label(
    services: Services, site: Site, pending: Comment
) -> None:
    first = services.decisions.decide(site, pending.id, APPROVE).comment
    services.decisions.decide(site, pending.id, OVERRIDE)

    undone = services.decisions.undo(site, pending.id).comment

    assert (undone.status, undone.decision) == (Status.APPROVED, first.decision)
    assert [row["labels"] for row in labels(services, site)] == [{"spam": 0, "toxic": 0}]


def test_undo_takes_the_counters_back(services: Services, site: Site, pending: Comment, store_url: str) -> None:
    def counters() -> dict[str, int]:
        [(_, found)] = services.archive.days(site.name, until=services.now(), days=1)
        return {name: count for name, count in found.items() if not name.startswith("waited") and count}

    before = counters()
    services.decisions.decide(site, pending.id, SPAMMY)
    between = counters()
    services.decisions.undo(site, pending.id)

    assert between["decision:reject:spam"] == 1
    assert between["by:Alice"] == 1
    assert counters() == before


@pytest.mark.parametrize("text", [FINE, SPAM, BORDERLINE])
def test_there_is_nothing_to_undo_before_a_decision(services: Services, site: Site, text: str) -> None:
    comment = services.submissions.submit(site, submission(services, site, text)).comment

    with pytest.raises(NothingToUndo):
        services.decisions.undo(site, comment.id)


def test_each_of_many_decisions_can_be_taken_back(services: Services, site: Site, pending: Comment) -> None:
    rounds = HISTORY_LENGTH + 5
    for number in range(rounds):
        ruling = (Ruling.APPROVE, Ruling.REJECT)[number % 2]
        services.decisions.decide(site, pending.id, Judgment(ruling=ruling, override=True))
    for _ in range(HISTORY_LENGTH):
        services.decisions.undo(site, pending.id)

    with pytest.raises(NothingToUndo):
        services.decisions.undo(site, pending.id)
    assert services.comments.get(site.name, pending.id).version == 1 + rounds + HISTORY_LENGTH


def test_a_retry_with_the_same_key_decides_once(services: Services, site: Site, pending: Comment) -> None:
    key = Idempotency("digest", "fingerprint")
    first = services.decisions.decide(site, pending.id, APPROVE, idempotency=key)
    second = services.decisions.decide(site, pending.id, APPROVE, idempotency=key)

    assert (first.is_replay, second.is_replay) == (False, True)
    assert first.comment == second.comment


def test_a_retried_undo_takes_one_decision_back(services: Services, site: Site, pending: Comment) -> None:
    services.decisions.decide(site, pending.id, APPROVE)
    services.decisions.decide(site, pending.id, OVERRIDE)
    key = Idempotency("digest", "fingerprint")

    undone = [services.decisions.undo(site, pending.id, idempotency=key) for _ in range(2)]

    assert [one.is_replay for one in undone] == [False, True]
    assert services.comments.get(site.name, pending.id).status is Status.APPROVED


def test_concurrent_undos_with_one_key_and_different_payloads_are_not_one_request(
    services: Services, site: Site, pending: Comment, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.decisions.decide(site, pending.id, APPROVE)
    services.decisions.decide(site, pending.id, OVERRIDE)
    services.decisions.undo(site, pending.id, idempotency=Idempotency("digest", "one"))
    # The other request looked before this one was done, so that only the script can notice.
    monkeypatch.setattr(type(services.decisions), "_replay", lambda *_: None)

    with pytest.raises(KeyReuse):
        services.decisions.undo(site, pending.id, idempotency=Idempotency("digest", "other"))


def test_another_sites_comment_is_unknown(services: Services, site: Site, pending: Comment) -> None:
    other, _ = services.sites.add("site-b", "https://b.example")

    for act in (
        lambda: services.decisions.decide(other, pending.id, APPROVE),
        lambda: services.decisions.undo(other, pending.id),
    ):
        with pytest.raises(NotFound):
            act()


def test_the_website_is_told_in_the_shape_of_the_design(
    services: Services, site: Site, pending: Comment, store_url: str
) -> None:
    decided = services.decisions.decide(site, pending.id, SPAMMY).comment

    event = events(store_url)[-1]
    assert event["id"].startswith("msg_")
    assert "." not in event["id"]
    assert event["body"] == {
        "type": "comment.rejected",
        "timestamp": decided.updated_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {
            "id": pending.id,
            "external_id": "42",
            "permalink": pending.permalink,
            "status": "rejected",
            "decision": {
                "decision": "reject",
                "reason": "spam",
                "moderator": "Alice",
                "note": None,
                "at": decided.updated_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            },
        },
    }


def test_nobody_is_told_where_nobody_asked(services: Services, site: Site, store_url: str) -> None:
    site = services.sites.change_policy(site.name, {"webhook_url": None})
    comment = services.submissions.submit(site, submission(services, site, BORDERLINE)).comment
    services.decisions.decide(site, comment.id, APPROVE)

    assert events(store_url) == []


def test_every_act_is_in_the_audit_trail(services: Services, site: Site, pending: Comment) -> None:
    services.decisions.decide(site, pending.id, SPAMMY)
    services.decisions.undo(site, pending.id, who="Bob")

    trail = services.archive.audit(site.name)

    assert [(entry["act"], entry["who"], entry["status"]) for entry in reversed(trail)] == [
        ("submit", "api", "pending"),
        ("decide", "Alice", "rejected"),
        ("undo", "Bob", "pending"),
    ]
    assert BORDERLINE not in str(trail)


def test_an_address_in_a_note_is_masked(services: Services, site: Site, pending: Comment, store_url: str) -> None:
    judgment = Judgment(ruling=Ruling.REJECT, moderator=f"Alice <{MALLORY}>", note=f"wrote to {MALLORY} about it")

    decided = services.decisions.decide(site, pending.id, judgment).comment
    services.decisions.undo(site, pending.id, who=MALLORY)

    assert decided.decision is not None
    assert decided.decision.note == "wrote to [address removed] about it"
    assert MALLORY not in str(everything_in(store_url))


def test_hostile_names_cannot_forge_counters(services: Services, site: Site, pending: Comment) -> None:
    who = "x,decision:approve,by:Bob:-1"
    services.decisions.decide(site, pending.id, Judgment(ruling=Ruling.REJECT, moderator=who))

    [(_, counters)] = services.archive.days(site.name, until=services.now(), days=1)

    assert "decision:approve" not in counters
    assert all(count >= 0 for count in counters.values())


def test_a_label_leaves_with_its_time(services: Services, site: Site, pending: Comment) -> None:
    site = services.sites.change_policy(site.name, {"retention_days": {"labels": 7}})
    services.decisions.decide(site, pending.id, APPROVE)

    left = services.connection.client.pttl(f"w:{{{site.name}}}:l:{pending.id}")

    assert isinstance(services.archive, Archive)
    assert 0 <= 7 * 86_400_000 - left < 60_000
