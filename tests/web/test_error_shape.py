"""One shape for all that goes wrong: a problem document, every fault at once, nothing stored, nothing repeated."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from moderation.web.requests import BATCH_BODY_BYTES, BODY_BYTES
from tests.cast import MALLORY, body, everything_in
from tests.web.conftest import Api, Process

CANARY = "canary-4711"
UNKNOWN = "01KZZZZZZZZZZZZZZZZZZZZZZZ"


def problem(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is a problem document of RFC 9457 and return it."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    found: dict[str, Any] = json.loads(response.data)
    assert found.keys() >= {"type", "title", "status", "detail", "code", "request_id"}
    assert (found["status"], found["code"], found["type"]) == (status, code, f"urn:winnow:problem:{code}")
    assert found["request_id"] == response.headers["X-Request-Id"]
    assert re.fullmatch(r"[a-z][a-z0-9-]+", code)
    for fault in found.get("errors", ()):
        assert fault.keys() == {"pointer", "code", "detail"}
        assert fault["pointer"] == "" or fault["pointer"].startswith("/")
    return found


def faults(response: TestResponse) -> set[tuple[str, str]]:
    found = problem(response, 422, "invalid-input")
    return {(fault["pointer"], fault["code"]) for fault in found["errors"]}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"not json",
        b"\x00",
        b"\xff\xfe",
        b'{"content": "\xff"}',
        b'{"content": "\\ud800"}',
        b'{"content": "\\udc00\\ud800"}',
        b'{"content": tru',
        b"[" * 60_000,
        b'{"content":' * 5_000,
        b'{"a":' * 300 + b"1" + b"}" * 300,
        b'{"content": 1e}',
        b"{} {}",
        b"\xef\xbb\xbf{}",
        b'{"content": "a\x00b"}',
    ],
    ids=lambda raw: repr(raw[:16]),
)
def test_what_is_not_json_is_malformed(api: Api, raw: bytes) -> None:
    response = api("POST", "/v1/comments", data=raw, content_type="application/json")

    problem(response, 400, "malformed-body")


@pytest.mark.parametrize("raw", [b"null", b"[]", b"1", b'"x"', b"true", b"NaN", b"1e999", b"1" * 5000])
def test_json_that_is_no_object_names_the_whole(api: Api, raw: bytes) -> None:
    response = api("POST", "/v1/comments", data=raw, content_type="application/json")

    assert response.status_code in (400, 422)
    if response.status_code == 422:
        assert ("", "invalid-type") in faults(response)


@pytest.mark.parametrize(
    "fields, expected",
    [
        ({"content": ...}, {("/content", "required")}),
        ({"content": 1}, {("/content", "invalid-type")}),
        ({"content": None}, {("/content", "invalid-type")}),
        ({"content": ""}, {("/content", "too-short")}),
        ({"content": " \n\t"}, {("/content", "invalid-format")}),
        ({"content": "a\x00b"}, {("/content", "invalid-format")}),
        ({"author": "a\nb"}, {("/author", "invalid-format")}),
        ({"author": "\x00"}, {("/author", "invalid-format")}),
        ({"author": "a" * 201}, {("/author", "too-long")}),
        ({"permalink": "ftp://news.example/"}, {("/permalink", "invalid-format")}),
        ({"permalink": "javascript:alert(1)"}, {("/permalink", "invalid-format")}),
        ({"permalink": "//news.example/"}, {("/permalink", "invalid-format")}),
        ({"permalink": "https://u:p@news.example/"}, {("/permalink", "invalid-format")}),
        ({"author_url": "data:text/html,x"}, {("/author_url", "invalid-format")}),
        ({"author_email": ...}, {("/author_email", "required")}),
        ({"author_email": ""}, {("/author_email", "required")}),
        ({"author_email": "mallory@"}, {("/author_email", "invalid-email")}),
        ({"author_email": 5}, {("/author_email", "invalid-type")}),
        ({"author_email": "a" * 2000}, {("/author_email", "too-long"), ("/author_email", "invalid-email")}),
        ({"user_ip": "1.2.3"}, {("/user_ip", "invalid-ip")}),
        ({"content_type": "text/markdown"}, {("/content_type", "not-a-choice")}),
        ({"form_seconds": -1}, {("/form_seconds", "invalid-value")}),
        ({"form_seconds": "3"}, {("/form_seconds", "invalid-type")}),
        ({"author_is_trusted": "yes"}, {("/author_is_trusted", "invalid-type")}),
        ({"language": "d"}, {("/language", "too-short")}),
        ({"unknown": 1}, {("/unknown", "unknown-field")}),
        ({"a/b~c": 1}, {("/a~1b~0c", "unknown-field")}),
        ({"honeypot": None}, {("/honeypot", "invalid-type")}),
        ({"unknown": {"a": [[{}]]}}, {("/unknown", "unknown-field")}),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value)[:40],
)
def test_each_fault_is_named_and_nothing_is_stored(
    api: Api, store_url: str, fields: dict[str, object], expected: set[tuple[str, str]]
) -> None:
    before = everything_in(store_url)

    response = api("POST", "/v1/comments", json=body(**fields))

    assert faults(response) == expected
    assert everything_in(store_url) == before


@pytest.mark.parametrize("digits", [20, 4000])
def test_a_number_of_any_length_is_only_the_wrong_type(api: Api, digits: int) -> None:
    raw = json.dumps(body(content=0)).replace(": 0", ": " + "9" * digits).encode()

    response = api("POST", "/v1/comments", data=raw, content_type="application/json")

    assert faults(response) == {("/content", "invalid-type")}


def test_all_faults_are_named_at_once(api: Api) -> None:
    wrong = {"content": "", "author": 1, "author_email": "x", "user_ip": "y", "extra": 0}

    assert faults(api("POST", "/v1/comments", wrong)) == {
        ("/content", "too-short"),
        ("/author", "invalid-type"),
        ("/author_email", "invalid-email"),
        ("/user_ip", "invalid-ip"),
        ("/extra", "unknown-field"),
        ("/permalink", "required"),
    }


@pytest.mark.parametrize(
    "fields",
    [
        {name: CANARY + "\x00"}
        for name in ("content", "author", "permalink", "author_url", "parent_id", "external_id", "language", "type")
    ]
    + [{name: {CANARY: CANARY}} for name in ("content", "form_seconds", "user_agent")]
    + [{"author_email": CANARY}, {"user_ip": CANARY}, {"content_type": CANARY}, {"author_is_trusted": CANARY}],
    ids=lambda fields: next(iter(fields)),
)
def test_no_problem_repeats_what_was_sent(api: Api, fields: dict[str, object]) -> None:
    response = api("POST", "/v1/comments", body(**fields))

    assert response.status_code == 422
    assert CANARY not in response.text
    assert CANARY not in str(response.headers)


@pytest.mark.parametrize("path, method", [("/v1/comments", "POST"), ("/v1/site", "PATCH"), ("/v1/erasures", "POST")])
def test_an_address_in_the_name_of_a_field_is_not_repeated(api: Api, path: str, method: str) -> None:
    response = api(method, path, {MALLORY: "x"})

    assert response.status_code == 422
    assert MALLORY not in response.text


def test_an_address_in_the_name_of_a_parameter_is_not_repeated(api: Api) -> None:
    response = api("GET", f"/v1/queue?{MALLORY}=1")

    assert response.status_code == 422
    assert MALLORY not in response.text


@pytest.mark.parametrize(
    "method, path",
    [
        ("POST", "/v1/comments"),
        ("GET", "/v1/comments"),
        ("GET", f"/v1/comments/{UNKNOWN}"),
        ("PUT", f"/v1/comments/{UNKNOWN}"),
        ("DELETE", f"/v1/comments/{UNKNOWN}"),
        ("POST", f"/v1/comments/{UNKNOWN}/decision"),
        ("POST", f"/v1/comments/{UNKNOWN}/undo"),
        ("GET", "/v1/queue"),
        ("POST", "/v1/check"),
        ("GET", "/v1/site"),
        ("PATCH", "/v1/site"),
        ("POST", "/v1/site/test"),
        ("POST", "/v1/erasures"),
        ("GET", "/v1/stats"),
    ],
)
def test_without_a_good_key_nothing_is_looked_at(client: FlaskClient, method: str, path: str) -> None:
    for authorization in (None, "", "Bearer", "Bearer ", "Basic eDp5", "Bearer x", "Bearer aaaaaaaaaaaa"):
        headers = {} if authorization is None else {"Authorization": authorization}

        response = client.open(path, method=method, headers=headers, data=b"not even json")

        problem(response, 401, "unauthenticated")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("raw", [json.dumps(body()).encode(), b"{}", b"not json"], ids=["good", "faults", "malformed"])
def test_a_revoked_key_is_refused_at_once_by_a_process_that_knew_it(
    new_process: Process, api: Api, services: Any, raw: bytes
) -> None:
    other = Api(new_process().test_client(), api.key)
    assert other("POST", "/v1/comments", body()).status_code == 201

    services.sites.revoke_key("site-a", "key1")

    response = other("POST", "/v1/comments", data=raw, content_type="application/json")
    problem(response, 401, "unauthenticated")


def test_a_changed_policy_counts_at_once_in_a_process_that_knew_another(
    new_process: Process, api: Api, services: Any
) -> None:
    other = Api(new_process().test_client(), api.key)
    other("POST", "/v1/comments", body())

    services.sites.change_policy("site-a", {"email_required": False})
    assert other("POST", "/v1/comments", body(author_email=...)).status_code == 201
    services.sites.change_policy("site-a", {"email_required": True})
    assert faults(other("POST", "/v1/comments", body(author_email=...))) == {("/author_email", "required")}


@pytest.mark.parametrize(
    "method, path, body_sent",
    [
        ("GET", "", None),
        ("PUT", "", {"content": "x"}),
        ("DELETE", "", None),
        ("POST", "/decision", {"decision": "approve"}),
        ("POST", "/undo", {}),
    ],
)
def test_another_sites_comment_is_answered_as_if_absent(
    api: Api, api_b: Api, method: str, path: str, body_sent: object
) -> None:
    theirs = api_b.submit()

    foreign = api(method, f"/v1/comments/{theirs['id']}{path}", body_sent)
    absent = api(method, f"/v1/comments/{UNKNOWN}{path}", body_sent)

    one, other = problem(foreign, 404, "not-found"), problem(absent, 404, "not-found")
    assert {**one, "request_id": ""} == {**other, "request_id": ""}
    assert api_b("GET", f"/v1/comments/{theirs['id']}").get_json() == theirs


@pytest.mark.parametrize(
    "odd", ["%00", "%FF%FE", "..%2f..", "{site-b}", "a:b", "x" * 4000, "%F0%9F%92%A9", "*", "%0d%0aX: y"]
)
def test_odd_ids_are_unknown(api: Api, odd: str) -> None:
    problem(api("GET", f"/v1/comments/{odd}"), 404, "not-found")


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/", "/v1/comments/", "/v2/comments", "/nothing", "/v1/comments/a/b/c"]
)
def test_an_unknown_address(api: Api, path: str) -> None:
    problem(api("GET", path), 404, "not-found")


@pytest.mark.parametrize(
    "method, path", [("DELETE", "/v1/comments"), ("PUT", "/v1/site"), ("GET", "/v1/check"), ("OPTIONS", "/v1/comments")]
)
def test_a_wrong_method_says_which_are_right(api: Api, method: str, path: str) -> None:
    response = api(method, path)

    problem(response, 405, "method-not-allowed")
    assert response.headers["Allow"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
@pytest.mark.parametrize("method, path", [("POST", "/v1/comments"), ("PATCH", "/v1/site"), ("POST", "/v1/check")])
def test_a_body_of_another_type(api: Api, method: str, path: str, content_type: str) -> None:
    response = api(method, path, data=json.dumps(body()), content_type=content_type)

    problem(response, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "method, path, size",
    [
        ("POST", "/v1/comments", BODY_BYTES + 1),
        ("POST", "/v1/comments", 10_000_000),
        ("PATCH", "/v1/site", 10_000_000),
        ("POST", "/v1/check", BATCH_BODY_BYTES + 1),
        ("POST", "/v1/check", 10_000_000),
        ("POST", f"/v1/comments/{UNKNOWN}/undo", 10_000_000),
    ],
)
def test_a_body_that_is_too_large(api: Api, method: str, path: str, size: int) -> None:
    started = time.perf_counter()
    response = api(method, path, data=b" " * size, content_type="application/json")

    problem(response, 413, "body-too-large")
    assert time.perf_counter() - started < 1


def test_the_largest_body_is_taken(api: Api) -> None:
    whole = body(content="")
    whole["content"] = "a" * (BODY_BYTES - len(json.dumps(whole)) - 10)

    assert api("POST", "/v1/comments", whole).status_code == 201


@pytest.mark.parametrize(
    "content",
    ["a" + "\u0345\u0301\u0323\u0327" * 8_000, "\ufdfa" * 21_000, "<div>" * 13_000, "\u202e" * 20_000, "🤡" * 15_000],
    ids=["combining marks", "expanding", "nested tags", "direction overrides", "emoji"],
)
def test_hostile_text_is_taken_quickly(api: Api, content: str) -> None:
    raw = json.dumps(body(content=content, content_type="text/html"), ensure_ascii=False).encode()
    api.submit()

    started = time.process_time()
    response = api("POST", "/v1/comments", data=raw, content_type="application/json")

    assert response.status_code == 201
    assert time.process_time() - started < 0.4, "about thirty times an honest comment at most"


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=x",
        "limit=1e2",
        "limit=",
        "limit=٣",
        "limit=0000000019999999999",
        "limit=000000001" + "9" * 5000,
        "sort=best",
        "unknown=1",
        "limit=1&limit=2",
    ],
    ids=lambda query: query[:20],
)
def test_a_wrong_parameter_is_named(api: Api, query: str) -> None:
    [(pointer, code)] = faults(api("GET", f"/v1/queue?{query}"))

    assert pointer == "/" + query.partition("=")[0]
    assert code == {"unknown=1": "unknown-parameter", "limit=1&limit=2": "repeated-parameter"}.get(
        query, "invalid-parameter"
    )


@pytest.mark.parametrize("cursor", ["x", "a.b", "a.b.c", "." * 100, "%00", "é", "eyJ9.sig", "A" * 20_000])
def test_a_cursor_that_we_did_not_make(api: Api, cursor: str) -> None:
    problem(api("GET", f"/v1/queue?cursor={cursor}"), 400, "invalid-cursor")


def test_a_bug_of_ours_is_a_problem_too_and_tells_nothing(
    app: Flask, api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError(CANARY)

    monkeypatch.setattr(app.extensions["winnow"].queue, "pending_page", fail)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)

    response = api("GET", "/v1/queue")

    problem(response, 500, "internal-error")
    assert CANARY not in response.text + capsys.readouterr().out + capsys.readouterr().err


def test_a_request_id_of_the_callers_is_kept_and_a_strange_one_is_not(client: FlaskClient) -> None:
    kept = client.get("/nothing", headers={"X-Request-Id": "abc-123"})
    strange = client.get("/nothing", headers={"X-Request-Id": MALLORY})

    assert kept.get_json()["request_id"] == "abc-123"
    assert re.fullmatch(r"[0-9a-f]{32}", strange.get_json()["request_id"])


@pytest.mark.parametrize("path", ["/nothing", "/v1/queue", "/livez"])
def test_every_answer_has_the_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers
    secure = client.get(path, base_url="https://localhost").headers
    assert secure["Strict-Transport-Security"] == "max-age=31536000"
