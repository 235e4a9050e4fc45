"""GET of a thread and of the queue: public or not, in order, by signed cursors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.core.errors import InvalidCursor
from moderation.store.queue import Position
from moderation.web.cursors import CURSOR_MAX, Cursors
from tests.cast import BORDERLINE, FINE, PAGE, SPAM, TOXIC
from tests.web.conftest import Api
from tests.web.test_error_shape import problem

KEYS = (b"new" * 11, b"old" * 11)


def walk(api: Api, path: str, limit: int) -> list[dict[str, Any]]:
    """Return the comments of all pages."""
    found: list[dict[str, Any]] = []
    query = {**_query(path), "limit": str(limit)}
    while True:
        page = api("GET", path.partition("?")[0], query_string=query).get_json()
        found += page["comments"]
        assert page["has_more"] is (page["cursor"] is not None)
        if not page["has_more"]:
            return found
        assert len(page["comments"]) == limit
        query["cursor"] = page["cursor"]


def test_a_thread_shows_the_approved_oldest_first_and_nothing_inward(api: Api) -> None:
    ids = [api.submit(content=f"{FINE} {number}")["id"] for number in range(5)]
    api.submit(content=SPAM)
    api.submit(permalink="https://news.example/other")

    found = walk(api, f"/v1/comments?permalink={PAGE}", 2)

    assert [one["id"] for one in found] == ids
    assert all("verdict" not in one and "decision" not in one for one in found)


@pytest.mark.parametrize("status, text", [("approved", FINE), ("pending", BORDERLINE), ("rejected", SPAM)])
def test_a_thread_can_be_asked_for_another_status(api: Api, status: str, text: str) -> None:
    ids = {content: api.submit(content=content)["id"] for content in (FINE, BORDERLINE, SPAM)}

    assert [one["id"] for one in walk(api, f"/v1/comments?status={status}", 9)] == [ids[text]]


def test_a_page_of_any_length_of_address_can_be_walked(api: Api) -> None:
    page = "https://news.example/" + "".join(f"{number:x}" for number in range(500))
    ids = [api.submit(permalink=page)["id"] for _ in range(3)]

    assert [one["id"] for one in walk(api, f"/v1/comments?permalink={page}", 1)] == ids


def test_the_queue_in_its_four_orders(api: Api) -> None:
    toxic, channel, both = (api.submit(content=text)["id"] for text in (TOXIC, BORDERLINE, BORDERLINE + TOXIC))
    orders = {
        sort: [one["id"] for one in walk(api, f"/v1/queue?sort={sort}", 1)]
        for sort in ("oldest", "newest", "likely-spam", "likely-fine")
    }

    assert orders["oldest"] == [toxic, channel, both]
    assert orders["newest"] == [both, channel, toxic]
    assert orders["likely-fine"][0] == channel
    assert orders["likely-spam"] == orders["likely-fine"][::-1]


def test_sites_see_their_own_only(api: Api, api_b: Api) -> None:
    api_b.submit(content=BORDERLINE), api_b.submit()

    assert walk(api, "/v1/queue", 9) == walk(api, f"/v1/comments?permalink={PAGE}", 9) == []


def test_a_cursor_belongs_to_its_listing_and_site(api: Api, api_b: Api) -> None:
    for client in (api, api_b):
        for _ in range(2):
            client.submit(content=BORDERLINE)
    cursor = api("GET", "/v1/queue?limit=1").get_json()["cursor"]

    for client, path in (
        (api, "/v1/queue?sort=newest"),
        (api, "/v1/comments?status=pending"),
        (api_b, "/v1/queue"),
    ):
        response = client("GET", path.partition("?")[0], query_string={**_query(path), "cursor": cursor})
        problem(response, 400, "invalid-cursor")


def _query(path: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in path.partition("?")[2].split("&") if pair)


def test_a_cursor_that_was_changed_is_refused(api: Api) -> None:
    for _ in range(2):
        api.submit(content=BORDERLINE)
    cursor = api("GET", "/v1/queue?limit=1").get_json()["cursor"]

    for place in range(0, len(cursor), 7):
        other = "A" if cursor[place] != "A" else "B"
        response = api("GET", f"/v1/queue?limit=1&cursor={cursor[:place]}{other}{cursor[place + 1 :]}")
        assert response.status_code == 400, place


LISTINGS = st.lists(st.text(max_size=2_000), min_size=1, max_size=4)
POSITIONS = st.builds(Position, st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=26))


@given(LISTINGS, POSITIONS)
def test_cursors_round_trip(listing: list[str], position: Position) -> None:
    cursor = Cursors(KEYS).make(listing, position)

    assert Cursors(KEYS).read(listing, cursor) == position
    assert len(cursor) <= CURSOR_MAX
    with pytest.raises(InvalidCursor):
        Cursors(KEYS).read([*listing, "x"], cursor)


def test_cursors_survive_a_new_key_and_no_strange_one() -> None:
    cursor = Cursors(KEYS[1:]).make(["a"], Position(1.0, "x"))

    assert Cursors(KEYS).read(["a"], cursor) == Position(1.0, "x")
    with pytest.raises(InvalidCursor):
        Cursors([b"other" * 8]).read(["a"], cursor)
