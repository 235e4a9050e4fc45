"""A live service for real clients: the web application on a real port, with a classifier that reads single words."""

from __future__ import annotations

import functools
import ipaddress
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from moderation import bootstrap
from moderation.config import Settings
from moderation.scoring import Scorer
from moderation.service.services import Services
from moderation.webhooks.transport import Transport
from moderation.worker import Worker
from tests.keyword_model import KeywordModel


@dataclass(frozen=True)
class Live:
    """A running service and the one site that it knows."""

    url: str
    key: str
    site: str
    services: Services


class _Silent(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing: keys travel in these URLs."""


@pytest.fixture(autouse=True, scope="session")
def _one_tls_context() -> Iterator[None]:
    """Read the machine's certificates once: httpx does so for each client, in 30 ms, and these tests need none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx._transports.default.create_ssl_context", functools.cache(httpx.create_ssl_context))
        yield


@pytest.fixture
def live(
    store_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, app_of: Callable[[Services], Flask]
) -> Iterator[Live]:
    """Serve the site "blog" of https://blog.example on loopback."""
    monkeypatch.setattr(Scorer, "model", KeywordModel())
    services = bootstrap.build(settings, store_url)
    _, key = services.sites.add("blog", "https://blog.example")
    server = make_server("127.0.0.1", 0, app_of(services), threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield Live(f"http://127.0.0.1:{server.port}", key, "blog", services)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        services.connection.close()


@contextmanager
def working(services: Services) -> Iterator[None]:
    """Run a worker that may call loopback."""
    stop = threading.Event()
    worker = Worker(services, Transport(allow=(ipaddress.ip_network("127.0.0.0/8"),)))
    worker._webhooks.every_seconds = 0.02  # Tests wait for it.
    thread = threading.Thread(target=worker.run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
