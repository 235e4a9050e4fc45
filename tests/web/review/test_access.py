"""Who may do what: every route and method, for strangers, colleagues of another site, moderators and admins."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from moderation.core.comment import Comment, Status
from moderation.core.errors import StoreUnavailable
from moderation.service.services import Services
from tests.web.review.conftest import PASSWORD, Person
from tests.web.review.seeding import JANE, add, comment_of

SITE = "site-a"
# Route, method: (path, form, status for a stranger, Bob of another site, Alice, Root)
TABLE: dict[tuple[str, str], tuple[str, dict[str, object], int, int, int, int]] = {
    ("/review/", "GET"): ("/review/?site=site-a", {}, 303, 404, 200, 200),
    ("/review/live", "GET"): ("/review/live?site=site-a&ids={id}", {}, 303, 404, 200, 200),
    ("/review/events", "GET"): ("/review/events?site=site-a&ids={id}", {}, 303, 404, 200, 200),
    ("/review/claim", "POST"): ("/review/claim", {"site": SITE, "item": "{id}"}, 401, 404, 200, 200),
    ("/review/decide", "POST"): (
        "/review/decide",
        {"site": SITE, "item": "{id}:1", "act": "spam"},
        401,
        404,
        303,
        303,
    ),
    ("/review/undo", "POST"): ("/review/undo", {"site": SITE, "item": "{id}:1"}, 401, 404, 303, 303),
    ("/review/c/<site_name>/<comment_id>", "GET"): ("/review/c/site-a/{id}", {}, 303, 404, 200, 200),
    ("/review/c/<site_name>/<comment_id>/notes", "POST"): (
        "/review/c/site-a/{id}/notes",
        {"note": "Look."},
        401,
        404,
        303,
        303,
    ),
    ("/review/a/<site_name>/<author_id>", "GET"): ("/review/a/site-a/{author}", {}, 303, 404, 200, 200),
    ("/review/a/<site_name>/<author_id>/standing", "POST"): (
        "/review/a/site-a/{author}/standing",
        {"standing": "banned"},
        401,
        404,
        303,
        303,
    ),
    ("/review/a/<site_name>/<author_id>/reject", "POST"): (
        "/review/a/site-a/{author}/reject",
        {"site": SITE, "item": "{id}:1"},
        401,
        404,
        303,
        303,
    ),
    ("/review/a/<site_name>/<author_id>/notes", "POST"): (
        "/review/a/site-a/{author}/notes",
        {"note": "Look."},
        401,
        404,
        303,
        303,
    ),
    ("/review/verdicts", "GET"): ("/review/verdicts?site=site-a", {}, 303, 404, 200, 200),
    ("/review/history", "GET"): ("/review/history?site=site-a", {}, 303, 404, 200, 200),
    ("/review/numbers", "GET"): ("/review/numbers?site=site-a", {}, 303, 404, 200, 200),
    ("/review/settings", "GET"): ("/review/settings?site=site-a", {}, 303, 403, 403, 200),
    ("/review/settings", "POST"): ("/review/settings", {"site": SITE}, 401, 403, 403, 422),
    ("/review/settings/keys", "POST"): ("/review/settings/keys", {"site": SITE}, 401, 403, 403, 200),
    ("/review/settings/webhook-test", "POST"): ("/review/settings/webhook-test", {"site": SITE}, 401, 403, 403, 409),
    ("/review/account", "GET"): ("/review/account", {}, 303, 200, 200, 200),
    ("/review/account/password", "POST"): ("/review/account/password", {}, 401, 422, 422, 422),
    ("/review/account/sessions/end", "POST"): ("/review/account/sessions/end", {"session": "0"}, 401, 303, 303, 303),
    ("/review/logout", "POST"): ("/review/logout", {}, 401, 303, 303, 303),
    ("/review/login", "GET"): ("/review/login", {}, 200, 303, 303, 303),
    ("/review/login", "POST"): ("/review/login", {"name": "Alice", "password": PASSWORD}, 303, 303, 303, 303),
    ("/review/<path:rest>", "GET"): ("/review/nothing/here", {}, 303, 404, 404, 404),
}
PEOPLE = ("", "Bob", "Alice", "Root")
CHANGES = [route for route in TABLE if route[1] == "POST" and route[0] != "/review/login"]


@pytest.fixture
def comment(services: Services) -> Comment:
    return add(services, comment_of("Is the tide table right?"))


def _filled(text: str, comment: Comment) -> str:
    return text.replace("{id}", comment.id).replace("{author}", JANE)


def _ask(person: Person, route: tuple[str, str], comment: Comment) -> int:
    path, form, *_ = TABLE[route]
    if route[1] == "GET":
        return person.get(_filled(path, comment)).status_code
    filled = {name: _filled(str(value), comment) for name, value in form.items()}
    return person.post(_filled(path, comment), filled).status_code


def test_the_table_names_every_route(app: Flask) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("review.")]

    found = {(rule.rule, method) for rule in rules for method in rule.methods - {"HEAD", "OPTIONS"}}

    assert found == set(TABLE)


@pytest.mark.parametrize("route", list(TABLE), ids=" ".join)
def test_access(sign_in: Callable[[str], Person], services: Services, route: tuple[str, str]) -> None:
    """Strangers and colleagues of another site get the statuses of the table, and change nothing."""
    found = []
    for name in PEOPLE:
        comment = add(services, comment_of("Is the tide table right?"))
        found.append(_ask(sign_in(name), route, comment))
        if name in ("", "Bob"):
            assert services.comments.get(SITE, comment.id).version == 1
            assert services.reviews.notes(SITE, comment_ids=[comment.id], author_ids=[JANE]) == {}
            assert not services.reviews.authors(SITE, [JANE])[JANE].is_banned

    assert tuple(found) == TABLE[route][2:]


@pytest.mark.parametrize("route", CHANGES, ids=" ".join)
def test_a_form_without_its_token_is_refused(root: Person, comment: Comment, route: tuple[str, str]) -> None:
    path, form, *_ = TABLE[route]
    filled = {name: _filled(str(value), comment) for name, value in form.items()}

    without = root.client.post(_filled(path, comment), data=filled)
    wrong = root.client.post(_filled(path, comment), data={**filled, "csrf": "0" * 64})

    assert (without.status_code, wrong.status_code) == (403, 403)


def test_a_token_of_another_session_is_refused(alice: Person, root: Person, comment: Comment) -> None:
    form = {"site": SITE, "item": f"{comment.id}:1", "act": "spam", "csrf": alice.csrf}

    assert root.client.post("/review/decide", data=form).status_code == 403


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "http://localhost"}, 303),
        ({}, 303),
    ],
)
def test_a_form_that_another_site_sent_is_refused(
    alice: Person, comment: Comment, headers: dict[str, str], status: int
) -> None:
    form = {"site": SITE, "item": f"{comment.id}:1", "act": "spam"}

    assert alice.post("/review/decide", form, headers=headers).status_code == status


def test_sign_in_cannot_be_forged_from_another_site(app: Flask) -> None:
    form = {"name": "Alice", "password": PASSWORD}

    answer = app.test_client().post("/review/login", data=form, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_a_foreign_comment_looks_like_one_that_does_not_exist(bob: Person, comment: Comment) -> None:
    foreign = bob.get(f"/review/c/site-a/{comment.id}")
    absent = bob.get("/review/c/site-nowhere/01K00000000000000000000000")

    assert foreign.status_code == absent.status_code == 404
    assert foreign.get_data() == absent.get_data()


def test_an_id_of_another_site_is_not_decided_through_ones_own(
    services: Services, bob: Person, comment: Comment
) -> None:
    bob.post("/review/decide", {"site": "site-b", "item": f"{comment.id}:1", "act": "spam"})

    assert services.comments.get(SITE, comment.id).status is Status.PENDING


def test_a_store_that_is_away_gets_a_page_that_says_so(
    services: Services, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> object:
        raise StoreUnavailable("The store does not answer; try again in a second.")

    monkeypatch.setattr(type(services.connection), "call", away)

    answer = alice.get("/review/?site=site-a")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "Nothing was lost; try again in a moment." in answer.get_data(as_text=True)


def test_a_bug_gets_a_page_without_details(services: Services, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> object:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(type(services.desk), "merged", broken)

    answer = alice.get("/review/?site=site-a")

    assert answer.status_code == 500
    assert "Something went wrong here." in answer.get_data(as_text=True)
    assert "secret" not in answer.get_data(as_text=True)
