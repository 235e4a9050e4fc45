"""Forms as they come: charsets, arrays, sizes, rubbish; and the bounds within which they are read."""

from __future__ import annotations

import time
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.core.comment import Ruling
from moderation.service.decisions import Judgment
from moderation.web.akismet.form import CONTENT_MAX, decode
from tests.web.protocols.conftest import Live
from tests.web.protocols.test_akismet import BLOG, BORDERLINE, CALLBACK, GUID, HAM, SPAM, check

FORM = "application/x-www-form-urlencoded"


def content_of(body: bytes, charset: str | None = None) -> str:
    return decode(body, mimetype=FORM, charset=charset).get("comment_content")


@pytest.mark.parametrize(
    "fields",
    [
        {"comment_context": "soup"},
        {"comment_context[]": ["soup", "bread"]},
        {"comment_context[0]": "soup", "comment_context[1]": "bread"},
        {"unknown": "x", "another[deep][one]": "y", "": "z"},
    ],
    ids=["plain", "brackets", "numbered", "unknown"],
)
def test_arrays_and_unknown_fields_are_no_error(live: Live, fields: dict[str, str | list[str]]) -> None:
    form = {"api_key": live.key, "blog": BLOG, **SPAM, **fields}

    assert httpx.post(live.url + "/1.1/comment-check", data=form).text == "true"


def test_multipart_form(live: Live) -> None:
    form = {name: (None, value) for name, value in {"api_key": live.key, "blog": BLOG, **SPAM}.items()}

    assert httpx.post(live.url + "/1.1/comment-check", files=form).text == "true"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["idna", "punycode", "unicode_escape", "utf-7", "undefined", "rot13", "hex", "zip", "no\0such", "x" * 5000]
)
def test_charsets_that_are_none_of_the_webs_mean_utf8(name: str) -> None:
    body = urlencode({"blog_charset": name, "comment_content": "Köstlich \\u0041"}).encode()

    assert content_of(body) == "Köstlich \\u0041"


@pytest.mark.parametrize(
    "charset", ["ISO-8859-1", "windows-1252", "Shift_JIS", "GB18030", "euc-kr", "KOI8-R", "Big5", "utf8"]
)
def test_charsets_of_the_web(charset: str) -> None:
    text = {"Shift_JIS": "スープ", "GB18030": "汤", "euc-kr": "국", "KOI8-R": "суп", "Big5": "湯"}.get(
        charset, "Köstlich"
    )
    body = f"blog_charset={charset}&comment_content=".encode() + quote(text.encode(charset)).encode()

    assert content_of(body) == text
    assert content_of(b"comment_content=" + quote(text.encode(charset)).encode(), charset) == text


@given(st.text(max_size=300))
def test_every_text_arrives_as_it_was_sent(text: str) -> None:
    sent = text.encode("utf-8", "replace").decode()

    assert content_of(urlencode({"comment_content": sent}).encode()) == sent.replace("\0", "")


@given(st.binary(max_size=300))
def test_no_bytes_are_refused(body: bytes) -> None:
    for kind in (FORM, "application/json", ""):
        decode(body, mimetype=kind, charset=None, query=body)


@pytest.mark.parametrize(
    "unit",
    [b"a&", b"%41", b"a@", b"%F0%9F%98%80", b"%"],
    ids=["fields", "escapes", "addresses", "emoji", "stray"],
)
def test_largest_bodies_are_read_quickly(unit: bytes) -> None:
    body = b"comment_content=" + unit * (1_000_000 // len(unit))
    seconds = []

    for _ in range(5):
        began = time.perf_counter()
        decode(body, mimetype=FORM, charset=None)
        seconds.append(time.perf_counter() - began)

    assert min(seconds) < 0.15  # About 0.04 s on a machine that is not shared.


def test_body_beyond_the_limit_has_a_guid(live: Live) -> None:
    answer = check(live, **{**HAM, "POST_comment": "x" * 1_100_000})

    assert answer.status_code == 413
    assert GUID.fullmatch(answer.headers["X-akismet-guid"])
    assert answer.headers["X-akismet-debug-help"]


def test_long_posts_of_forums_are_judged(live: Live) -> None:
    text = "湯が好きです。" * 4500 + " casino"
    assert len(text) <= 32_000

    answer = check(live, **{**HAM, "comment_content": text, "POST_comment": text})

    assert answer.text == "true"


def test_content_is_cut_before_half_an_address(live: Live) -> None:
    long = "x " * (CONTENT_MAX // 2 - 4) + "mallory@mail.example"

    check(live, **{**HAM, "comment_content": long, "comment_author_email": "mallory@mail.example"})

    (comment,) = _comments(live)
    assert "mallory" not in (comment.content or "")


def _comments(live: Live) -> list:  # type: ignore[type-arg]
    client = live.services.connection.client
    keys = [key.rpartition(":")[2] for key in client.scan_iter("w:{blog}:c:*")]
    return live.services.comments.get_many(live.site, keys)


def test_bug_of_ours_has_a_guid_all_the_same(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(type(live.services.submissions), "submit", broken)

    answer = check(live, **HAM)

    assert answer.status_code == 500
    assert GUID.fullmatch(answer.headers["X-akismet-guid"])


def test_discard_is_said_only_where_the_policy_says_so(live: Live) -> None:
    before = check(live, **SPAM)
    live.services.sites.change_policy(live.site, {"akismet_discard": 0.98})
    after = check(live, **SPAM)
    mild = check(live, **BORDERLINE)

    assert "X-akismet-pro-tip" not in before.headers
    assert (after.text, after.headers["X-akismet-pro-tip"]) == ("true", "discard")
    assert "X-akismet-pro-tip" not in mild.headers


def test_discard_needs_its_own_stricter_threshold(live: Live) -> None:
    live.services.sites.change_policy(live.site, {"akismet_discard": 0.995})

    assert "X-akismet-pro-tip" not in check(live, **SPAM).headers


def test_client_waits_for_half_of_the_promised_time(live: Live) -> None:
    default = check(live, **BORDERLINE, callback=CALLBACK)
    live.services.sites.change_policy(live.site, {"akismet_review_days": 2})
    shorter = check(live, **BORDERLINE, callback=CALLBACK)

    assert default.headers["X-akismet-recheck-after"] == str(7 * 86_400 // 2)
    assert shorter.headers["X-akismet-recheck-after"] == "86400"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://blog.example/x",
        "https://blog.example.evil.example/x",
        "https://blog.example@evil.example/x",
        "//blog.example/x",
        "https://[blog.example/x",
        "blog.example/x",
    ],
)
def test_callback_that_cannot_be_called_is_not_waited_for(live: Live, url: str) -> None:
    answer = check(live, **BORDERLINE, callback=url)

    assert answer.text == "true"


def test_report_is_not_taken_for_somebody_else_of_that_name(live: Live) -> None:
    check(live, **HAM)

    check(live, path="/1.1/submit-spam", **{**HAM, "comment_author_email": "other@mail.example"})

    statuses = sorted(one.status.value for one in _comments(live))
    assert statuses == ["approved", "rejected"]


def test_report_without_address_and_network_finds_the_check(live: Live) -> None:
    check(live, **HAM)

    form = {"key": live.key, "blog": BLOG, "comment_author": "Jane", "comment_content": HAM["comment_content"]}
    httpx.post(live.url + "/1.1/submit-spam", data=form)

    assert [one.status.value for one in _comments(live)] == ["rejected"]


def test_report_says_who_and_what_had_been_told(live: Live) -> None:
    check(live, **HAM)

    check(live, path="/1.1/submit-spam", **HAM, reporter="alice bob@mail.example", comment_check_response="false")

    (comment,) = _comments(live)
    assert comment.decision is not None
    assert (comment.decision.moderator, comment.decision.note) == (
        "alice [address removed]",
        "The website had been told: ham.",
    )


def test_report_after_a_decision_of_a_moderator_wins(live: Live) -> None:
    check(live, **BORDERLINE)
    (waiting,) = live.services.queue.pending_page(live.site, limit=1)
    site = live.services.sites.read(live.site)
    live.services.decisions.decide(site, waiting.comment_id, Judgment(ruling=Ruling.APPROVE, moderator="Alice"))

    check(live, path="/1.1/submit-spam", **BORDERLINE)

    (comment,) = _comments(live)
    assert (comment.status.value, len(comment.history)) == ("rejected", 2)
