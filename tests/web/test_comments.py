"""POST, GET, PUT and DELETE of comments: what a website sends and gets."""

from __future__ import annotations

import re
import threading

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from moderation.service.services import Services
from tests.cast import BORDERLINE, FINE, MALLORY, PAGE, SPAM, body, everything_in
from tests.web.conftest import Api
from tests.web.test_error_shape import faults, problem


def test_a_comment_is_answered_in_the_shape_of_the_design(api: Api) -> None:
    response = api("POST", "/v1/comments", body(content=BORDERLINE, external_id="42"))
    comment = response.get_json()

    assert response.status_code == 201
    assert response.headers["Location"] == f"/v1/comments/{comment['id']}"
    assert comment.keys() >= {"id", "status", "permalink", "parent_id", "external_id", "author", "content", "verdict"}
    assert (comment["status"], comment["version"], comment["decision"]) == ("pending", 1, None)
    assert re.fullmatch(r"k1\.[a-z2-7]{32}", comment["author"]["id"])
    assert comment["author"]["avatar_url"] == f"/v1/authors/{comment['author']['id']}/avatar.svg"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", comment["created_at"])
    [spam] = [one for one in comment["verdict"]["reasons"] if one["code"] == "model-spam"]
    assert spam["evidence"] == [{"start": 7, "end": 14, "text": "channel", "weight": 1.0, "field": "content"}]
    assert api("GET", response.headers["Location"]).get_json() == comment


def test_the_address_is_masked_wherever_it_was_typed(api: Api, store_url: str) -> None:
    comment = api.submit(
        content=f"Write to {MALLORY.upper()}",
        author=f"Mallory {MALLORY}",
        author_url=f"https://m.example/?me={MALLORY}",
        permalink=f"{PAGE}?from=mallory%40mail.example",
        external_id=f"u:{MALLORY}",
        parent_id=MALLORY,
    )

    stored = str(everything_in(store_url)).lower()
    for text in (str(comment).lower(), stored):
        assert MALLORY not in text
        assert "mallory%40" not in text
    assert comment["content"] == "Write to [address removed]"


@pytest.mark.parametrize("address", ["用户@例子.example", "Jörg@Bücher.Example", "o'neil+x@mail.example"])
def test_international_addresses_work(api: Api, address: str) -> None:
    one, other = api.submit(author_email=address), api.submit(author_email=address.upper())

    assert one["author"]["id"] == other["author"]["id"]


def test_without_an_address_where_the_site_allows_it(api: Api, services: Services) -> None:
    services.sites.change_policy("site-a", {"email_required": False})

    assert api.submit(author_email=...)["author"] == {
        "id": None,
        "name": "Mallory",
        "url": None,
        "avatar_url": None,
    }


@pytest.mark.parametrize("header", ["key-1", '"key-1"', "k" * 255])
def test_a_retry_makes_no_second_comment(api: Api, services: Services, header: str) -> None:
    responses = [api("POST", "/v1/comments", body(), headers={"Idempotency-Key": header}) for _ in range(3)]

    assert [one.status_code for one in responses] == [201] * 3
    assert len({one.data for one in responses}) == 1
    assert [one.headers.get("Idempotent-Replayed") for one in responses] == [None, "true", "true"]
    assert sum(services.archive.statuses("site-a").values()) == 1


def test_quotes_are_not_part_of_the_key_and_sites_do_not_share_one(api: Api, api_b: Api) -> None:
    first = api("POST", "/v1/comments", body(), headers={"Idempotency-Key": "key-1"})
    quoted = api("POST", "/v1/comments", body(), headers={"Idempotency-Key": '"key-1"'})
    theirs = api_b("POST", "/v1/comments", body(), headers={"Idempotency-Key": "key-1"})

    assert quoted.data == first.data
    assert "Idempotent-Replayed" not in theirs.headers


def test_the_same_key_with_another_payload_is_refused(api: Api) -> None:
    api("POST", "/v1/comments", body(), headers={"Idempotency-Key": "key-1"})

    response = api("POST", "/v1/comments", body(content="other"), headers={"Idempotency-Key": "key-1"})

    problem(response, 422, "idempotency-key-reuse")


@pytest.mark.parametrize("header", ["", '""', "k" * 256, "a\x7fb", "\xe9"])
def test_an_unusable_key_is_refused(api: Api, header: str) -> None:
    response = api("POST", "/v1/comments", body(), headers={"Idempotency-Key": header})

    assert faults(response) == {("", "invalid-idempotency-key")}


def test_a_refused_request_does_not_use_its_key_up(api: Api) -> None:
    refused = api("POST", "/v1/comments", body(content=""), headers={"Idempotency-Key": "key-1"})
    taken = api("POST", "/v1/comments", body(), headers={"Idempotency-Key": "key-1"})

    assert (refused.status_code, taken.status_code) == (422, 201)
    assert "Idempotent-Replayed" not in taken.headers


def test_many_at_once_with_one_key_make_one_comment(app: Flask, api: Api, services: Services) -> None:
    responses: list[TestResponse] = []
    barrier = threading.Barrier(6)

    def submit() -> None:
        own = Api(app.test_client(), api.key)
        barrier.wait()
        responses.append(own("POST", "/v1/comments", body(), headers={"Idempotency-Key": "key-1"}))

    threads = [threading.Thread(target=submit) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [one.status_code for one in responses] == [201] * 6
    assert len({one.get_json()["id"] for one in responses}) == 1
    assert sum(services.archive.statuses("site-a").values()) == 1


def test_the_limit_is_told_with_every_answer(api: Api, services: Services) -> None:
    services.sites.change_policy("site-a", {"rate_limit": "2/hour"})

    first, second, third = (api("POST", "/v1/comments", body()) for _ in range(3))

    assert first.headers["RateLimit-Policy"] == '"default";q=2;w=3600'
    assert re.fullmatch(r'"default";r=1;t=3(600|59\d)', first.headers["RateLimit"])
    assert second.headers["RateLimit"].startswith('"default";r=0;')
    problem(third, 429, "rate-limited")
    assert third.headers["RateLimit-Policy"] == first.headers["RateLimit-Policy"]
    assert third.headers["RateLimit"].startswith('"default";r=0;t=')
    assert 3590 <= int(third.headers["Retry-After"]) <= 3600


def test_a_site_without_a_limit_is_told_of_none(api: Api) -> None:
    headers = api("POST", "/v1/comments", body()).headers

    assert "RateLimit" not in headers
    assert "RateLimit-Policy" not in headers


def test_an_edit_is_scored_anew(api: Api) -> None:
    comment = api.submit()

    edited = api("PUT", f"/v1/comments/{comment['id']}", {"content": SPAM, "version": 1}).get_json()
    stale = api("PUT", f"/v1/comments/{comment['id']}", {"content": FINE, "version": 1})

    assert (edited["status"], edited["version"], edited["content"]) == ("rejected", 2, SPAM)
    assert problem(stale, 409, "stale-version")["current_version"] == 2


def test_a_deleted_comment_is_gone(api: Api) -> None:
    path = f"/v1/comments/{api.submit()['id']}"

    assert api("DELETE", path).status_code == 204
    problem(api("GET", path), 404, "not-found")
    problem(api("DELETE", path), 404, "not-found")


def test_no_log_line_holds_text_address_or_key(api: Api, capfd: pytest.CaptureFixture[str]) -> None:
    api.submit(content="unmistakable words", user_ip="192.0.2.77")
    api("POST", "/v1/comments", body(content=""))
    api("GET", f"/v1/comments?permalink={PAGE}")

    out, err = capfd.readouterr()
    assert "answered" in out + err
    for secret in (MALLORY, "unmistakable", "192.0.2", api.key, PAGE):
        assert secret not in out + err
