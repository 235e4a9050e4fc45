"""Deciding and undoing by forms: labels, conflicts that name who was faster, bulk by version, one undo for all."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from moderation.core.comment import Ruling, Status
from moderation.service.decisions import Judgment
from moderation.service.services import Services
from moderation.service.submissions import Edit
from tests.web.review.conftest import Person
from tests.web.review.seeding import JANE, MALLORY, add, comment_of

JSON = {"Accept": "application/json"}


def decide(person: Person, act: str, *items: str, **more: object) -> str:
    """Send the form and return the page that the redirect leads to."""
    form = {"site": "site-a", "item": list(items), "act": act, "back": "/review/?site=site-a", **more}
    answer = person.post("/review/decide", form)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return person.get(answer.headers["Location"]).get_data(as_text=True)


def undo_shown(person: Person, page: str) -> str:
    act = re.search(r'name="did" value="([^"]+)"', page)
    assert act, page
    answer = person.post("/review/undo", {"site": "site-a", "did": act[1], "back": "/review/?site=site-a"})
    return person.get(answer.headers["Location"]).get_data(as_text=True)


@pytest.mark.parametrize(
    "act, status, reason, label, sentence",
    [
        ("approve", Status.APPROVED, None, {"spam": 0, "toxic": 0}, "Approved."),
        ("spam", Status.REJECTED, "spam", {"spam": 1, "toxic": None}, "Rejected as spam."),
        ("toxic", Status.REJECTED, "toxic", {"spam": 0, "toxic": 1}, "Rejected as toxic."),
        ("other", Status.REJECTED, "other", None, "Rejected."),
        ("off-topic", Status.REJECTED, "off-topic", None, "Rejected as off topic."),
    ],
)
def test_decide_and_undo(
    services: Services,
    alice: Person,
    act: str,
    status: Status,
    reason: str | None,
    label: dict[str, int] | None,
    sentence: str,
) -> None:
    one = add(services, comment_of("Is the tide table right?"))

    page = decide(alice, act, f"{one.id}:1")

    decided = services.comments.get("site-a", one.id)
    labels = [row["labels"] for row in services.privacy.labels(services.sites.read("site-a"))]
    assert decided.status is status
    assert decided.decision is not None
    assert (decided.decision.reason, decided.decision.moderator) == (reason, "Alice")
    assert labels == ([label] if label else [])
    assert sentence in page

    page = undo_shown(alice, page)

    back = services.comments.get("site-a", one.id)
    assert "Taken back." in page
    assert back.status is Status.PENDING
    assert back.decision is None
    assert not services.archive.has_label("site-a", one.id)


def test_a_late_decision_says_who_decided_what_and_when(services: Services, alice: Person, root: Person) -> None:
    one = add(services, comment_of("Is the tide table right?"))
    decide(root, "spam", f"{one.id}:1")

    page = decide(alice, "approve", f"{one.id}:1")

    assert re.search(
        r"Root had decided one already: rejected as spam, just now \(\d+ \w{3} \d{4}, \d\d:\d\d UTC\)", page
    )
    assert services.comments.get("site-a", one.id).status is Status.REJECTED
    assert 'name="did"' not in page


def test_the_script_gets_409_with_the_facts(services: Services, alice: Person, root: Person) -> None:
    one = add(services, comment_of("Is the tide table right?"))
    decide(root, "toxic", f"{one.id}:1")

    form = {"site": "site-a", "item": f"{one.id}:1", "act": "approve"}
    answer = alice.post("/review/decide", form, headers=JSON)

    body = json.loads(answer.get_data())
    assert answer.status_code == 409
    assert body["late"][0][:2] == [one.id, "toxic"]
    assert body["undo"] == ""
    assert body["waiting"] == 0


def test_bulk_changes_exactly_what_was_shown_and_one_undo_takes_all_back(
    services: Services, alice: Person, root: Person
) -> None:
    ids = [add(services, comment_of(f"Number {i}", age=timedelta(minutes=i))).id for i in range(6)]
    decide(root, "approve", f"{ids[1]}:1")
    newcomer = add(services, comment_of("Came after the page was shown."))

    page = decide(alice, "spam", ",".join(f"{one}:1" for one in ids[:4]))

    statuses = {one.id: one.status for one in services.comments.get_many("site-a", [*ids, newcomer.id])}
    assert [statuses[one] for one in ids[:4]] == [Status.REJECTED, Status.APPROVED, Status.REJECTED, Status.REJECTED]
    assert [statuses[one] for one in (*ids[4:], newcomer.id)] == [Status.PENDING] * 3
    assert "Rejected 3 as spam. Root had decided one already: approved" in page

    page = undo_shown(alice, page)

    assert "Took 3 back." in page
    statuses = {one.id: one.status for one in services.comments.get_many("site-a", ids)}
    assert statuses[ids[1]] is Status.APPROVED
    assert list(statuses.values()).count(Status.PENDING) == 5


def test_undo_leaves_alone_what_somebody_changed_since(services: Services, alice: Person) -> None:
    ids = [add(services, comment_of(f"Number {i}", age=timedelta(minutes=i))).id for i in range(2)]
    page = decide(alice, "spam", *(f"{one}:1" for one in ids))
    site = services.sites.read("site-a")
    judgment = Judgment(ruling=Ruling.APPROVE, moderator="Root", override=True)
    services.decisions.decide(site, ids[0], judgment)

    page = undo_shown(alice, page)

    assert "Taken back. One was changed since you saw it" in page
    assert services.comments.get("site-a", ids[0]).status is Status.APPROVED
    assert services.comments.get("site-a", ids[1]).status is Status.PENDING


def test_an_edited_comment_is_not_decided_unseen(services: Services, alice: Person) -> None:
    one = add(services, comment_of("Is the tide table right?", scores={"spam": 0.5, "toxicity": 0.0}))
    site = services.sites.read("site-a")
    services.sites.change_policy("site-a", {"thresholds": {"spam": {"review": 0.0}}})
    services.submissions.edit(services.sites.read(site.name), one.id, Edit(content="Buy pills."))

    page = decide(alice, "approve", f"{one.id}:1")

    assert "One was changed since you saw it" in page
    assert services.comments.get("site-a", one.id).status is Status.PENDING


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"act": "approve"},
        {"act": "approve", "item": ""},
        {"act": "approve", "item": "no-version"},
        {"act": "approve", "item": "a:1:b"},
        {"act": "approve", "item": "../x:1"},
        {"act": "approve", "item": "x:99999999999"},
        {"act": "delete", "item": "01K:1"},
        {"act": "approve", "item": ",".join(f"{i}:1" for i in range(600))},
    ],
)
def test_a_broken_form_gets_a_sentence(alice: Person, form: dict[str, object]) -> None:
    answer = alice.post("/review/decide", {"site": "site-a", **form})

    assert answer.status_code == 422
    assert "That did not work" in answer.get_data(as_text=True)


def test_a_comment_that_is_gone_is_told(services: Services, alice: Person) -> None:
    assert "One is gone." in decide(alice, "spam", "01K00000000000000009999999:1")


def test_an_act_of_another_site_cannot_be_undone(services: Services, alice: Person, bob: Person) -> None:
    one = add(services, comment_of("Is the tide table right?"))
    page = decide(alice, "spam", f"{one.id}:1")
    act = re.search(r'name="did" value="([^"]+)"', page)[1]  # type: ignore[index]

    assert bob.post("/review/undo", {"site": "site-b", "did": act}).status_code == 404
    assert services.comments.get("site-a", one.id).status is Status.REJECTED


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/review/", "/v1/x", "/review/\\x", ""])
def test_the_way_back_stays_on_these_pages(services: Services, alice: Person, back: str) -> None:
    one = add(services, comment_of("Is the tide table right?"))

    answer = alice.post("/review/decide", {"site": "site-a", "item": f"{one.id}:1", "act": "spam", "back": back})

    assert answer.headers["Location"].startswith("/review/?site=site-a")


def test_a_note_goes_with_the_decision(services: Services, alice: Person) -> None:
    one = add(services, comment_of("Is the tide table right?"))

    decide(alice, "off-topic", f"{one.id}:1", note="Belongs to the harbour thread, says mail@jane.example.")

    page = alice.get(f"/review/c/site-a/{one.id}").get_data(as_text=True)
    assert "Belongs to the harbour thread, says [address removed]" in page
    assert "mail@jane.example" not in page


def test_what_the_machine_decided_can_be_decided_otherwise(services: Services, alice: Person) -> None:
    one = add(services, comment_of("Is the tide table right?", status=Status.REJECTED))

    refused = decide(alice, "approve", f"{one.id}:1")
    done = decide(alice, "approve", f"{one.id}:1", override="1")

    assert "The machine had decided one already." in refused
    assert "Approved." in done
    assert services.comments.get("site-a", one.id).status is Status.APPROVED


def test_ban_from_a_card_and_undo_lifts_it(services: Services, alice: Person) -> None:
    one = add(services, comment_of("Cheap pills.", author_id=MALLORY))
    two = add(services, comment_of("More pills.", author_id=MALLORY))
    nobody = add(services, comment_of("Pills without an address.", author_id=""))

    page = decide(alice, "ban", f"{one.id}:1", f"{nobody.id}:1")

    assert "Rejected 2 as spam. Banned the author." in page
    assert services.comments.author("site-a", [MALLORY]).is_banned
    assert services.comments.get("site-a", two.id).status is Status.PENDING

    page = undo_shown(alice, page)

    assert "Took 2 back." in page
    assert not services.comments.author("site-a", [MALLORY]).is_banned
    assert services.comments.get("site-a", one.id).status is Status.PENDING
    standings = [entry["standing"] for entry in services.archive.audit("site-a") if entry["act"] == "standing"]
    assert standings == ["none", "banned"]


def test_undoing_a_ban_brings_back_trust_and_touches_no_other_ban(services: Services, alice: Person) -> None:
    trusted = add(services, comment_of("Of a trusted author.", author_id=JANE))
    banned = add(services, comment_of("Of a banned author.", author_id=MALLORY))
    services.archive.set_standing("site-a", JANE, "trusted")
    services.archive.set_standing("site-a", MALLORY, "banned")

    page = decide(alice, "ban", f"{trusted.id}:1", f"{banned.id}:1")
    assert "Banned the author." in page
    assert services.comments.author("site-a", [JANE]).is_banned
    undo_shown(alice, page)

    assert services.comments.author("site-a", [JANE]).is_trusted
    assert services.comments.author("site-a", [MALLORY]).is_banned


def test_a_ban_lifted_by_hand_is_not_brought_back_by_undo(services: Services, alice: Person) -> None:
    one = add(services, comment_of("Cheap pills.", author_id=MALLORY))
    page = decide(alice, "ban", f"{one.id}:1")
    services.archive.set_standing("site-a", MALLORY, "trusted")

    undo_shown(alice, page)

    assert services.comments.author("site-a", [MALLORY]).is_trusted


def test_a_comment_that_was_decided_meanwhile_bans_nobody(services: Services, alice: Person, root: Person) -> None:
    one = add(services, comment_of("Is the tide table right?", author_id=MALLORY))
    decide(root, "approve", f"{one.id}:1")

    decide(alice, "ban", f"{one.id}:1")

    assert not services.comments.author("site-a", [MALLORY]).is_banned
