"""The HTTP API on a real store: an app, site A and site B with their keys, and clients that hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from moderation import bootstrap
from moderation.config import Settings
from moderation.core.site import Site
from moderation.scoring import Scorer
from moderation.service.services import Services
from moderation.web import create_app
from tests.cast import body
from tests.keyword_model import KeywordModel


@dataclass(frozen=True)
class Api:
    """A client of the API that sends a site's key."""

    client: FlaskClient
    key: str

    def __call__(self, method: str, path: str, json: object = None, **given: Any) -> TestResponse:
        """Send a request; ``headers`` are added to the key's."""
        headers = {"Authorization": f"Bearer {self.key}", **given.pop("headers", {})}
        if json is not None:
            given["json"] = json
        return self.client.open(path, method=method, headers=headers, **given)

    def submit(self, **fields: Any) -> dict[str, Any]:
        """Submit a comment and return it."""
        response = self("POST", "/v1/comments", body(**fields))
        assert response.status_code == 201, response.text
        return dict(response.get_json())

    def decide(self, comment_id: str, decision: str = "approve", **fields: Any) -> TestResponse:
        """Decide on a comment as Alice."""
        return self(
            "POST", f"/v1/comments/{comment_id}/decision", {"decision": decision, "moderator": "Alice", **fields}
        )


Process = Callable[[], Flask]


@pytest.fixture
def new_process(store_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    """Give a function that starts a web process, with connections and caches of its own."""
    monkeypatch.setattr(Scorer, "model", KeywordModel())
    started: list[Services] = []

    def start() -> Flask:
        started.append(bootstrap.build(settings, store_url))
        return create_app(started[-1])

    yield start
    for services in started:
        services.connection.close()


@pytest.fixture
def services(store_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Give the use cases of one web process."""
    monkeypatch.setattr(Scorer, "model", KeywordModel())
    built = bootstrap.build(settings, store_url)
    yield built
    built.connection.close()


@pytest.fixture
def app(services: Services, app_of: Callable[[Services], Flask]) -> Flask:
    """Give that web process."""
    return app_of(services)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Give a client without a key."""
    return app.test_client()


@pytest.fixture
def key(services: Services) -> str:
    """Give the key of site A, which has no rate limit."""
    _, key = services.sites.add("site-a", "https://a.example")
    services.sites.change_policy("site-a", {"rate_limit": "off"})
    return key


@pytest.fixture
def site(services: Services, key: str) -> Site:
    """Give site A, which Alice moderates."""
    return services.sites.read("site-a")


@pytest.fixture
def api(client: FlaskClient, key: str) -> Api:
    """Give site A's client."""
    return Api(client, key)


@pytest.fixture
def api_b(client: FlaskClient, services: Services) -> Api:
    """Give the client of site B, which Bob moderates."""
    _, key = services.sites.add("site-b", "https://b.example")
    services.sites.change_policy("site-b", {"rate_limit": "off"})
    return Api(client, key)
