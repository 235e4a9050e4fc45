"""Two people on one queue: marks of who reads what, live answers, 304 where nothing happened."""

from __future__ import annotations

import json
from typing import Any

import pytest

from moderation.core.comment import Status
from moderation.service.services import Services
from moderation.store.connection import Connection
from tests.web.review.conftest import Person
from tests.web.review.seeding import add, comment_of

JSON = {"Accept": "application/json"}


def claim(person: Person, **form: str) -> dict[str, Any]:
    answer = person.post("/review/claim", {"site": "site-a", **form}, headers=JSON)
    assert answer.status_code == 200
    found: dict[str, Any] = json.loads(answer.get_data())
    return found


def test_what_a_colleague_reads_is_marked_and_freed_on_leaving(services: Services, alice: Person, root: Person) -> None:
    one = add(services, comment_of("Is the tide table right?"))
    fence = claim(alice, item=one.id)["fence"]

    assert "being read by Alice" in root.get("/review/?site=site-a").get_data(as_text=True)
    assert "being read by Alice" not in alice.get("/review/?site=site-a").get_data(as_text=True)
    assert claim(root, item=one.id) == {"fence": "", "holder": "Alice"}

    claim(alice, release=f"{one.id}:{fence}")

    assert claim(root, item=one.id)["fence"]


def test_a_claim_is_renewed_under_the_same_fence(services: Services, alice: Person) -> None:
    one = add(services, comment_of("Is the tide table right?"))

    assert claim(alice, item=one.id)["fence"] == claim(alice, item=one.id)["fence"]


def test_a_decision_after_the_claim_went_to_a_colleague_names_the_colleague(
    services: Services, alice: Person, root: Person
) -> None:
    one = add(services, comment_of("Is the tide table right?"))
    fence = claim(alice, item=one.id)["fence"]
    claim(alice, release=f"{one.id}:{fence}")
    claim(root, item=one.id)

    form = {"site": "site-a", "item": f"{one.id}:1:{fence}", "act": "spam"}
    answer = alice.post("/review/decide", form, headers=JSON)

    assert answer.status_code == 409
    assert json.loads(answer.get_data())["message"] == "Nothing was changed. Root is reading one of them."
    assert services.comments.get("site-a", one.id).status is Status.PENDING


@pytest.mark.parametrize("form", [{"item": "../x"}, {"release": "x"}, {"release": "a:b,c"}, {"item": "x" * 999}, {}])
def test_rubbish_claims_nothing(alice: Person, form: dict[str, str]) -> None:
    assert claim(alice, **form)["fence"] == ""


def test_live_says_nothing_new_with_304(services: Services, alice: Person, root: Person) -> None:
    one = add(services, comment_of("Is the tide table right?"))
    path = f"/review/live?site=site-a&ids={one.id}"
    first = alice.get(path)
    tag = {"If-None-Match": first.headers["ETag"]}

    assert alice.get(path, headers=tag).status_code == 304

    claim(root, item=one.id)
    marked = alice.get(path, headers=tag)
    assert json.loads(marked.get_data())["holders"] == {one.id: "Root"}

    root.post("/review/decide", {"site": "site-a", "item": f"{one.id}:1", "act": "spam"})
    gone = json.loads(alice.get(path, headers={"If-None-Match": marked.headers["ETag"]}).get_data())
    assert gone["waiting"] == 0
    assert gone["gone"][one.id] == "Root: rejected as spam, just now"


def test_one_question_holds_no_thread_and_few_round_trips(
    services: Services, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty tabs ask every five seconds: four questions a second, each a handful of short reads."""
    one = add(services, comment_of("Is the tide table right?"))
    calls = []
    original = Connection.call
    monkeypatch.setattr(Connection, "call", lambda self, command: (calls.append(1), original(self, command))[1])

    alice.get(f"/review/live?site=site-a&ids={one.id}")

    assert len(calls) <= 9
