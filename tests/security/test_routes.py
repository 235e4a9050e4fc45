"""Every route the app has: who gets in, and the headers of its answers. New routes are found by themselves.

What moderators may do has a table of its own: ``tests/web/review/test_access.py``.
"""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.web.conftest import Api

OPEN = {"/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/v1/authors/<author_id>/avatar.svg"}
"""What needs no key: it shows nothing of a website."""
OPEN_FACES = {"/1.1/test", "/1.2/test", "/$discovery/rest", "/v1alpha1/$discovery/rest", "/static/<path:filename>"}
ENDLESS = {"/review/events"}  # Without a session it ends with the sign-in page; the review's own table has it.
REFUSALS = {400, 401, 403, 404, 405, 415, 422}  # The drop-in protocols answer as those they stand in for.
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def routes(app: Flask) -> list[tuple[str, str, str]]:
    """Return rule, method and a path of every route."""
    found = []
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]*length=12[^>]*>", "aaaaaaaaaaaa", rule.rule)
        path = re.sub(r"<[^>]+>", "01KZZZZZZZZZZZZZZZZZZZZZZZ", path)
        found += [(rule.rule, method, path) for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})]
    return found


def test_no_route_of_the_api_lets_a_stranger_in(app: Flask) -> None:
    client, asked = app.test_client(), 0
    for rule, method, path in routes(app):
        if not rule.startswith("/v1/") or rule in OPEN:
            continue
        asked += 1
        for headers in ({}, {"Authorization": "Bearer aaaaaaaaaaaa"}, {"Authorization": "Basic YTpi"}):
            answer = client.open(path, method=method, headers=headers, json={})

            assert answer.status_code in (401, 429), (method, rule)
            assert answer.content_type == "application/problem+json"
    assert asked > 10


def test_no_route_of_another_protocol_does_anything_for_a_stranger(app: Flask) -> None:
    client = app.test_client()
    for rule, method, path in routes(app):
        if rule in OPEN | OPEN_FACES or rule.startswith(("/v1/", "/review")) or path.rstrip("/").endswith("/test"):
            continue
        answer = client.open(path, method=method, data={"blog": "https://a.example"})

        is_akismet_no = answer.status_code == 200 and answer.text in ("invalid", "false", "")
        is_told_apart = answer.status_code in REFUSALS | {429}
        assert is_akismet_no or is_told_apart or "discovery" in rule.lower(), (method, rule, answer.status_code)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_every_answer_of_every_route_has_the_headers(app: Flask, api: Api, scheme: str) -> None:
    client = app.test_client()
    for rule, method, path in routes(app):
        if rule in ENDLESS:
            continue
        for headers in ({}, {"Authorization": f"Bearer {api.key}"}):
            answer = client.open(path, method=method, headers=headers, base_url=f"{scheme}://localhost")
            given = dict(answer.headers)
            answer.close()

            assert {name: given.get(name) for name in SECURITY} == SECURITY, (method, rule)
            assert given["Referrer-Policy"] in ("no-referrer", "same-origin"), (method, rule)
            assert given["Content-Security-Policy"].startswith("default-src 'none'"), (method, rule)
            assert "frame-ancestors 'none'" in given["Content-Security-Policy"], (method, rule)
            assert ("Strict-Transport-Security" in given) == (scheme == "https"), (method, rule)
            assert given.get("Cache-Control"), (method, rule)
            assert "Server" not in given or "Werkzeug" not in given["Server"], (method, rule)


def test_the_api_never_redirects_to_https(app: Flask, api: Api) -> None:
    """A client that sent its key in the clear has to notice (ASVS 4.1.2)."""
    for path in ("/v1/queue", "/v1/site", "/v1/stats"):
        assert api("GET", path).status_code == 200
        assert app.test_client().get(path).status_code == 401


def test_a_proxy_that_nobody_trusts_changes_nothing(app: Flask) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "X-Forwarded-For": "10.0.0.1"}

    answer = app.test_client().get("/v1/queue", headers=headers)

    assert "Strict-Transport-Security" not in answer.headers
    assert "evil.example" not in answer.text + str(answer.headers)
