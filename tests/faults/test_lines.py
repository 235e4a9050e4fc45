"""A bad line to the store: replies that get lost, come late, or are cut off lose and double nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from moderation.config import Settings
from moderation.keyring_file import load_keyring
from moderation.store.embedded import running_store
from tests.faults.checker import SITE, faults, read_snapshot
from tests.faults.conftest import POLICY
from tests.faults.figures import note
from tests.faults.load import Load
from tests.faults.proxy import Proxy
from tests.faults.service import Service

pytestmark = pytest.mark.alone
ANSWER_SECONDS = 1.5  # Two round trips of at most half a second each, and what a busy machine adds.


@contextmanager
def _loaded(directory: Path, what: str) -> Iterator[tuple[Proxy, Load, Service]]:
    """Yield a bad line and a load over it; at the end, everything acknowledged is there once."""
    outside = Settings(data_dir=directory / "outside")
    with running_store(outside, command="tests") as url, redis.Redis.from_url(url) as direct:
        load_keyring(outside)
        with (
            Proxy(directory / "p.sock", Path(url.removeprefix("unix://"))) as proxy,
            Service(
                directory,
                WINNOW_REDIS_URL=f"unix://{proxy.path}",
                WINNOW_SECRET_KEY_FILE=str(outside.secret_path),
            ) as service,
        ):
            key = service.add_site(SITE, **POLICY)
            with Load(service.port, key, pace_seconds=0.01) as load:
                load.wait_for_answers(100)
                yield proxy, load, service
                load.wait_for_answers(100)
            assert load.statuses()[500] == 0, service.log()[-3000:]
        found = faults(load.operations, read_snapshot(direct))
        note(what, load, lost_replies=proxy.lost, faults=len(found))
        assert found == []


def test_lost_replies_double_nothing(tmp_path: Path) -> None:
    with _loaded(tmp_path, "replies lost") as (proxy, load, _):
        proxy.lose_every = 7
        load.wait_for_answers(300)
        proxy.lose_every = 0

        assert proxy.lost > 50


def test_cut_connections_double_nothing(tmp_path: Path) -> None:
    with _loaded(tmp_path, "connections cut") as (proxy, load, _):
        for _ in range(10):
            proxy.cut()
            load.wait_for_answers(20)


def test_late_replies_get_503_and_double_nothing(tmp_path: Path) -> None:
    with _loaded(tmp_path, "replies late") as (proxy, load, service):
        before = len(load.attempts)
        proxy.delay_seconds = 1.0  # Twice as long as the service waits.
        time.sleep(3.0)
        met = load.attempts[before:]
        proxy.delay_seconds = 0.0

        assert sum(one.status == 503 for one in met) > 20
        assert max(one.seconds for one in met) <= ANSWER_SECONDS
        assert "The store is away" in service.log()
