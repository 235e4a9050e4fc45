"""A worker's services on a real store, and an endpoint on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from moderation import bootstrap
from moderation.config import Settings
from moderation.scoring import Scorer
from moderation.service.services import Services
from moderation.store.outbox import Outbox
from tests.keyword_model import KeywordModel
from tests.receiver import Receiver
from tests.worker.working import LOOPBACK


@pytest.fixture
def services(settings: Settings, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    monkeypatch.setattr(Scorer, "model", KeywordModel())
    built = bootstrap.build(replace(settings, webhook_allow_networks=LOOPBACK), store_url)
    yield built
    built.connection.close()


@pytest.fixture
def outbox(services: Services) -> Outbox:
    return Outbox(services.connection)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shrink the waits between attempts; their number and all else stay as they are."""
    monkeypatch.setattr("moderation.webhooks.schedule.DELAYS", (0.0,) + (0.02,) * 9)
    monkeypatch.setattr("moderation.webhooks.traffic.LONGEST_PAUSE_SECONDS", 0.02)
