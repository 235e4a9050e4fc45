"""Signing in and out in a browser without scripts: cookies, headers, sessions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from moderation.service.accounts import PAIR_ATTEMPTS
from moderation.service.services import Services
from moderation.store import keys
from tests.web.review.conftest import PASSWORD, Person

FORM = {"name": "Alice", "password": PASSWORD}
HTTPS = {"base_url": "https://winnow.example"}


def test_the_form_has_the_promised_labels(app: Flask) -> None:
    page = app.test_client().get("/review/login").get_data(as_text=True)

    assert "<label>Name <input" in page
    assert "<label>Password <input" in page
    assert ">Sign in</button>" in page


def test_cookie_on_https_is_bound_to_the_host(app: Flask) -> None:
    cookie = app.test_client().post("/review/login", data=FORM, **HTTPS).headers["Set-Cookie"]

    assert cookie.startswith("__Host-winnow=")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_cookie_on_http_is_strict_too(app: Flask) -> None:
    cookie = app.test_client().post("/review/login", data=FORM).headers["Set-Cookie"]

    assert cookie.startswith("winnow=")
    assert {"HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    assert "Secure" not in cookie


def test_an_open_connection_is_named(app: Flask) -> None:
    open_page = app.test_client().get("/review/login", base_url="http://winnow.example").get_data(as_text=True)

    assert "not encrypted" in open_page
    for safe in ("https://winnow.example", "http://localhost:8000", "http://127.0.0.1:8000"):
        assert "not encrypted" not in app.test_client().get("/review/login", base_url=safe).get_data(as_text=True)


def test_the_session_id_is_new_at_every_sign_in(app: Flask) -> None:
    client = app.test_client()
    cookies = []
    for _ in range(2):
        client.post("/review/login", data=FORM)
        cookies.append(client.get_cookie("winnow").value)  # type: ignore[union-attr]

    assert cookies[0] != cookies[1]
    assert len(cookies[0]) >= 43  # 256 bits in base64.


def test_a_chosen_session_id_is_not_taken_up(app: Flask) -> None:
    client = app.test_client()
    client.set_cookie("winnow", "chosen-by-mallory")

    client.post("/review/login", data=FORM)

    assert client.get_cookie("winnow").value != "chosen-by-mallory"  # type: ignore[union-attr]


def test_signing_out_ends_the_session_in_the_store(app: Flask, alice: Person) -> None:
    token = alice.client.get_cookie("winnow").value  # type: ignore[union-attr]

    alice.post("/review/logout")

    thief = app.test_client()
    thief.set_cookie("winnow", token)
    assert thief.get("/review/account").status_code == 303


def test_wrong_password_says_so_and_keeps_the_name(app: Flask) -> None:
    answer = app.test_client().post("/review/login", data={**FORM, "password": "wrong"})

    page = answer.get_data(as_text=True)
    assert answer.status_code == 401
    assert "The name or the password is not right." in page
    assert 'value="Alice"' in page
    assert "wrong" not in page


def test_guessing_is_stopped_with_a_time(app: Flask) -> None:
    client = app.test_client()
    for _ in range(PAIR_ATTEMPTS):
        client.post("/review/login", data={**FORM, "password": "wrong"})

    answer = client.post("/review/login", data=FORM)

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "Too many attempts. Try again in 15 min." in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "following, goes_to",
    [
        ("/review/history?site=site-a", "/review/history?site=site-a"),
        ("https://evil.example/", "/review/"),
        ("//evil.example/review/", "/review/"),
        ("/\\evil.example", "/review/"),
        ("/review/\\evil", "/review/"),
        ("/v1/comments", "/review/"),
        ("javascript:alert(1)", "/review/"),
        ("/review/\r\nSet-Cookie: x=1", "/review/"),
    ],
)
def test_after_signing_in_one_stays_on_these_pages(app: Flask, following: str, goes_to: str) -> None:
    answer = app.test_client().post("/review/login", data={**FORM, "next": following})

    assert answer.headers["Location"] == goes_to


def test_a_page_asked_for_while_signed_out_comes_after_signing_in(app: Flask) -> None:
    client = app.test_client()

    answer = client.get("/review/history?site=site-a&moderator=Alice")

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/review/login?next=/review/history?site%3Dsite-a")


@pytest.mark.parametrize("path", ["/review/login", "/review/", "/review/nothing"])
def test_every_page_carries_the_security_headers(alice: Person, path: str) -> None:
    headers = alice.get(path, **HTTPS).headers

    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "max-age=31536000" in headers["Strict-Transport-Security"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "path, is_use",
    [
        ("/review/live?site=site-a", False),
        ("/review/events?site=site-a", False),
        ("/review/claim", False),
        ("/review/", True),
        ("/review/account", True),
    ],
)
def test_what_an_open_page_asks_by_itself_keeps_no_session_alive(
    services: Services, alice: Person, path: str, is_use: bool
) -> None:
    token = alice.client.get_cookie("winnow").value  # type: ignore[union-attr]
    digest, csrf = services.accounts.look_up(token).session.digest, alice.csrf
    services.connection.client.hincrby(keys.session(digest), "seen", -600_000)
    services.connection.client.expire(keys.session(digest), 100)

    alice.client.post(path, data={"csrf": csrf}) if "claim" in path else alice.get(path).get_data()

    assert (services.connection.client.ttl(keys.session(digest)) > 100) is is_use


def test_own_sessions_are_listed_and_can_be_ended(sign_in: Callable[[str], Person], services: Services) -> None:
    one, other = sign_in("Alice"), sign_in("Alice")
    digest = services.accounts.resume(one.client.get_cookie("winnow").value).session.digest  # type: ignore[union-attr]

    page = other.get("/review/account").get_data(as_text=True)
    other.post("/review/account/sessions/end", {"session": digest})

    assert page.count('value="' + digest) == 1
    assert "this browser" in page
    assert one.get("/review/account").status_code == 303
    assert other.get("/review/account").status_code == 200


def test_somebody_elses_session_cannot_be_ended(services: Services, alice: Person, bob: Person) -> None:
    digest = services.accounts.sessions("Alice")[0].digest

    assert bob.post("/review/account/sessions/end", {"session": digest}).status_code == 403
    assert alice.get("/review/account").status_code == 200


def test_changing_the_password(app: Flask, alice: Person) -> None:
    wrong = alice.post("/review/account/password", {"current": "wrong", "new": "violet cart stream"})
    weak = alice.post("/review/account/password", {"current": PASSWORD, "new": "password1"})
    done = alice.post("/review/account/password", {"current": PASSWORD, "new": "violet cart stream"})

    assert (wrong.status_code, weak.status_code, done.status_code) == (422, 422, 303)
    assert "not your password" in wrong.get_data(as_text=True)
    assert "guessed first" in weak.get_data(as_text=True)
    assert alice.get("/review/account").status_code == 200
    assert app.test_client().post("/review/login", data=FORM).status_code == 401


def test_a_closed_account_is_out_at_once(services: Services, alice: Person) -> None:
    services.accounts.disable("Alice")

    assert alice.get("/review/account").status_code == 303


def test_somebody_without_sites_gets_a_sentence(app: Flask, services: Services) -> None:
    services.accounts.add("Carol", PASSWORD, sites=("site-gone",))
    client = app.test_client()
    client.post("/review/login", data={"name": "Carol", "password": PASSWORD})

    answer = client.get("/review/")

    assert answer.status_code == 404
    assert "You have no site to look after yet" in answer.get_data(as_text=True)
