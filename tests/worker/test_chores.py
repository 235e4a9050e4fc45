"""What the worker does besides webhooks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from moderation import worker
from moderation.core.comment import Comment
from moderation.service.services import Services
from moderation.store.keys import SiteKeys
from moderation.store.outbox import Outbox
from tests.receiver import poll
from tests.worker.working import (
    ALICE,
    add_site,
    reject,
    submit,
    working,
)


def test_leases_that_ran_out_are_freed(services: Services) -> None:
    add_site(services, ALICE, None)
    comment = submit(services, ALICE)
    services.queue.claim(ALICE, "Alice", seconds=0, ids=[comment.id])
    assert services.connection.client.zcard(SiteKeys(ALICE).lease) == 1

    with working(services):
        poll(lambda: services.connection.client.zcard(SiteKeys(ALICE).lease) == 0)


def test_text_of_long_rejected_comments_goes_in_slices(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "PURGE_SLICE", 3)
    add_site(services, ALICE, None)
    comments = [submit(services, ALICE) for _ in range(8)]
    for one in comments[:7]:
        reject(services, ALICE, one)
    later = services.now() + timedelta(days=31)
    monkeypatch.setattr(services.privacy, "_now", lambda: later)

    with working(services):
        poll(lambda: sum(one.content is None for one in stored(services, comments)) == 7)

    assert stored(services, comments)[7].content is not None


def test_heartbeat_is_there_while_it_works(services: Services, outbox: Outbox) -> None:
    assert outbox.last_beat() is None

    with working(services):
        poll(lambda: outbox.last_beat() is not None)

    assert abs((services.now() - outbox.last_beat()).total_seconds()) < 10  # type: ignore[operator]


def stored(services: Services, comments: list[Comment]) -> list[Comment]:
    return services.comments.get_many(ALICE, [one.id for one in comments])
