"""Akismet's protocol, point by point, with forms as its clients send them."""

from __future__ import annotations

import json
import re
from urllib.parse import urlencode

import httpx
import pytest

from tests.web.protocols.conftest import Live

BLOG = "https://blog.example"
HAM = {"comment_author": "Jane", "comment_author_email": "jane@mail.example", "comment_content": "Lovely soup, thanks."}
SPAM = {**HAM, "comment_content": "Best casino in town"}
BORDERLINE = {**HAM, "comment_content": "See my channel"}
CALLBACK = "https://blog.example/wp-json/akismet/v1/webhook"
GUID = re.compile(r"[0-9a-f]{32}")


def check(live: Live, *, path: str = "/1.1/comment-check", **fields: str) -> httpx.Response:
    return httpx.post(live.url + path, data={"api_key": live.key, "blog": BLOG, "user_ip": "203.0.113.7", **fields})


@pytest.mark.parametrize(
    "fields, body", [(HAM, "false"), (SPAM, "true"), (BORDERLINE, "true")], ids=["ham", "spam", "open"]
)
def test_check_answers_exact_bytes(live: Live, fields: dict[str, str], body: str) -> None:
    answer = check(live, **fields)

    assert answer.status_code == 200
    assert answer.content == body.encode()
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Length"] == str(len(body))
    assert GUID.fullmatch(answer.headers["X-akismet-guid"])


def test_verdict_has_no_header_that_clients_throw_on(live: Live) -> None:
    for fields in (HAM, SPAM, BORDERLINE):
        names = {name.lower() for name in check(live, **fields).headers}

        assert not [
            name for name in names if name.startswith(("x-akismet-debug", "x-akismet-alert", "x-akismet-error"))
        ]
        assert "set-cookie" not in names


def test_same_content_twice_has_two_guids(live: Live) -> None:
    assert check(live, **HAM).headers["X-akismet-guid"] != check(live, **HAM).headers["X-akismet-guid"]


def test_borderline_with_callback_waits_for_a_person(live: Live) -> None:
    answer = check(live, **BORDERLINE, callback=CALLBACK)

    assert answer.text == "false"
    assert int(answer.headers["X-akismet-recheck-after"]) > 0
    assert live.services.queue.count(live.site) == 1


def test_callback_on_a_foreign_host_is_not_kept(live: Live) -> None:
    answer = check(live, **BORDERLINE, callback="https://elsewhere.example/webhook")

    assert answer.text == "true"
    assert "X-akismet-recheck-after" not in answer.headers


def test_borderline_follows_the_policy(live: Live) -> None:
    live.services.sites.change_policy(live.site, {"akismet_borderline": "ham"})

    assert check(live, **BORDERLINE).text == "false"


@pytest.mark.parametrize(
    "fields, body",
    [
        ({**HAM, "comment_author": "akismet-guaranteed-spam"}, "true"),
        ({**HAM, "comment_author": "viagra-test-123"}, "true"),
        ({**HAM, "comment_author_email": "akismet-guaranteed-spam@example.com"}, "true"),
        ({**SPAM, "user_role": "administrator"}, "false"),
        ({**SPAM, "user_role": "editor,administrator"}, "false"),
        ({}, "false"),
    ],
    ids=["today", "older", "address", "administrator", "roles", "nothing"],
)
def test_documented_test_values(live: Live, fields: dict[str, str], body: str) -> None:
    assert check(live, **fields).text == body


@pytest.mark.parametrize("flag", ["1", "true", "True", "yes", "on"])
def test_is_test_stores_nothing(live: Live, flag: str) -> None:
    assert check(live, **SPAM, is_test=flag).text == "true"

    assert sum(live.services.archive.statuses(live.site).values()) == 0


def test_is_test_zero_counts_as_real(live: Live) -> None:
    check(live, **SPAM, is_test="0")

    assert sum(live.services.archive.statuses(live.site).values()) == 1


def test_unknown_key_is_invalid_with_its_explanation(live: Live) -> None:
    answer = httpx.post(live.url + "/1.1/comment-check", data={"api_key": "abcdef012345", "blog": BLOG, **HAM})

    assert (answer.status_code, answer.text) == (200, "invalid")
    assert answer.headers["X-akismet-debug-help"]
    assert GUID.fullmatch(answer.headers["X-akismet-guid"])


def test_missing_blog_is_named(live: Live) -> None:
    answer = httpx.post(live.url + "/1.1/comment-check", data={"api_key": live.key, **HAM})

    assert (answer.status_code, answer.text) == (200, "Missing required field: blog.")
    assert answer.headers["X-akismet-debug-help"] == 'Empty "blog" value'


@pytest.mark.parametrize("case", [str.lower, str.upper], ids=["lower", "upper"])
def test_key_in_every_place(live: Live, case: object) -> None:
    key = case(live.key)  # type: ignore[operator]
    form = {"blog": BLOG, **HAM}

    by_path = httpx.post(f"{live.url}/{key}/1.1/comment-check", data=form)
    by_host = httpx.post(live.url + "/1.1/comment-check", data=form, headers={"Host": f"{key}.spam.test"})
    by_query = httpx.post(f"{live.url}/1.1/comment-check?api_key={key}", data=form)
    by_key = httpx.post(live.url + "/1.1/comment-check", data={**form, "key": key})

    assert [answer.text for answer in (by_path, by_host, by_query, by_key)] == ["false"] * 4


def test_key_beats_api_key_when_verifying(live: Live) -> None:
    form = {"blog": BLOG, "key": "abcdef012345", "api_key": live.key}

    assert httpx.post(live.url + "/1.1/verify-key", data=form).text == "invalid"
    assert httpx.post(live.url + "/1.1/verify-key", data={**form, "key": live.key}).text == "valid"
    assert httpx.post(live.url + "/1.1/verify-key", data={"blog": BLOG, "api_key": live.key}).text == "valid"


def test_trailing_slash_is_no_redirect(live: Live) -> None:
    assert check(live, path="/1.1/comment-check/", **HAM).status_code == 200


def test_report_moves_the_label_of_the_earlier_check(live: Live) -> None:
    check(live, **HAM)

    spam = check(live, path="/1.1/submit-spam", **HAM)
    spam_labels = [row["labels"] for row in live.services.archive.labels(live.site)]
    ham = check(live, path="/1.1/submit-ham", **HAM)
    ham_labels = [row["labels"] for row in live.services.archive.labels(live.site)]

    assert spam.content == ham.content == b"Thanks for making the web a better place."
    assert spam_labels == [{"spam": 1, "toxic": None}]
    assert ham_labels == [{"spam": 0, "toxic": 0}]
    assert sum(live.services.archive.statuses(live.site).values()) == 1


def test_report_of_a_text_never_seen_is_a_label(live: Live) -> None:
    fields = {"comment_content": "Never checked before", "comment_author": "Bo"}

    answer = httpx.post(live.url + "/1.1/submit-spam", data={"key": live.key, "blog": BLOG, **fields})

    assert answer.text.startswith("Thanks")
    assert [row["text"] for row in live.services.archive.labels(live.site)] == ["Never checked before"]


def test_repeated_report_changes_nothing(live: Live) -> None:
    check(live, path="/1.1/submit-spam", **SPAM)
    before = next(iter(live.services.comments.get_many(live.site, _ids(live))))

    check(live, path="/1.1/submit-spam", **SPAM)

    assert live.services.comments.get(live.site, before.id).version == before.version


def _ids(live: Live) -> list[str]:
    return [one.comment_id for one in live.services.queue.decided_page(live.site, after=None, limit=10)]


def test_copies_of_the_form_are_dropped(live: Live) -> None:
    address = "Secret.Person@Mail.Example"
    copies = {"POST_email": address, "POST_author": "Jane", "HTTP_COOKIE": "x=1", "REMOTE_ADDR": "203.0.113.9"}

    check(live, **{**SPAM, "comment_author_email": address, "comment_author": address}, **copies)

    client = live.services.connection.client
    stored = " ".join(_dump(client, key) for key in client.scan_iter("*"))
    assert "secret.person" not in stored.lower()
    assert "203.0.113" not in stored
    assert "x=1" not in stored


def _dump(client: object, key: str) -> str:
    kind = client.type(key)  # type: ignore[attr-defined]
    read = {"hash": "hgetall", "set": "smembers", "string": "get", "stream": "xrange"}.get(kind)
    return f"{key} {getattr(client, read)(key)}" if read else f"{key} {client.zrange(key, 0, -1)}"  # type: ignore[attr-defined]


def test_malformed_address_is_a_feature_not_a_refusal(live: Live) -> None:
    answer = check(live, **{**HAM, "comment_author_email": "not an address @"})

    assert answer.text == "false"
    assert "malformed-email" in answer.headers["X-Winnow-Reasons"]


def test_charset_of_the_blog_is_honoured(live: Live) -> None:
    pairs = {
        "api_key": live.key,
        "blog": BLOG,
        "blog_charset": "ISO-8859-1",
        "comment_content": "Köstlich",
        "comment_author": "J",
    }
    body = urlencode(pairs, encoding="latin-1").encode()

    httpx.post(
        live.url + "/1.1/submit-spam", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )

    assert [row["text"] for row in live.services.archive.labels(live.site)] == ["Köstlich"]


def test_invalid_bytes_and_nul_are_replaced(live: Live) -> None:
    body = f"api_key={live.key}&blog={BLOG}&comment_author=J&comment_content=a%00b%FFc".encode()

    answer = httpx.post(
        live.url + "/1.1/comment-check", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )

    assert answer.text == "false"


def test_json_body_of_a_node_client(live: Live) -> None:
    answer = httpx.post(live.url + "/1.1/comment-check", json={"api_key": live.key, "blog": BLOG, **SPAM})

    assert answer.text == "true"


def test_honeypot_named_by_the_form(live: Live) -> None:
    answer = check(live, **HAM, honeypot_field_name="extra_field", extra_field="filled in")

    assert answer.text == "true"
    assert "honeypot" in answer.headers["X-Winnow-Reasons"]


def test_wordpress_timing_fields_become_form_seconds(live: Live) -> None:
    answer = check(live, **HAM, POST_ak_js="1700000000000", POST_ak_bfs="1700000001200")

    assert "fast-form" in answer.headers["X-Winnow-Reasons"]


def test_account_calls(live: Live) -> None:
    form = {"key": live.key, "blog": BLOG}
    subscription = httpx.post(live.url + "/1.1/get-subscription", data=form).json()
    usage = httpx.get(live.url + "/1.2/usage-limit", params={"api_key": live.key}).json()
    sites = httpx.get(live.url + "/1.2/key-sites", params={"api_key": live.key}).json()

    assert subscription["status"] == "active"
    assert usage["limit"] == "none"
    assert usage["throttled"] is False
    assert sites["total"] == 1
    assert httpx.get(live.url + "/1.1/test").text == "connected"
    assert httpx.post(live.url + "/1.1/deactivate", data=form).text == "deactivated"


def test_stats_count_spam_ham_and_mistakes(live: Live) -> None:
    check(live, **HAM)
    check(live, **SPAM)
    check(live, path="/1.1/submit-spam", **HAM)

    stats = httpx.post(live.url + "/1.1/get-stats", data={"key": live.key, "blog": BLOG, "from": "60-days"}).json()

    assert (stats["spam"], stats["ham"], stats["missed_spam"], stats["false_positives"]) == (1, 1, 1, 0)
    assert json.dumps(stats["breakdown"])


def test_store_away_is_503_with_a_guid(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    from moderation.core.errors import StoreUnavailable

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(live.services.connection, "_guarded", away)

    answer = check(live, **HAM)

    assert answer.status_code == 503
    assert GUID.fullmatch(answer.headers["X-akismet-guid"])


def test_rate_limit_is_429_with_a_guid(live: Live) -> None:
    live.services.sites.change_policy(live.site, {"rate_limit": "1/hour"})
    check(live, **HAM)

    answer = check(live, **HAM)

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert GUID.fullmatch(answer.headers["X-akismet-guid"])
