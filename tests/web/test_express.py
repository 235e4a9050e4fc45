"""The short way of submissions and checks: it answers as the long way through Flask does, errors and frame included."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from moderation.core.errors import StoreUnavailable
from moderation.store.comments import Comments
from moderation.web import express
from tests.cast import body
from tests.web.conftest import Api

LONG = "application/json; charset=UTF-8; profile=long"  # JSON for Flask, but not plain enough for the short way.
SHORT = "application/json"
CHANGING = {"Date", "X-Request-Id", "Location", "RateLimit", "Content-Length"}


def _sent(api: Api, content_type: str, path: str, given: object, **headers: str) -> TestResponse:
    data = given if isinstance(given, bytes) else json.dumps(given).encode()
    return api("POST", path, data=data, content_type=content_type, headers=headers)


def _shape(response: TestResponse) -> Any:
    """Return what does not change from request to request."""
    found = response.get_json()
    for name in ("id", "created_at", "updated_at", "request_id"):
        found.pop(name, None)
    return found


@pytest.mark.parametrize(
    "path, given",
    [
        ("/v1/comments", body()),
        ("/v1/comments", {**body(), "content": ""}),
        ("/v1/comments", {**body(), "author_email": "mallory"}),
        ("/v1/comments", b"{"),
        ("/v1/comments", b"[" * 3000),
        ("/v1/check", {"comments": [body()]}),
        ("/v1/check", {"comments": [{**body(), "author_email": "mallory"}, {**body(), "user_ip": "1"}]}),
        ("/v1/check", {"comments": []}),
    ],
    ids=["accepted", "empty", "address", "broken", "deep", "checked", "two faults", "nothing to check"],
)
def test_both_ways_give_the_same_answer(api: Api, path: str, given: object) -> None:
    long, short = _sent(api, LONG, path, given), _sent(api, SHORT, path, given)

    assert short.status == long.status
    assert _shape(short) == _shape(long)
    assert set(short.headers.keys()) == set(long.headers.keys())
    for name, value in long.headers.items():
        if name not in CHANGING:
            assert short.headers[name] == value, name


def test_submissions_and_checks_go_the_short_way(api: Api, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_this_way(*_: object) -> None:
        raise AssertionError("went through Flask")

    monkeypatch.setattr(app, "full_dispatch_request", not_this_way)

    assert _sent(api, SHORT, "/v1/comments", body()).status_code == 201
    assert _sent(api, SHORT, "/v1/check", {"comments": [body()]}).status_code == 200


def test_idempotency_spans_both_ways(api: Api) -> None:
    first = _sent(api, SHORT, "/v1/comments", body(), **{"Idempotency-Key": "retry-1"})
    second = _sent(api, LONG, "/v1/comments", body(), **{"Idempotency-Key": "retry-1"})
    third = _sent(api, SHORT, "/v1/comments", body(), **{"Idempotency-Key": "retry-1"})

    assert first.get_json()["id"] == second.get_json()["id"] == third.get_json()["id"]
    assert second.headers["Idempotent-Replayed"] == third.headers["Idempotent-Replayed"] == "true"


def test_an_error_after_the_write_does_not_repeat_the_write(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def add(*_: object) -> None:
        tries.append(1)
        raise StoreUnavailable("The store does not answer; try again in a second.")

    monkeypatch.setattr(Comments, "add_ahead", add)

    response = _sent(api, SHORT, "/v1/comments", body())

    assert (response.status_code, response.headers["Retry-After"], len(tries)) == (503, "1", 1)


def test_an_unexpected_error_is_a_problem_document(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Comments, "add_ahead", lambda *_: 1 / 0)

    response = _sent(api, SHORT, "/v1/comments", body(), **{"X-Request-Id": "mine"})

    assert response.status_code == 500
    assert response.content_type == "application/problem+json"
    assert response.get_json()["request_id"] == response.headers["X-Request-Id"] == "mine"


@pytest.mark.parametrize("content_type", [LONG, SHORT], ids=["long", "short"])
def test_each_way_writes_one_line_and_counts_once(
    api: Api, content_type: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = api.client.get("/metrics").text
    capsys.readouterr()

    _sent(api, content_type, "/v1/comments", body(), **{"X-Request-Id": "mine"})

    said = capsys.readouterr().out
    assert said.count("answered") == 1
    assert all(part in said for part in ("mine", "POST", "/v1/comments", "status=201", "site-a"))
    name = 'winnow_http_requests_total{route="/v1/comments",status="201"}'
    assert _count(api.client.get("/metrics").text, name) == _count(before, name) + 1


def _count(page: str, name: str) -> float:
    return next((float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(name)), 0.0)


@pytest.mark.parametrize(
    "change",
    [
        {"REQUEST_METHOD": "PUT"},
        {"CONTENT_TYPE": "text/plain"},
        {"CONTENT_LENGTH": ""},
        {"CONTENT_LENGTH": "-1"},
        {"CONTENT_LENGTH": "²"},
        {"CONTENT_LENGTH": "9" * 5000},
        {"HTTP_TRANSFER_ENCODING": "chunked"},
        {"SCRIPT_NAME": "/below"},
    ],
    ids=lambda change: next(iter(change)) + " " + next(iter(change.values()))[:8],
)
def test_what_is_not_plain_goes_the_long_way(change: dict[str, str]) -> None:
    plain = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": SHORT, "CONTENT_LENGTH": "12", "SCRIPT_NAME": ""}

    assert express.plain_length(plain) == 12
    assert express.plain_length({**plain, **change}) == 0


def test_a_body_that_ends_early_stores_nothing(api: Api) -> None:
    data = json.dumps(body()).encode()

    response = api("POST", "/v1/comments", data=data, content_type=SHORT, environ_overrides={"CONTENT_LENGTH": "9999"})

    assert response.status_code >= 400
    assert api("GET", "/v1/comments").get_json()["comments"] == []
