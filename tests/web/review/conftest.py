"""The review pages on a real store: an app, people who are signed in, and a browser."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import argon2
import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from model.hashing import GROUP_COUNT, SLOT_COUNT
from model.serving import Model, Thresholds
from model.tables import load_tables
from moderation import bootstrap
from moderation.config import Settings
from moderation.service.accounts import Accounts
from moderation.service.services import Services
from moderation.store.accounts import AccountStore, Role

PASSWORD = "harbour lamp otter"


@pytest.fixture(scope="session")
def model() -> Model:
    """Give a classifier that knows nothing: verdicts come with the seeded comments, sketches need none."""
    limits = {"spam": Thresholds(0.3, 0.97), "toxicity": Thresholds(0.8, None)}
    weights = np.zeros((SLOT_COUNT + 1 + GROUP_COUNT, 2), np.float32)
    found = Model("base-test", ("spam", "toxicity"), limits, weights, load_tables())
    found.warm_up()
    return found


@pytest.fixture
def services(store_url: str, settings: Settings, model: Model) -> Iterator[Services]:
    """Give two sites: Alice moderates site-a, Bob site-b, Root is an admin."""
    built = bootstrap.build(settings, store_url)
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    accounts = Accounts(AccountStore(built.connection), built.keyring, now=built.now, hasher=cheap)
    built.scorer._model, built.scorer._looked_at = model, float("inf")
    found = replace(built, accounts=accounts)
    for site in ("site-a", "site-b"):
        found.sites.add(site, f"https://{site}.example")
    found.accounts.add("Alice", PASSWORD, sites=("site-a",))
    found.accounts.add("Bob", PASSWORD, sites=("site-b",))
    found.accounts.add("Root", PASSWORD, role=Role.ADMIN)
    yield found
    found.connection.close()


@pytest.fixture
def app(services: Services, app_of: Callable[[Services], Flask]) -> Flask:
    """Give the app."""
    return app_of(services)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at a browser without scripts."""

    client: FlaskClient

    def get(self, path: str, **options: object) -> TestResponse:
        return self.client.get(path, **options)

    def post(self, path: str, data: dict[str, object] | None = None, **options: object) -> TestResponse:
        """Send a form with the token that the pages of this session carry."""
        return self.client.post(path, data={"csrf": self.csrf, **(data or {})}, **options)

    @property
    def csrf(self) -> str:
        page = self.client.get("/review/account").get_data(as_text=True)
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
        return found[1] if found else ""


@pytest.fixture
def sign_in(app: Flask) -> Callable[[str], Person]:
    """Give a way to be somebody; an empty name is a stranger."""

    def signed_in(name: str) -> Person:
        client = app.test_client()
        if name:
            answer = client.post("/review/login", data={"name": name, "password": PASSWORD})
            assert answer.status_code == 303, answer.get_data(as_text=True)
        return Person(client)

    return signed_in


@pytest.fixture
def alice(sign_in: Callable[[str], Person]) -> Person:
    return sign_in("Alice")


@pytest.fixture
def bob(sign_in: Callable[[str], Person]) -> Person:
    return sign_in("Bob")


@pytest.fixture
def root(sign_in: Callable[[str], Person]) -> Person:
    return sign_in("Root")


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """Give the address of the app on a real socket."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
