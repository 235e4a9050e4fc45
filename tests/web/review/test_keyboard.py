"""Judging by keyboard: one key a comment, undo, menus, search; nothing traps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from moderation.core.comment import Status
from moderation.service.services import Services
from tests.web.review.browsing import browser_page
from tests.web.review.seeding import add, comment_of

pytestmark = pytest.mark.browser


def seed(services: Services, count: int) -> list[str]:
    words = "harbour tide boat paper council vote money market weather school bridge mayor garden train".split()
    ids = []
    for i in range(count):
        text = (
            f"{words[i % 14]} {words[i * 5 % 13]} number {i} {'abcdefghij'[i % 10] * 30} {words[i * 3 % 11]} {i * 7919}"
        )
        ids.append(add(services, comment_of(text, name=f"Writer {i}", age=timedelta(minutes=600 - i))).id)
    return ids


def test_one_key_decides_and_the_next_comment_has_the_focus(chromium: Any, address: str, services: Services) -> None:
    ids = seed(services, 4)

    with browser_page(chromium, address) as page:
        for key in "ast":
            page.keyboard.press(key)
        page.get_by_text("Rejected as toxic.").wait_for()
        focused = page.evaluate("document.activeElement.dataset.id")

    found = {one.id: one for one in services.comments.get_many("site-a", ids)}
    assert [found[one].status for one in ids[:3]] == [Status.APPROVED, Status.REJECTED, Status.REJECTED]
    assert [found[one].decision.reason for one in ids[:3]] == [None, "spam", "toxic"]  # type: ignore[union-attr]
    assert focused == ids[3]
    assert found[ids[3]].status is Status.PENDING


def test_undo_key_brings_the_comment_back_with_the_focus(chromium: Any, address: str, services: Services) -> None:
    ids = seed(services, 3)

    with browser_page(chromium, address) as page:
        page.keyboard.press("s")
        page.get_by_text("Rejected as spam.").wait_for()
        page.keyboard.press("u")
        page.get_by_text("Taken back.").wait_for()
        focused = page.evaluate("document.activeElement.dataset.id")
        page.keyboard.press("a")  # The version is the new one, so that it can be decided again.
        page.get_by_text("Approved.").wait_for()

    assert focused == ids[0]
    assert services.comments.get("site-a", ids[0]).status is Status.APPROVED


def test_moving_and_the_menu_of_reasons(chromium: Any, address: str, services: Services) -> None:
    ids = seed(services, 3)

    with browser_page(chromium, address) as page:
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("k")
        page.keyboard.press("r")
        assert page.evaluate("document.activeElement.textContent") == "Off topic"
        page.keyboard.press("Enter")
        page.get_by_text("Rejected as off topic.").wait_for()

    assert services.comments.get("site-a", ids[1]).decision.reason == "off-topic"  # type: ignore[union-attr]


def test_selecting_a_range_and_deciding_on_it(chromium: Any, address: str, services: Services) -> None:
    ids = seed(services, 5)

    with browser_page(chromium, address) as page:
        page.keyboard.press("x")
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("Shift+X")
        assert page.locator("#selected-count").inner_text() == "3"
        page.keyboard.press("s")
        page.get_by_text("Rejected 3 as spam.").wait_for()
        page.get_by_role("button", name="Undo").click()
        page.get_by_text("Took 3 back.").wait_for()
        assert page.locator("article.card").count() == 5

    assert {one.status for one in services.comments.get_many("site-a", ids)} == {Status.PENDING}


def test_selecting_all_that_is_shown(chromium: Any, address: str, services: Services) -> None:
    seed(services, 4)

    with browser_page(chromium, address) as page:
        page.keyboard.press("*")
        assert page.locator("#selected-count").inner_text() == "4"
        page.keyboard.press("*")
        assert page.locator("#bulk").is_hidden()
        page.keyboard.press("x")
        page.get_by_role("button", name="Select all shown").click()
        assert page.locator("#selected-count").inner_text() == "4"
        page.get_by_role("button", name="Select none").click()
        assert page.locator("#bulk").is_hidden()


def test_keys_mean_nothing_while_somebody_types(chromium: Any, address: str, services: Services) -> None:
    ids = seed(services, 2)

    with browser_page(chromium, address) as page:
        page.keyboard.press("/")
        page.keyboard.type("asta")
        assert page.locator("#search").input_value() == "asta"
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        assert page.get_by_role("dialog", name="Keys").is_visible()
        page.keyboard.press("s")
        page.keyboard.press("Escape")
        assert page.locator("article.card").count() == 2

    assert {one.status for one in services.comments.get_many("site-a", ids)} == {Status.PENDING}


@pytest.mark.slow
def test_hundred_comments_by_keyboard(chromium: Any, address: str, services: Services) -> None:
    ids = seed(services, 105)

    with browser_page(chromium, address) as page:
        loads = page.evaluate("performance.getEntriesByType('navigation').length")
        slowest = 0.0
        for i in range(100):
            page.wait_for_selector("article.card.current")
            took = page.evaluate(
                """key => {
                    const before = document.activeElement.dataset.id, start = performance.now();
                    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
                    const card = document.activeElement;
                    if (!card.matches("article.card.current") || card.dataset.id === before) return Infinity;
                    return performance.now() - start;
                }""",
                "ast"[i % 3],
            )
            slowest = max(slowest, took)
            page.wait_for_timeout(20)
        expect(page.locator("article.card")).to_have_count(5)
        expect(page.locator("#nav-count")).to_have_text("5", timeout=20_000)
        assert page.evaluate("performance.getEntriesByType('navigation').length") == loads

    assert slowest < 100  # Milliseconds.
    waiting = [one.id for one in services.comments.get_many("site-a", ids) if one.status is Status.PENDING]
    assert waiting == ids[100:]
