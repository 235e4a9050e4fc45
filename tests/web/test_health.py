"""Health, metrics and documentation need no key; a store that is away is said so in time, and comes back by itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis
from flask.testing import FlaskClient

from moderation import bootstrap
from moderation.config import Settings
from moderation.scoring import Scorer
from moderation.store.embedded import running_store
from moderation.web import create_app
from tests.cast import MALLORY, body
from tests.keyword_model import KeywordModel
from tests.web.conftest import Api
from tests.web.test_error_shape import problem


@pytest.mark.parametrize(
    "path, content_type",
    [
        ("/livez", "text/plain"),
        ("/readyz", "application/json"),
        ("/metrics", "text/plain"),
        ("/openapi.json", "application/json"),
        ("/docs", "text/html"),
    ],
)
def test_no_key_is_needed(client: FlaskClient, path: str, content_type: str) -> None:
    response = client.get(path)

    assert response.status_code == 200
    assert response.content_type.startswith(content_type)


def test_metrics_count_and_name_no_site_or_person(api: Api) -> None:
    api.submit()
    text = api.client.get("/metrics").text

    assert "winnow_comments_total{" in text
    assert 'route="/v1/comments"' in text
    for secret in ("site-a", MALLORY, api.key):
        assert secret not in text


def test_the_documentation_names_every_operation(client: FlaskClient) -> None:
    page = client.get("/docs").text

    for path in client.get("/openapi.json").get_json()["paths"]:
        assert path.replace("{", "&#123;") in page or path in page


@pytest.fixture
def own_store(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Api, int]]:
    """Give a service on a store of its own, and the process id of that store's server."""
    monkeypatch.setattr(Scorer, "model", KeywordModel())
    own = replace(settings, data_dir=settings.data_dir.with_name("own"))
    with running_store(own, command="tests") as url:
        services = bootstrap.build(own, url)
        _, key = services.sites.add("site-a", "https://a.example")
        with redis.Redis.from_url(url) as client:
            pid = int(client.info("server")["process_id"])
        try:
            yield Api(create_app(services).test_client(), key), pid
        finally:
            services.connection.close()


@pytest.mark.alone
def test_a_stopped_store_is_a_503_within_a_second_and_recovery_needs_no_restart(own_store: tuple[Api, int]) -> None:
    api, pid = own_store
    api.submit()
    os.kill(pid, signal.SIGSTOP)
    try:
        for method, path, sent in (
            ("POST", "/v1/comments", body()),
            ("GET", "/v1/queue", None),
            ("POST", "/v1/erasures", {"author_email": MALLORY}),
        ):
            started = time.monotonic()
            response = api(method, path, sent)
            assert time.monotonic() - started < 1
            problem(response, 503, "store-unavailable")
            assert response.headers["Retry-After"] == "1"
        assert api("GET", "/livez").status_code == 200
        assert problem(api("GET", "/readyz"), 503, "not-ready")["checks"]["store"] == "store-unavailable"
        assert "winnow_store_up 0.0" in api("GET", "/metrics").text
    finally:
        os.kill(pid, signal.SIGCONT)

    deadline = time.monotonic() + 5
    while (status := api("POST", "/v1/comments", body()).status_code) != 201 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert status == 201
