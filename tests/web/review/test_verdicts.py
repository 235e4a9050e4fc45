"""What the machine decided by itself: found, read in the order of doubt, overruled, and taken back."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from moderation.core.comment import Ruling, Status
from moderation.core.reasons import reason
from moderation.service.decisions import Judgment
from moderation.service.services import Services
from moderation.web.review.queue import CARDS_A_PAGE
from tests.web.review.browsing import browser_page
from tests.web.review.conftest import Person
from tests.web.review.seeding import add, comment_of
from tests.web.review.test_queue import place_after, shown


def rejected(services: Services, text: str, spam: float, **fields: Any) -> str:
    return add(services, comment_of(text, scores={"spam": spam}, status=Status.REJECTED, **fields)).id


def page_of(person: Person, query: str = "") -> str:
    answer = person.get(f"/review/verdicts?site=site-a{query}")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_what_the_machine_rejected_is_listed_the_most_likely_fine_first(services: Services, alice: Person) -> None:
    sure = rejected(services, "Cheap pills.", 0.99)
    listed = rejected(services, "The casino pier.", 0.1, reasons=(reason("blocked-list"),))
    doubtful = rejected(services, "I wrote about this.", 0.97)
    waiting = add(services, comment_of("Is the tide table right?"))
    passed = add(services, comment_of("Fine.", scores={"spam": 0.01}, status=Status.APPROVED))

    page = page_of(alice)

    assert shown(page) == [listed, doubtful, sure]
    assert "It matches the site&#39;s block list." in page
    assert shown(page_of(alice, "&verdict=approved")) == [passed.id]
    assert shown(page_of(alice, "&sort=spam")) == [sure, doubtful, listed]
    assert shown(page_of(alice, "&text=PILLS")) == [sure]
    assert waiting.id not in page
    assert shown(page_of(alice, "&verdict=rubbish&sort=rubbish&after=x")) == [listed, doubtful, sure]


def test_what_people_decided_is_not_the_machines(services: Services, alice: Person) -> None:
    one = add(services, comment_of("Is the tide table right?"))
    site = services.sites.read("site-a")
    services.decisions.decide(site, one.id, Judgment(ruling=Ruling.REJECT, moderator="Alice"))
    old = rejected(services, "Long ago.", 0.99, age=timedelta(days=31))

    page = page_of(alice)

    assert one.id not in page
    assert old not in page
    assert "The machine rejected nothing in the last 30 days" in page


def test_pages_hold_each_once(services: Services, alice: Person) -> None:
    ids = {rejected(services, f"Number {i}", 0.97 + i % 3 / 100) for i in range(CARDS_A_PAGE + 5)}

    first = page_of(alice)
    second = page_of(alice, f"&after={place_after(first)}")

    assert len(shown(first)) == CARDS_A_PAGE
    assert set(shown(first) + shown(second)) == ids
    assert len(shown(first) + shown(second)) == len(ids)


def test_overruling_the_machine_tells_the_website_and_can_be_undone(services: Services, alice: Person) -> None:
    one = rejected(services, "An honest word about casinos.", 0.98)
    path = "/review/verdicts?site=site-a"
    form = {"site": "site-a", "item": f"site-a/{one}:1", "act": "approve", "override": "1", "back": path}
    assert 'name="override" value="1"' in page_of(alice)

    page = alice.get(alice.post("/review/decide", form).headers["Location"]).get_data(as_text=True)

    assert "Approved." in page
    assert one not in shown(page)
    assert services.comments.get("site-a", one).status is Status.APPROVED
    assert services.archive.has_label("site-a", one)

    did = re.search(r'name="did" value="([^"]+)"', page)[1]  # type: ignore[index]
    back = alice.post("/review/undo", {"site": "site-a", "did": did, "back": path}).headers["Location"]

    assert shown(alice.get(back).get_data(as_text=True)) == [one]
    assert services.comments.get("site-a", one).status is Status.REJECTED
    assert not services.archive.has_label("site-a", one)


def test_several_sites_are_one_list(services: Services, root: Person, bob: Person) -> None:
    first = rejected(services, "Of site a.", 0.97)
    other = rejected(services, "Of site b.", 0.98, site="site-b")

    assert shown(root.get("/review/verdicts?site=*").get_data(as_text=True)) == [first, other]
    assert shown(bob.get("/review/verdicts?site=*").get_data(as_text=True)) == [other]


@pytest.mark.browser
def test_overruling_by_keyboard(chromium: Any, address: str, services: Services) -> None:
    ids = [rejected(services, f"{'abc'[i] * 40} number {i}", 0.95 + i / 100) for i in range(3)]

    with browser_page(chromium, address) as page:
        page.get_by_role("link", name="Verdicts").click()
        page.locator(f"#c-{ids[0]}.current").wait_for()
        page.keyboard.press("a")
        page.get_by_text("Approved.").wait_for()
        assert page.evaluate("document.activeElement.dataset.id") == ids[1]
        page.keyboard.press("u")
        page.get_by_text("Taken back.").wait_for()
        assert services.comments.get("site-a", ids[0]).status is Status.REJECTED
        page.keyboard.press("x")
        page.keyboard.press("j")
        page.keyboard.press("x")
        page.keyboard.press("s")
        page.get_by_text("Rejected 2 as spam.").wait_for()

    found = [services.comments.get("site-a", one).decision for one in ids]
    assert [one.reason if one else None for one in found] == ["spam", "spam", None]
