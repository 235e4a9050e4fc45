"""The stream of events: says what polling says, holds on to one viewer a process, and ends soon."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import expect

from moderation.core.errors import StoreUnavailable
from moderation.service.acts import Item
from moderation.service.services import Services
from moderation.service.submissions import Edit
from moderation.web import create_app
from moderation.web.review import live
from tests.web.review.browsing import browser_page
from tests.web.review.conftest import PASSWORD, Person
from tests.web.review.seeding import add, comment_of


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams of a test are short."""
    monkeypatch.setattr(live, "HOLD_SECONDS", 0.4)
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.05)


def events_of(text: str) -> list[dict[str, str]]:
    """Return the events of a stream as a browser reads them."""
    blocks = [block for block in text.split("\n\n") if block]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


def stream(person: Person, *ids: str, since: str = "") -> list[dict[str, str]]:
    answer = person.get(f"/review/events?site=site-a&ids={','.join(ids)}&since={since}")
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    return events_of(answer.get_data(as_text=True))


def test_a_stream_says_what_polling_says(services: Services, alice: Person) -> None:
    one = add(services, comment_of("Is the tide table right?"))

    found = stream(alice, one.id)
    polled = alice.get(f"/review/live?site=site-a&ids={one.id}")

    assert [event["event"] for event in found] == ["again", "state"]
    assert json.loads(found[1]["data"]) == json.loads(polled.get_data())
    assert polled.headers["ETag"] == f'W/"{found[1]["id"]}"'


@pytest.mark.slow
def test_a_stream_says_nothing_that_was_said(services: Services, alice: Person) -> None:
    one = add(services, comment_of("Is the tide table right?"))
    tag = stream(alice, one.id)[1]["id"]

    assert [event["event"] for event in stream(alice, one.id, since=tag)] == ["again"]


def test_a_held_stream_hears_of_a_decision_while_it_is_open(
    services: Services, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = add(services, comment_of("Is the tide table right?"))
    monkeypatch.setattr(live, "HOLD_SECONDS", 10.0)
    answer = alice.get(f"/review/events?site=site-a&ids={one.id}", buffered=False)
    chunks: Iterator[bytes] = iter(answer.response)
    assert b"event: again" in next(chunks)
    assert json.loads(events_of(next(chunks).decode())[0]["data"])["gone"] == {}

    services.acts.decide(services.sites.read("site-a"), [Item(one.id, 1)], kind="spam", who="Root")
    gone = json.loads(events_of(next(chunks).decode())[0]["data"])["gone"]
    answer.close()

    assert gone == {one.id: "Root: rejected as spam, just now"}
    assert not live._held.locked()  # Whoever closes the page frees the place.


def test_a_process_holds_on_to_one_stream_and_tells_the_others_to_come_again(services: Services, alice: Person) -> None:
    live._held.acquire()
    try:
        started = time.monotonic()
        found = stream(alice)
        seconds = time.monotonic() - started
    finally:
        live._held.release()

    assert found[0]["data"] == "5"
    assert [event["event"] for event in found] == ["again", "state"]
    assert seconds < live.HOLD_SECONDS
    assert stream(alice)[0]["data"] == "1"
    assert not live._held.locked()


def test_a_process_with_few_threads_holds_on_to_none(services: Services, alice: Person) -> None:
    few = create_app(replace(services, settings=replace(services.settings, threads=live.SPARE_THREADS - 1)))
    person = Person(few.test_client())
    person.client.post("/review/login", data={"name": "Alice", "password": PASSWORD})

    assert stream(person)[0]["data"] == "5"


def test_a_store_that_goes_away_ends_the_stream_and_frees_the_place(
    services: Services, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> object:
        raise StoreUnavailable("The store does not answer; try again in a second.")

    monkeypatch.setattr(live, "look", away)

    assert [event["event"] for event in stream(alice)] == ["again"]
    assert not live._held.locked()


@pytest.mark.parametrize("ids", ["a" * 999, ",,,", "\x00", "site-a/", "/x"])
def test_rubbish_is_watched_by_nobody(alice: Person, ids: str) -> None:
    assert json.loads(stream(alice, ids)[1]["data"])["gone"] in ({}, {"x": "One is gone."})


def test_a_foreign_comment_cannot_be_watched(services: Services, bob: Person) -> None:
    one = add(services, comment_of("Is the tide table right?"))

    for route in ("events", "live"):
        assert bob.get(f"/review/{route}?site=site-b&ids=site-a/{one.id}").status_code == 404
        assert bob.get(f"/review/{route}?site=*&ids=site-a/{one.id}").status_code == 404


@pytest.mark.browser
def test_a_colleagues_decision_shows_without_a_load(chromium: Any, address: str, services: Services) -> None:
    one = add(services, comment_of("Is the tide table right?"))

    with browser_page(chromium, address) as page:
        streams: list[str] = []
        page.on("request", lambda request: streams.append(request.url) if "/review/events" in request.url else None)
        services.acts.decide(services.sites.read("site-a"), [Item(one.id, 1)], kind="spam", who="Root")
        page.locator(f"#c-{one.id}").get_by_text("Root: rejected as spam").wait_for()
        expect(page.locator("#nav-count")).to_have_text("0")


@pytest.mark.browser
def test_what_a_colleague_did_stays_told_until_it_is_taken_back(
    chromium: Any, address: str, services: Services
) -> None:
    one = add(services, comment_of("Is the tide table right?"))
    other = add(services, comment_of("The council met on Monday about something else."))
    site = services.sites.read("site-a")

    with browser_page(chromium, address) as page:
        card = page.locator(f"#c-{one.id}")
        act = services.acts.decide(site, [Item(one.id, 1)], kind="spam", who="Root")
        card.get_by_text("Root: rejected as spam").wait_for()
        services.acts.decide(site, [Item(other.id, 1)], kind="toxic", who="Root")
        page.locator(f"#c-{other.id}").get_by_text("Root: rejected as toxic").wait_for()
        assert card.get_by_text("Root: rejected as spam").is_visible()
        assert card.get_by_role("button", name="Approve").is_disabled()

        services.acts.undo(site, act.id, who="Root")
        expect(card.get_by_role("button", name="Approve")).to_be_enabled(timeout=15_000)
        assert card.get_by_text("changed meanwhile").is_visible()
        assert card.get_by_text("Root: rejected as spam").is_hidden()


@pytest.mark.browser
def test_an_edited_comment_says_so_before_somebody_decides(chromium: Any, address: str, services: Services) -> None:
    services.sites.change_policy("site-a", {"thresholds": {"spam": {"review": 0.0}}})
    one = add(services, comment_of("Is the tide table right?"))

    with browser_page(chromium, address) as page:
        page.locator(f"#c-{one.id}").wait_for()
        services.submissions.edit(services.sites.read("site-a"), one.id, Edit(content="Buy pills."))
        page.get_by_text("changed meanwhile: load the page again to see it").wait_for()
        page.reload()
        page.get_by_text("Buy pills.").wait_for()
        assert page.locator(".stale").is_hidden()


@pytest.mark.browser
def test_where_no_stream_comes_through_the_page_asks(
    chromium: Any, address: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = add(services, comment_of("Is the tide table right?"))

    with browser_page(chromium, address, tolerated=("net::ERR_FAILED", "EventSource")) as page:
        page.route("**/review/events**", lambda route: route.abort())
        page.reload()
        services.acts.decide(services.sites.read("site-a"), [Item(one.id, 1)], kind="spam", who="Root")
        page.locator(f"#c-{one.id}").get_by_text("Root: rejected as spam").wait_for(timeout=20_000)


@pytest.mark.browser
def test_a_page_whose_session_ended_says_so(chromium: Any, address: str, services: Services) -> None:
    with browser_page(chromium, address, tolerated=("401", "EventSource")) as page:
        page.clock.install()
        page.reload()
        page.context.clear_cookies()
        page.clock.run_for(40_000)
        page.wait_for_timeout(300)
        for _ in range(5):
            page.clock.run_for(10_000)
            page.wait_for_timeout(300)
        page.get_by_text("Your session has ended.").wait_for()


@pytest.mark.browser
def test_somebody_who_went_away_holds_up_nobody(chromium: Any, address: str, services: Services) -> None:
    add(services, comment_of("Is the tide table right?"))

    with browser_page(chromium, address) as page:
        page.clock.install()
        page.reload()
        page.keyboard.press("j")
        with page.expect_response("**/review/claim"):
            page.clock.run_for(1_000)
        for _ in range(4):
            with page.expect_response("**/review/claim"):  # Renewed every minute.
                page.clock.run_for(60_000)
        claims: list[str] = []
        page.on("request", lambda request: claims.append(request.url) if request.url.endswith("/claim") else None)
        for _ in range(8):
            page.clock.run_for(60_000)
            page.wait_for_timeout(50)
        claims.clear()
        page.clock.run_for(5 * 60_000)
        page.wait_for_timeout(300)

    assert claims == []


@pytest.mark.browser
def test_a_hidden_page_keeps_no_stream(chromium: Any, address: str, services: Services) -> None:
    with browser_page(chromium, address) as page:
        page.wait_for_timeout(300)
        page.evaluate("""() => {
            Object.defineProperty(document, "hidden", {value: true, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }""")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(2_500)
        while_hidden = list(asked)
        page.evaluate("""() => {
            Object.defineProperty(document, "hidden", {value: false, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }""")
        page.wait_for_timeout(500)

    assert while_hidden == []
    assert any("/review/events" in url for url in asked)
