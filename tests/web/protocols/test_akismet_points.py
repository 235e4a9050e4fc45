"""What a server must get right for Akismet's clients, where no other file looks at it: routes, errors, odd fields."""

from __future__ import annotations

import httpx
import pytest

from tests.web.protocols.conftest import Live
from tests.web.protocols.test_akismet import BLOG, GUID, HAM, SPAM, check

BORDERLINE_TEXT = "See my channel"
CALLS = {
    "verify-key": "valid",
    "comment-check": "false",
    "submit-spam": "Thanks for making the web a better place.",
    "submit-ham": "Thanks for making the web a better place.",
    "deactivate": "deactivated",
    "get-subscription": '"status"',
    "get-stats": '"missed_spam"',
    "get-key-stats": '"missed_spam"',
    "usage-limit": '"limit"',
    "key-sites": '"total"',
}


@pytest.mark.parametrize("slash", ["", "/"], ids=["bare", "slash"])
@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_every_call_in_both_versions_with_the_key_in_form_and_path(live: Live, version: str, slash: str) -> None:
    form = {"blog": BLOG, "user_ip": "203.0.113.7", "no_such_field": "x", **HAM}
    keyed = {**form, "key": live.key}

    for call, body in CALLS.items():
        by_form = httpx.post(f"{live.url}/{version}/{call}{slash}", data=keyed)
        by_path = httpx.post(f"{live.url}/{live.key}/{version}/{call}{slash}", data=form)

        assert [answer.status_code for answer in (by_form, by_path)] == [200, 200], call
        assert [body in answer.text for answer in (by_form, by_path)] == [True, True], (call, by_form.text)
    assert httpx.get(f"{live.url}/{version}/test{slash}").content == b"connected"


@pytest.mark.parametrize("call", ["usage-limit", "key-sites"])
def test_counts_are_read_by_get_as_well(live: Live, call: str) -> None:
    answers = [httpx.request(method, f"{live.url}/1.2/{call}?api_key={live.key}") for method in ("GET", "POST")]

    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize(
    "user_ip", [None, "", "unknown", "203.0.113.7, 10.0.0.1"], ids=["none", "empty", "word", "two"]
)
def test_address_of_the_reader_is_not_needed(live: Live, user_ip: str | None) -> None:
    form = {"api_key": live.key, "blog": BLOG, **SPAM} | ({} if user_ip is None else {"user_ip": user_ip})

    assert httpx.post(live.url + "/1.1/comment-check", data=form).text == "true"


def test_nothing_but_blog_and_address_is_ham(live: Live) -> None:
    assert check(live).text == "false"


@pytest.mark.parametrize(
    "date", ["2026-11-23T15:33:50.055Z", "2026-11-23T15:33:50+00:00", "2026-11-23 15:36:34", "1795000000", "yesterday"]
)
@pytest.mark.parametrize("name", ["comment_date_gmt", "comment_post_modified_gmt"])
def test_dates_are_never_refused(live: Live, name: str, date: str) -> None:
    assert check(live, **HAM, **{name: date}).text == "false"


@pytest.mark.parametrize(
    "form, header, value",
    [
        ({"api_key": "abcdef012345", "blog": BLOG}, "X-akismet-debug-help", "not one that"),
        ({"api_key": "KEY"}, "X-akismet-debug-help", 'Empty "blog" value'),
        ({"api_key": "KEY", "blog": ""}, "X-akismet-debug-help", 'Empty "blog" value'),
    ],
    ids=["unknown key", "no blog", "empty blog"],
)
@pytest.mark.parametrize("call", ["comment-check", "submit-spam", "submit-ham", "verify-key"])
def test_errors_are_understood_and_have_a_guid(
    live: Live, call: str, form: dict[str, str], header: str, value: str
) -> None:
    form = {name: text.replace("KEY", live.key) for name, text in form.items()}

    answer = httpx.post(f"{live.url}/1.1/{call}", data=form)

    assert answer.status_code == 200
    assert value in answer.headers[header]
    assert GUID.fullmatch(answer.headers["X-akismet-guid"])


@pytest.mark.parametrize(
    "fields, kind",
    [(HAM, "ham"), (SPAM, "spam"), ({"comment_content": BORDERLINE_TEXT}, "review")],
    ids=["ham", "spam", "open"],
)
def test_classification_is_told_to_those_who_ask(live: Live, fields: dict[str, str], kind: str) -> None:
    asked, unasked = check(live, **fields, classify="1"), check(live, **fields)

    assert asked.headers["X-Akismet-Classification"] == kind
    assert "X-Akismet-Classification" not in unasked.headers
    assert asked.headers["X-Winnow-Model"] == "keyword-1"


def test_administrator_is_never_spam_but_a_test_value_is(live: Live) -> None:
    assert check(live, **SPAM, user_role="editor,administrator").text == "false"
    assert check(live, **SPAM, user_role="editor").text == "true"


def test_report_takes_no_callback_and_tells_nothing_back(live: Live) -> None:
    check(live, path="/1.1/submit-spam", comment_content="New", callback=f"{BLOG}/hook")

    assert live.services.outbox.backlog(live.site).waiting == 0


def test_contradicting_reports_leave_the_last_one(live: Live) -> None:
    for call in ("submit-spam", "submit-ham", "submit-spam", "submit-spam"):
        check(live, path=f"/1.1/{call}", **HAM)

    assert [row["labels"] for row in live.services.archive.labels(live.site)] == [{"spam": 1, "toxic": None}]


def test_no_call_leads_elsewhere(live: Live) -> None:
    headers = {"X-Forwarded-Proto": "http", "Upgrade-Insecure-Requests": "1"}
    for path in ("/1.1/comment-check", "/1.1/comment-check/", "/1.1/verify-key/", f"/{live.key}/1.1/verify-key/"):
        answer = httpx.post(live.url + path, data={"key": live.key, "blog": BLOG}, headers=headers)

        assert answer.status_code == 200, path
