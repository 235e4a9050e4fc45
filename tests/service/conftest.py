"""The use cases on a real store, with a classifier that reads single words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from moderation import bootstrap
from moderation.config import Settings
from moderation.core.site import Site
from moderation.scoring import Scorer
from moderation.service.services import Services
from tests.keyword_model import KeywordModel


@pytest.fixture
def services(store_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Give all use cases of one process."""
    monkeypatch.setattr(Scorer, "model", KeywordModel())
    built = bootstrap.build(settings, store_url)
    yield built
    built.connection.close()


@pytest.fixture
def site(services: Services) -> Site:
    """Give site A, which has a webhook and no rate limit."""
    services.sites.add("site-a", "https://a.example")
    return services.sites.change_policy("site-a", {"webhook_url": "https://hooks.example/a", "rate_limit": "off"})
