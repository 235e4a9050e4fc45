"""Guessing API keys is slow for whoever does it, and never stands in the way of a right key."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from moderation.service.guesses import WINDOW_SECONDS, WRONG_KEYS, Guesses
from tests.cast import body, everything_in
from tests.web.conftest import Api

WRONG = "aaaaaaaaaaaa"


def guess(client: FlaskClient, *, times: int, ip: str = "198.51.100.7") -> list[int]:
    headers = {"Authorization": f"Bearer {WRONG}"}
    return [
        client.get("/v1/queue", headers=headers, environ_base={"REMOTE_ADDR": ip}).status_code for _ in range(times)
    ]


def test_more_wrong_keys_than_a_person_types_are_too_many(api: Api) -> None:
    assert set(guess(api.client, times=WRONG_KEYS)) == {401}

    answer = Api(api.client, WRONG)("POST", "/v1/comments", body(), environ_base={"REMOTE_ADDR": "198.51.100.8"})

    assert (answer.status_code, answer.content_type) == (429, "application/problem+json")
    assert answer.get_json()["code"] == "rate-limited"
    assert 0 < int(answer.headers["Retry-After"]) <= WINDOW_SECONDS


def test_a_right_key_is_not_refused_for_what_its_neighbours_do(api: Api) -> None:
    guess(api.client, times=WRONG_KEYS + 5, ip="127.0.0.1")

    assert api("GET", "/v1/queue").status_code == 200
    assert api("POST", "/v1/comments", body()).status_code == 201


def test_another_network_is_not_slowed_down(api: Api) -> None:
    guess(api.client, times=WRONG_KEYS + 5)

    assert guess(api.client, times=1, ip="203.0.113.9") == [401]


def test_a_request_without_a_key_is_no_guess(api: Api) -> None:
    for _ in range(WRONG_KEYS + 5):
        assert api.client.get("/v1/queue").status_code == 401


def test_a_right_key_asks_nothing_about_guesses(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("this would cost a round trip")

    monkeypatch.setattr(Guesses, "wrong", fail)
    monkeypatch.setattr(Guesses, "check", fail)

    assert api("POST", "/v1/comments", body()).status_code == 201


def test_the_store_knows_no_address_of_who_guessed(api: Api, store_url: str) -> None:
    guess(api.client, times=3)

    assert "198.51.100" not in str(everything_in(store_url))
