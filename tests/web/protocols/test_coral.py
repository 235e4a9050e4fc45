"""Coral's external moderation phase: who may ask, what is answered, and what is kept."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest

from moderation.core.errors import StoreUnavailable
from tests.web.protocols.conftest import Live
from tests.web.protocols.coral import (
    BORDERLINE,
    HAM,
    ROLLED,
    SECRET,
    SPAM,
    STORY,
    TOXIC,
    add_secret,
    ask,
    post,
    question,
    signature,
    stored,
    tell,
)


@pytest.fixture
def coral(live: Live) -> Live:
    """Give a service that has one of Coral's secrets for its site."""
    add_secret(live, SECRET)
    return live


def test_nothing_is_said_about_a_fine_comment(coral: Live) -> None:
    answer = ask(coral, HAM)

    assert (answer.status_code, answer.content) == (204, b"")


def test_spam_is_rejected_with_its_reason(coral: Live) -> None:
    assert ask(coral, SPAM).json() == {
        "status": "REJECTED",
        "actions": [{"actionType": "FLAG", "reason": "COMMENT_DETECTED_SPAM"}],
        "moderationAction": {"status": "REJECTED", "rejectionReason": {"code": "SPAM"}},
    }


@pytest.mark.parametrize(
    "text, reasons",
    [
        (BORDERLINE, ["COMMENT_DETECTED_SPAM"]),
        (TOXIC, ["COMMENT_DETECTED_TOXIC"]),
        (f"{BORDERLINE}, {TOXIC}", ["COMMENT_DETECTED_SPAM", "COMMENT_DETECTED_TOXIC"]),
        ("http://a.example http://b.example http://c.example http://d.example", ["COMMENT_DETECTED_SPAM"]),
    ],
    ids=["spam", "toxic", "both", "links"],
)
def test_what_needs_a_person_is_withheld_with_flags(coral: Live, text: str, reasons: list[str]) -> None:
    answer = ask(coral, text).json()

    assert answer["status"] == "SYSTEM_WITHHELD"
    assert answer["actions"] == [{"actionType": "FLAG", "reason": reason} for reason in reasons]


def test_answers_use_only_words_that_coral_knows(coral: Live) -> None:
    for text in (SPAM, BORDERLINE, TOXIC):
        answer = ask(coral, text).json()

        assert set(answer) <= {"status", "actions", "tags", "moderationAction"}
        assert answer["status"] in {"NONE", "APPROVED", "REJECTED", "PREMOD", "SYSTEM_WITHHELD"}


def test_submission_is_stored_as_any_other(coral: Live) -> None:
    ask(coral, BORDERLINE, comment={"parentID": "coral-0"})

    (comment,) = stored(coral)
    assert (comment.permalink, comment.parent_id, comment.status.value) == (STORY, "coral-0", "pending")
    assert comment.content_type == "text/html"
    assert comment.author_id.startswith("k1.")
    assert coral.services.queue.count(coral.site) == 1


def test_user_ids_are_never_stored(coral: Live) -> None:
    ask(coral, "Write to mallory@mail.example", author={"id": "user-mallory"})

    client = coral.services.connection.client
    everything = [*client.scan_iter("*"), *(str(one) for one in stored(coral))]
    assert "mallory" not in " ".join(everything)


def test_one_user_is_one_author(coral: Live) -> None:
    ask(coral, HAM)
    ask(coral, "Lovely bread.")
    ask(coral, "Lovely rice.", author={"id": "user-jane"})
    ask(coral, "Lovely tea.", tenantID="tenant-2")

    assert len({one.author_id for one in stored(coral)}) == 3


def test_plain_text_bodies(coral: Live) -> None:
    ask(coral, "", comment={"body": BORDERLINE})

    (comment,) = stored(coral)
    assert comment.content_type == "text/plain"


def test_site_in_the_query(coral: Live) -> None:
    assert post(coral, "/coral/phase?site=blog", question(HAM)).status_code == 204
    assert post(coral, "/coral/phase/blog/", question(HAM)).status_code == 204


@pytest.mark.parametrize(
    "text, change",
    [("", {"comment": {"body": ""}}), ("", {"comment": {"body": None}}), ("", {"comment": None}), ("", {"comment": 3})],
    ids=["empty", "null", "no comment", "number"],
)
def test_no_text_is_no_opinion(coral: Live, text: str, change: dict[str, Any]) -> None:
    assert ask(coral, text, **change).status_code == 204
    assert stored(coral) == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"\xff", b"[" * 10_000], ids=["empty", "list", "cut", "bytes", "deep"]
)
def test_rubbish_that_is_signed_is_a_problem(coral: Live, body: bytes) -> None:
    answer = post(coral, "/coral/phase/blog", body)

    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/coral/phase/blog", "/coral/webhook/blog"])
@pytest.mark.parametrize(
    "header",
    ["", "sha256=", "sha256=00", f"sha256={'0' * 64}", "sha256", "," * 2000, "sha256=é", f"sha1={'0' * 40}"],
)
def test_wrong_signature_is_refused(coral: Live, path: str, header: str) -> None:
    headers = {b"X-Coral-Signature": header.encode(), b"Content-Type": b"application/json"}
    answer = httpx.post(coral.url + path, content=json.dumps(question(HAM)), headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert stored(coral) == []


def test_signature_counts_for_these_bytes_only(coral: Live) -> None:
    signed = signature(json.dumps(question(HAM)).encode(), SECRET)

    answer = post(coral, "/coral/phase/blog", question(SPAM), **{"X-Coral-Signature": signed})

    assert answer.status_code == 401


def test_site_that_is_unknown_or_without_secret_looks_the_same(live: Live) -> None:
    without = post(live, "/coral/phase/blog", question(HAM))
    unknown = post(live, "/coral/phase/no-such-site", question(HAM))
    missing = post(live, "/coral/phase", question(HAM))

    details = [{**answer.json(), "request_id": ""} for answer in (without, unknown, missing)]
    assert [answer.status_code for answer in (without, unknown, missing)] == [401] * 3
    assert details[0] == details[1] == details[2]


def test_secrets_overlap_while_one_is_rolled(coral: Live) -> None:
    add_secret(coral, ROLLED)

    both = post(coral, "/coral/phase/blog", question(HAM), SECRET, ROLLED)
    old = post(coral, "/coral/phase/blog", question(HAM), SECRET)
    new = post(coral, "/coral/phase/blog", question(HAM), ROLLED)
    other = post(coral, "/coral/phase/blog", question(HAM), "0" * 64, ROLLED)

    assert [answer.status_code for answer in (both, old, new, other)] == [204] * 4


def test_oldest_of_five_secrets_goes(coral: Live) -> None:
    for number in range(4):
        add_secret(coral, f"{number}" * 64)

    assert post(coral, "/coral/phase/blog", question(HAM)).status_code == 401
    assert post(coral, "/coral/phase/blog", question(HAM), "0" * 64).status_code == 204


def test_removed_secret_counts_no_more(coral: Live) -> None:
    assert ask(coral, HAM).status_code == 204

    coral.services.sites.remove_coral_secrets(coral.site)

    assert ask(coral, HAM).status_code == 401


def test_secret_that_another_process_removed_counts_no_more(coral: Live) -> None:
    assert ask(coral, HAM).status_code == 204
    coral.services.connection.client.hset("w:{blog}:site", mapping={"coral_secrets": "[]", "version": "77"})

    assert ask(coral, HAM).status_code == 401
    assert ask(coral, HAM, action="EDIT").status_code == 401
    assert tell(coral, "LEFT", status="APPROVED").status_code == 401


def test_secret_is_sealed_in_the_store(coral: Live) -> None:
    assert SECRET not in str(coral.services.connection.client.hgetall("w:{blog}:site"))


def test_changed_policy_counts_at_once(coral: Live) -> None:
    ask(coral, BORDERLINE)
    coral.services.connection.client.hset(
        "w:{blog}:site",
        mapping={
            "policy": json.dumps({"thresholds": {"spam": {"review": 0.9, "reject": 0.95}}}),
            "version": "77",
        },
    )

    assert ask(coral, BORDERLINE).status_code == 204


def test_edit_replaces_the_text(coral: Live) -> None:
    ask(coral, HAM)

    answer = ask(coral, BORDERLINE, action="EDIT")

    (comment,) = stored(coral)
    assert answer.json()["status"] == "SYSTEM_WITHHELD"
    assert (comment.version, comment.status.value) == (2, "pending")
    assert "channel" in (comment.content or "")


def test_edit_of_something_else_is_judged_as_new(coral: Live) -> None:
    ask(coral, HAM)

    ask(coral, BORDERLINE, action="EDIT", comment={"parentID": "coral-9"})
    ask(coral, BORDERLINE, action="EDIT", author={"id": "user-jane"})

    assert len(stored(coral)) == 3


def test_edit_that_comes_late_is_judged_as_new(coral: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(coral, HAM)
    later = coral.services.now() + timedelta(minutes=11)
    monkeypatch.setattr(coral.services.coral, "_now", lambda: later)

    ask(coral, BORDERLINE, action="EDIT")

    assert len(stored(coral)) == 2


def test_store_away_is_503(coral: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    ask(coral, HAM)
    monkeypatch.setattr(coral.services.connection, "_guarded", away)

    answer = ask(coral, HAM)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.alone
def test_answer_comes_before_coral_gives_up(coral: Live) -> None:
    ask(coral, HAM)
    seconds = []

    for number in range(20):
        began = time.perf_counter()
        ask(coral, f"{BORDERLINE} {number}")
        seconds.append(time.perf_counter() - began)

    assert min(seconds) < 0.1  # Coral waits 0.2 s unless told otherwise.
