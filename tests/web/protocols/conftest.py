"""A live service for real clients: the web application on a real port, with a classifier that reads single words."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from moderation import bootstrap
from moderation.config import Settings
from moderation.scoring import Scorer
from moderation.service.services import Services
from moderation.web import create_app
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


@pytest.fixture
def live(store_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """Serve the site "blog" of https://blog.example on loopback."""
    monkeypatch.setattr(Scorer, "model", KeywordModel())
    services = bootstrap.build(settings, store_url)
    _, key = services.sites.add("blog", "https://blog.example")
    server = make_server("127.0.0.1", 0, create_app(services), threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield Live(f"http://127.0.0.1:{server.port}", key, "blog", services)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        services.connection.close()
