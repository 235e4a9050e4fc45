"""Several sites: one merged queue or one at a time, authorised item by item; a press over several is one to undo."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from moderation.core.comment import Status
from moderation.service.services import Services
from tests.web.review.browsing import browser_page
from tests.web.review.conftest import PASSWORD, Person
from tests.web.review.seeding import add, comment_of
from tests.web.review.test_queue import place_after, shown

JSON = {"Accept": "application/json"}


@pytest.fixture
def carol(services: Services, sign_in: Callable[[str], Person]) -> Person:
    """Give somebody who moderates both sites, but not a third one."""
    services.sites.add("site-c", "https://site-c.example")
    services.accounts.add("Carol", PASSWORD, sites=("site-a", "site-b"))
    return sign_in("Carol")


@pytest.fixture
def ids(services: Services) -> list[str]:
    """Give the ids of four comments, oldest first, of sites a, b, a, b."""
    return [
        add(services, comment_of(f"{'abcd'[i] * 30} {i}", site=f"site-{'ab'[i % 2]}", age=timedelta(hours=9 - i))).id
        for i in range(4)
    ]


def items(ids: list[str]) -> list[str]:
    return [f"site-{'ab'[i % 2]}/{one}:1" for i, one in enumerate(ids)]


def statuses(services: Services, ids: list[str]) -> list[Status]:
    return [services.comments.get(f"site-{'ab'[i % 2]}", one).status for i, one in enumerate(ids)]


def test_the_queues_of_all_ones_sites_are_one_and_can_be_parted(
    services: Services, carol: Person, ids: list[str]
) -> None:
    hidden = add(services, comment_of("Of a site that Carol does not see.", site="site-c"))

    merged = carol.get("/review/").get_data(as_text=True)
    only = carol.get("/review/?site=site-b").get_data(as_text=True)

    assert shown(merged) == ids
    assert hidden.id not in merged
    assert "site-c" not in merged
    assert "4 waiting · All sites" in merged
    assert '<option value="*" selected>All sites</option>' in merged
    assert '<option value="site-b">site-b (2)</option>' in merged
    assert shown(only) == [ids[1], ids[3]]


@pytest.mark.slow
def test_filters_orders_and_pages_hold_over_all_sites(services: Services, carol: Person) -> None:
    found = [
        add(services, comment_of(f"{chr(97 + i % 26) * 30} {i * 7919}", site=f"site-{'ab'[i % 3 == 0]}",
                                 age=timedelta(minutes=90 - i))).id
        for i in range(45)
    ]  # fmt: skip

    first = carol.get("/review/?site=*&sort=newest").get_data(as_text=True)
    second = carol.get(f"/review/?site=*&sort=newest&after={place_after(first)}").get_data(as_text=True)
    third = carol.get(f"/review/?site=*&sort=newest&after={place_after(second)}").get_data(as_text=True)

    assert shown(first) + shown(second) + shown(third) == found[::-1]
    assert "site=%2A&amp;sort=newest" in first or "site=*&amp;sort=newest" in first
    assert len(shown(carol.get(f"/review/?site=*&text={7919 * 7}").get_data(as_text=True))) == 1


def test_a_press_over_several_sites_has_one_undo(services: Services, carol: Person, ids: list[str]) -> None:
    form = {"site": "*", "item": items(ids[:3]), "act": "spam", "back": "/review/?site=*"}
    page = carol.get(carol.post("/review/decide", form).headers["Location"]).get_data(as_text=True)
    after = statuses(services, ids)
    did = re.search(r'name="did" value="([^"]+)"', page)

    assert "Rejected 3 as spam." in page
    assert after == [Status.REJECTED] * 3 + [Status.PENDING]
    assert did

    undone = carol.post("/review/undo", {"site": "*", "did": did[1], "back": "/review/?site=*"})

    assert "Took 3 back." in carol.get(undone.headers["Location"]).get_data(as_text=True)
    assert statuses(services, ids) == [Status.PENDING] * 4


def test_one_foreign_item_refuses_the_whole_press(services: Services, alice: Person, ids: list[str]) -> None:
    answer = alice.post("/review/decide", {"site": "site-a", "item": items(ids), "act": "spam"})

    assert answer.status_code == 404
    assert statuses(services, ids) == [Status.PENDING] * 4


def test_a_foreign_act_among_ones_own_is_not_undone(
    services: Services, alice: Person, root: Person, ids: list[str]
) -> None:
    answer = root.post("/review/decide", {"site": "*", "item": items(ids), "act": "spam"}, headers=JSON)
    did = json.loads(answer.get_data())["undo"]

    refused = alice.post("/review/undo", {"site": "site-a", "did": did})
    told = alice.get(f"/review/?site=site-a&did={did.split(',')[1]}").get_data(as_text=True)

    assert refused.status_code == 404
    assert statuses(services, ids) == [Status.REJECTED] * 4
    assert "Rejected 2" not in told


@pytest.mark.parametrize("item", ["*/{id}:1", "{id}:1", "SITE-A/{id}:1", "site-a/../{id}:1"])
def test_an_item_without_its_site_is_refused_in_the_merged_queue(
    services: Services, carol: Person, ids: list[str], item: str
) -> None:
    answer = carol.post("/review/decide", {"site": "*", "item": item.format(id=ids[0]), "act": "spam"})

    assert answer.status_code == 422
    assert statuses(services, ids) == [Status.PENDING] * 4


def test_the_way_back_from_other_pages_leads_to_all_sites(carol: Person, ids: list[str]) -> None:
    for path in ("history", "numbers", "verdicts"):
        page = carol.get(f"/review/{path}?site=*").get_data(as_text=True)

        assert re.search(r'<a href="/review/\?site=(\*|%2A)">Waiting', page), path
        assert re.search(
            r'<a href="/review/\?site=site-b">Waiting', carol.get(f"/review/{path}?site=site-b").get_data(as_text=True)
        )


def test_somebody_without_sites_is_told_so(services: Services, sign_in: Callable[[str], Person]) -> None:
    services.accounts.add("Dora", PASSWORD, sites=("site-gone",))

    answer = sign_in("Dora").get("/review/")

    assert answer.status_code == 404
    assert "You have no site to look after yet." in answer.get_data(as_text=True)


@pytest.mark.browser
def test_the_merged_queue_in_the_browser(chromium: Any, address: str, services: Services, ids: list[str]) -> None:
    with browser_page(chromium, address, name="Root") as page:
        page.keyboard.press("a")
        page.get_by_text("Approved.").wait_for()
        page.keyboard.press("x")
        page.keyboard.press("j")
        page.keyboard.press("Shift+X")
        page.keyboard.press("s")
        page.get_by_text("Rejected 2 as spam.").wait_for()
        assert statuses(services, ids) == [Status.APPROVED, Status.REJECTED, Status.REJECTED, Status.PENDING]
        page.keyboard.press("u")
        page.get_by_text("Took 2 back.").wait_for()
        expect(page.locator("#nav-count")).to_have_text("3")
        page.wait_for_timeout(900)
        assert services.queue.holders("site-b", [ids[1]]) == {ids[1]: "Root"}
        page.get_by_label("Site").select_option("site-b")
        page.wait_for_url("**/review/?site=site-b")
        assert page.locator("article.card").count() == 2

    assert statuses(services, ids) == [Status.APPROVED, Status.PENDING, Status.PENDING, Status.PENDING]
