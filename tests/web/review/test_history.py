"""History: decisions of 30 days by whom, undo of one or of a whole act; and the pages of comment and author."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from moderation.core.comment import Ruling, Status
from moderation.service.decisions import Judgment
from moderation.service.services import Services
from moderation.store.keys import SiteKeys
from moderation.web.review import history
from tests.web.review.conftest import Person
from tests.web.review.seeding import JANE, MALLORY, add, comment_of


def decide(services: Services, comment_id: str, who: str, ruling: Ruling = Ruling.APPROVE) -> None:
    services.decisions.decide(services.sites.read("site-a"), comment_id, Judgment(ruling=ruling, moderator=who))


def text_of(person: Person, path: str) -> str:
    answer = person.get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_history_shows_who_decided_and_filters_by_moderator(services: Services, alice: Person) -> None:
    for name in ("Alice", "Root", "api"):
        decide(services, add(services, comment_of(f"Decided by {name}.")).id, name)

    page = text_of(alice, "/review/history?site=site-a")
    only = text_of(alice, "/review/history?site=site-a&moderator=Root")

    assert all(f"Decided by {name}." in page for name in ("Alice", "Root", "api"))
    assert "Decided by Root." in only
    assert "Decided by Alice." not in only


def test_history_finds_words_and_looks_further_back(
    services: Services, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i, text in enumerate(("The harbour master.", "Pills by post.", "A boat.", "A HARBOUR again.")):
        decide(services, add(services, comment_of(text, name=f"Writer {i}")).id, "Alice")

    page = text_of(alice, "/review/history?site=site-a&text=harbour")
    none = text_of(alice, "/review/history?site=site-a&text=whale")

    assert "The harbour master." in page
    assert "A HARBOUR again." in page
    assert "Pills by post." not in page
    assert "No such decision among those looked through." in none
    assert "Look further back" not in none

    monkeypatch.setattr(history, "ROWS_A_PAGE", 1)
    monkeypatch.setattr(history, "ROWS_READ", 1)
    first = text_of(alice, "/review/history?site=site-a&text=pills")
    after = re.search(r"text=pills&amp;after=([0-9.~A-Z]+)", first)[1]  # type: ignore[index]

    assert "Look further back" in first
    assert "after=" in text_of(alice, f"/review/history?site=site-a&text=pills&after={after}")


def test_any_decision_can_be_undone_from_history(services: Services, alice: Person) -> None:
    one = add(services, comment_of("Decided by a machine's friend."))
    decide(services, one.id, "api", Ruling.REJECT)
    item = re.search(r'name="item" value="([^"]+)"', text_of(alice, "/review/history?site=site-a"))[1]  # type: ignore[index]

    answer = alice.post("/review/undo", {"site": "site-a", "item": item, "back": "/review/history?site=site-a"})

    assert "Taken back." in text_of(alice, answer.headers["Location"])
    assert services.comments.get("site-a", one.id).status is Status.PENDING


def test_acts_list_bulk_and_undo_it_whole(services: Services, alice: Person, root: Person) -> None:
    ids = [add(services, comment_of(f"Number {i}", age=timedelta(minutes=i))).id for i in range(3)]
    alice.post("/review/decide", {"site": "site-a", "item": [f"{one}:1" for one in ids], "act": "spam"})

    page = text_of(root, "/review/history?site=site-a&view=acts")
    act = re.search(r'name="did" value="([^"]+)"', page)[1]  # type: ignore[index]
    root.post("/review/undo", {"site": "site-a", "did": act})

    assert "Rejected 3 as spam." in page
    assert {one.status for one in services.comments.get_many("site-a", ids)} == {Status.PENDING}
    assert "taken back by Root" in text_of(root, "/review/history?site=site-a&view=acts")


def test_history_ends_after_30_days(services: Services, alice: Person) -> None:
    one = add(services, comment_of("Long ago."))
    decide(services, one.id, "Alice")
    keys = SiteKeys("site-a")

    services.connection.client.zadd(keys.decided_at, {one.id: 1_000})

    assert "Nobody decided anything here" in text_of(alice, "/review/history?site=site-a")


def test_history_goes_on_with_the_next_page(services: Services, alice: Person) -> None:
    for i in range(60):
        decide(services, add(services, comment_of(f"Number {i}.")).id, "Alice")

    first = text_of(alice, "/review/history?site=site-a")
    after = re.search(r"after=([0-9.~A-Z]+)", first)[1]  # type: ignore[index]
    second = text_of(alice, f"/review/history?site=site-a&after={after}")

    numbers = re.findall(r"Number (\d+)\.", first + second)
    assert sorted(map(int, numbers)) == list(range(60))


def test_a_comment_page_shows_all_of_it_and_keeps_notes(services: Services, alice: Person, root: Person) -> None:
    one = add(services, comment_of("word " * 5_000, name="Marlow"))
    alice.post(f"/review/c/site-a/{one.id}/notes", {"note": "<b>Ask</b> mail@alice.example first."})

    page = text_of(root, f"/review/c/site-a/{one.id}")

    assert page.count("word ") >= 5_000
    assert "&lt;b&gt;Ask&lt;/b&gt; [address removed] first." in page
    assert "<b>Alice</b>" in page


def test_notes_need_a_comment_and_a_text(services: Services, alice: Person) -> None:
    one = add(services, comment_of("Is the tide table right?"))

    assert alice.post(f"/review/c/site-a/{one.id}/notes", {"note": "  "}).status_code == 422
    assert alice.post("/review/c/site-a/01KNOTHERE/notes", {"note": "x"}).status_code == 404


def test_notes_go_with_the_person_they_are_about(services: Services, alice: Person) -> None:
    one = add(services, comment_of("Is the tide table right?"))
    alice.post(f"/review/a/site-a/{JANE}/notes", {"note": "Knows the harbour master."})
    alice.post(f"/review/c/site-a/{one.id}/notes", {"note": "Good question."})

    services.privacy.erase(services.sites.read("site-a"), (JANE,))

    assert services.reviews.notes("site-a", comment_ids=[one.id], author_ids=[JANE]) == {}


def test_an_author_page_shows_everything_of_theirs(services: Services, alice: Person) -> None:
    add(services, comment_of("First words.", author_id=MALLORY, name="Mallory", age=timedelta(days=2)))
    add(services, comment_of("Second words.", author_id=MALLORY, name="Mallory"))
    add(services, comment_of("Jane's words.", author_id=JANE))

    page = text_of(alice, f"/review/a/site-a/{MALLORY}")

    assert "First words." in page
    assert "Second words." in page
    assert "Jane" not in page
    assert re.search(r"<b>2</b> waiting", page)


def test_rejecting_all_of_an_author_is_one_act_with_one_undo(services: Services, alice: Person) -> None:
    ids = [add(services, comment_of(f"Words {i}", author_id=MALLORY)).id for i in range(3)]
    jane = add(services, comment_of("Jane's words.", author_id=JANE))
    page = text_of(alice, f"/review/a/site-a/{MALLORY}")
    items = re.search(r'name="item" value="([^"]+,[^"]+)"', page)[1]  # type: ignore[index]
    path = f"/review/a/site-a/{MALLORY}"

    form = {"site": "site-a", "item": f"{items},{jane.id}:1", "back": path}
    answer = alice.post(f"{path}/reject", form)
    page = text_of(alice, answer.headers["Location"])

    assert "Rejected 3 as spam." in page
    assert services.comments.get("site-a", jane.id).status is Status.PENDING
    act = re.search(r'name="did" value="([^"]+)"', page)[1]  # type: ignore[index]
    alice.post("/review/undo", {"site": "site-a", "did": act})
    assert {one.status for one in services.comments.get_many("site-a", ids)} == {Status.PENDING}


def test_ban_and_trust_show_and_count(services: Services, alice: Person) -> None:
    add(services, comment_of("Words.", author_id=MALLORY))
    path = f"/review/a/site-a/{MALLORY}"

    alice.post(f"{path}/standing", {"standing": "banned"})
    assert services.comments.author("site-a", [MALLORY]).is_banned
    assert "banned" in text_of(alice, path)
    alice.post(f"{path}/standing", {"standing": "trusted"})
    assert services.comments.author("site-a", [MALLORY]).is_trusted
    alice.post(f"{path}/standing", {"standing": "none"})

    record = services.comments.author("site-a", [MALLORY])
    assert (record.is_banned, record.is_trusted) == (False, False)
    whom = [
        (entry["who"], entry["standing"]) for entry in services.archive.audit("site-a") if entry["act"] == "standing"
    ]
    assert whom == [("Alice", "none"), ("Alice", "trusted"), ("Alice", "banned")]
    assert alice.post(f"{path}/standing", {"standing": "king"}).status_code == 422


def test_an_author_nobody_knows_is_not_found(alice: Person) -> None:
    for author in (MALLORY, "k1.x", "..", "k1." + "A" * 32):
        assert alice.get(f"/review/a/site-a/{author}").status_code == 404
