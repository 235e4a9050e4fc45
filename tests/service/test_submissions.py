"""Submitting and editing: one comment for each key, what an edit changes, what an author's history does."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from moderation.core.comment import Idempotency, RejectReason, Ruling, Status
from moderation.core.errors import KeyReuse, NotFound, RateLimited, SiteChanged, StaleVersion
from moderation.core.identity import IdentityKey, Keyring
from moderation.core.site import Site
from moderation.service.decisions import Judgment
from moderation.service.services import Services
from moderation.service.submissions import Edit, Submitted
from moderation.store.writes import Addition
from tests.cast import BORDERLINE, FINE, MALLORY, SPAM, TEXT_OF_ACTION, everything_in, submission

APPROVE = Judgment(ruling=Ruling.APPROVE, moderator="Alice", override=True)
REJECT = Judgment(ruling=Ruling.REJECT, reason=RejectReason.SPAM, moderator="Alice", override=True)


@pytest.mark.parametrize("action, status", [("approve", "approved"), ("review", "pending"), ("reject", "rejected")])
def test_the_verdict_decides_where_a_comment_stands(services: Services, site: Site, action: str, status: str) -> None:
    submitted = services.submissions.submit(site, submission(services, site, TEXT_OF_ACTION[action]))

    assert submitted.comment.verdict.action == action
    assert services.comments.get(site.name, submitted.comment.id) == submitted.comment
    assert submitted.comment.status == status


def test_a_replay_returns_the_first_comment(services: Services, site: Site) -> None:
    key = Idempotency("digest", "fingerprint")
    first = services.submissions.submit(site, submission(services, site), idempotency=key)
    second = services.submissions.submit(site, submission(services, site), idempotency=key)

    assert (first.is_replay, second.is_replay) == (False, True)
    assert second.comment == first.comment
    assert sum(services.archive.statuses(site.name).values()) == 1


def test_a_key_with_another_payload_is_refused(services: Services, site: Site) -> None:
    services.submissions.submit(site, submission(services, site), idempotency=Idempotency("digest", "one"))

    with pytest.raises(KeyReuse):
        services.submissions.submit(site, submission(services, site), idempotency=Idempotency("digest", "other"))


def test_many_threads_with_one_key_make_one_comment(services: Services, site: Site) -> None:
    found: list[Submitted] = []
    barrier = threading.Barrier(8)

    def submit() -> None:
        barrier.wait()
        one = submission(services, site, BORDERLINE)
        found.append(services.submissions.submit(site, one, idempotency=Idempotency("digest", "fingerprint")))

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert len({one.comment.id for one in found}) == 1
    assert [one.is_replay for one in found].count(False) == 1
    assert services.queue.count(site.name) == 1


def test_an_outdated_site_is_refused_before_anything_is_stored(services: Services, site: Site, store_url: str) -> None:
    services.sites.change_policy(site.name, {"links_allowed": 0})
    before = everything_in(store_url)

    with pytest.raises(SiteChanged):
        services.submissions.submit(site, submission(services, site))

    assert everything_in(store_url) == before


def test_of_whom_nothing_is_known_the_store_is_asked_once(
    services: Services, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = _additions(services, monkeypatch)

    services.submissions.submit(site, submission(services, site, FINE))
    services.submissions.submit(site, submission(services, site, "Ten"))  # One approval does not matter yet.

    assert [one.presumed is None for one in sent] == [False, False]


@pytest.mark.parametrize(
    "policy", [{"trust_after_approved": 1}, {"hold_first_comment": True}], ids=lambda one: next(iter(one))
)
def test_approvals_that_matter_are_seen(services: Services, site: Site, policy: dict[str, object]) -> None:
    first = services.submissions.submit(site, submission(services, site, FINE)).comment
    services.decisions.decide(site, first.id, APPROVE)
    site = services.sites.change_policy(site.name, policy)

    codes = {
        reason.code
        for reason in services.submissions.submit(site, submission(services, site, "Ten")).comment.verdict.reasons
    }

    assert "first-comment" not in codes
    assert ("author-trusted" in codes) == ("trust_after_approved" in policy)


def test_what_is_known_of_an_author_changes_the_verdict_and_not_the_count(
    services: Services, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = services.submissions.submit(site, submission(services, site, FINE)).comment
    services.decisions.decide(site, first.id, REJECT)
    sent = _additions(services, monkeypatch)

    second = services.submissions.submit(site, submission(services, site, "Ten"))

    assert [one.presumed is None for one in sent] == [False, True]
    assert "author-rejected-before" in [reason.code for reason in second.comment.verdict.reasons]
    assert services.comments.get(site.name, second.comment.id) == second.comment
    assert sum(services.archive.statuses(site.name).values()) == 2


def _additions(services: Services, monkeypatch: pytest.MonkeyPatch) -> list[Addition]:
    """Return what is sent to the store from now on."""
    sent: list[Addition] = []
    send = services.comments.add_ahead
    monkeypatch.setattr(services.comments, "add_ahead", lambda one: sent.append(one) or send(one))
    return sent


def test_beyond_the_limit_nothing_is_stored(services: Services, site: Site, store_url: str) -> None:
    site = services.sites.change_policy(site.name, {"rate_limit": "2/hour"})
    used = [services.submissions.submit(site, submission(services, site)).rate_used for _ in range(2)]
    before = everything_in(store_url)

    with pytest.raises(RateLimited) as caught:
        services.submissions.submit(site, submission(services, site))

    assert used == [1, 2]
    assert (caught.value.quota, caught.value.window_seconds) == (2, 3600)
    assert 3590 <= caught.value.retry_after_seconds <= 3600
    assert everything_in(store_url) == before


def test_a_shorter_window_does_not_wait_for_the_longer_one_to_end(services: Services, site: Site) -> None:
    site = services.sites.change_policy(site.name, {"rate_limit": "1/hour"})
    services.submissions.submit(site, submission(services, site))
    site = services.sites.change_policy(site.name, {"rate_limit": "1/minute"})

    submitted = services.submissions.submit(site, submission(services, site))

    assert submitted.rate_used == 1
    assert submitted.rate_reset_seconds <= 60


def test_edits_count_against_the_limit(services: Services, site: Site) -> None:
    site = services.sites.change_policy(site.name, {"rate_limit": "2/hour"})
    comment = services.submissions.submit(site, submission(services, site)).comment
    services.submissions.edit(site, comment.id, Edit(content="once"))

    with pytest.raises(RateLimited):
        services.submissions.edit(site, comment.id, Edit(content="twice"))

    assert services.comments.get(site.name, comment.id).content == "once"


def test_history_under_an_old_key_counts_after_a_new_one_is_added(services: Services, site: Site) -> None:
    old = services.submissions.submit(site, submission(services, site, SPAM)).comment
    rotated = Keyring([*services.keyring.keys, IdentityKey(2, b"\x02" * 32)])
    later = replace(services, keyring=rotated)

    comment = later.submissions.submit(site, submission(later, site)).comment

    assert old.author_id.startswith("k1.")
    assert comment.author_id.startswith("k2.")
    assert "author-rejected-before" in {reason.code for reason in comment.verdict.reasons}


def test_histories_of_two_sites_are_apart(services: Services, site: Site) -> None:
    services.submissions.submit(site, submission(services, site, SPAM))
    other, _ = services.sites.add("site-b", "https://b.example")

    comment = services.submissions.submit(other, submission(services, other)).comment

    assert "author-rejected-before" not in {reason.code for reason in comment.verdict.reasons}


def test_the_third_copy_of_a_text_is_noticed(services: Services, site: Site) -> None:
    text = "the very same six words and some more of them"
    codes = [
        {reason.code for reason in services.submissions.submit(site, one).comment.verdict.reasons}
        for one in (submission(services, site, text, address=f"mallory{number}@mail.example") for number in range(3))
    ]

    assert ["copy-of-recent" in found for found in codes] == [False, False, True]


@pytest.mark.parametrize(
    "judgment, text, status, stands",
    [
        (None, SPAM, Status.REJECTED, False),
        (None, FINE, Status.APPROVED, False),
        (APPROVE, FINE, Status.APPROVED, True),
        (APPROVE, BORDERLINE, Status.PENDING, False),
        (APPROVE, SPAM, Status.REJECTED, False),
        (REJECT, FINE, Status.REJECTED, True),
    ],
)
def test_an_approval_lapses_only_when_the_verdict_does(
    services: Services, site: Site, judgment: Judgment | None, text: str, status: Status, stands: bool
) -> None:
    comment = services.submissions.submit(site, submission(services, site, BORDERLINE)).comment
    if judgment:
        comment = services.decisions.decide(site, comment.id, judgment).comment

    edited = services.submissions.edit(site, comment.id, Edit(content=text))

    assert edited == services.comments.get(site.name, comment.id)
    assert (edited.status, edited.content, edited.version) == (status, text, comment.version + 1)
    assert edited.decision == (comment.decision if stands else None)
    assert not services.archive.has_label(site.name, comment.id), "the label spoke about another text"


def test_taking_a_decision_back_after_an_edit_leaves_the_verdict_on_the_new_text(
    services: Services, site: Site
) -> None:
    comment = services.submissions.submit(site, submission(services, site, BORDERLINE)).comment
    services.decisions.decide(site, comment.id, APPROVE)
    services.decisions.decide(site, comment.id, REJECT)
    services.submissions.edit(site, comment.id, Edit(content=SPAM))

    undone = services.decisions.undo(site, comment.id).comment

    assert (undone.status, undone.decision) == (Status.REJECTED, None)
    assert not services.archive.has_label(site.name, comment.id)


def test_an_edit_leaves_out_what_it_does_not_name(services: Services, site: Site) -> None:
    given = submission(services, site, author_url="https://m.example", language="en")
    comment = services.submissions.submit(site, given).comment

    edited = services.submissions.edit(site, comment.id, Edit(content="new", author_name="M."))

    assert (edited.author_name, edited.author_url, edited.language) == ("M.", "https://m.example", "en")
    assert (edited.created_at, edited.permalink, edited.author_id) == (
        comment.created_at,
        comment.permalink,
        comment.author_id,
    )
    assert edited.edited


def test_an_edit_of_an_older_version_is_refused(services: Services, site: Site) -> None:
    comment = services.submissions.submit(site, submission(services, site)).comment
    services.submissions.edit(site, comment.id, Edit(content="first", version=1))

    with pytest.raises(StaleVersion) as caught:
        services.submissions.edit(site, comment.id, Edit(content="second", version=1))

    assert caught.value.current == 2
    assert services.comments.get(site.name, comment.id).content == "first"


def test_another_sites_comment_is_unknown(services: Services, site: Site) -> None:
    comment = services.submissions.submit(site, submission(services, site)).comment
    other, _ = services.sites.add("site-b", "https://b.example")

    with pytest.raises(NotFound):
        services.submissions.edit(other, comment.id, Edit(content="mine now"))


def test_the_authors_address_does_not_come_back_by_an_edit(services: Services, site: Site, store_url: str) -> None:
    comment = services.submissions.submit(site, submission(services, site)).comment

    edited = services.submissions.edit(
        site, comment.id, Edit(content=f"Mail me: {MALLORY.upper()}, or bob@mail.example", author_name=f"M. {MALLORY}")
    )

    assert edited.content == "Mail me: [address removed], or bob@mail.example"
    assert MALLORY not in str(everything_in(store_url)).lower()


def test_checking_stores_nothing(services: Services, site: Site, store_url: str) -> None:
    before = everything_in(store_url)

    verdicts = services.submissions.check(site, [submission(services, site, text) for text in TEXT_OF_ACTION.values()])

    assert [verdict.action for verdict in verdicts] == ["approve", "review", "reject"]
    assert everything_in(store_url) == before


@pytest.mark.parametrize("text, kinds", [(FINE, []), (BORDERLINE, ["comment.pending"]), (SPAM, [])])
def test_the_website_hears_of_what_it_was_not_told_at_once(
    services: Services, site: Site, store_url: str, text: str, kinds: list[str]
) -> None:
    services.submissions.submit(site, submission(services, site, text))

    assert [event["event"].split('"type":"')[1].split('"')[0] for event in outbox(store_url)] == kinds


def test_an_edit_tells_the_website_where_the_comment_stands_now(services: Services, site: Site, store_url: str) -> None:
    comment = services.submissions.submit(site, submission(services, site)).comment
    services.submissions.edit(site, comment.id, Edit(content="still fine"))
    services.submissions.edit(site, comment.id, Edit(content=SPAM))

    assert ['"comment.rejected"' in event["event"] for event in outbox(store_url)] == [True]


def outbox(store_url: str) -> list[dict[str, str]]:
    return [fields for _, fields in everything_in(store_url).get("w:{site-a}:outbox", [])]
