"""The state machine of the queue with ``kill -9`` of its store between any two events, and on a cluster."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule, run_state_machine_as_test

from moderation import bootstrap
from moderation.config import Settings
from moderation.keyring_file import load_keyring
from moderation.scoring import Scorer
from moderation.service.services import Services
from moderation.store.valkey_process import Places, ValkeyProcess
from tests import topologies
from tests.faults.conftest import ROUNDS
from tests.keyword_model import KeywordModel
from tests.processes import wait_for
from tests.service.test_queue_machine import QueueMachine

pytestmark = [pytest.mark.alone, pytest.mark.timeout(300 + 30 * ROUNDS)]
STEPS = 40


class MortalQueueMachine(QueueMachine):
    """All that the queue's machine does, and kills of the store."""

    store: ValkeyProcess
    kills = 0

    @rule()
    def kill_the_store(self) -> None:
        """End the store as a power switch would, and start it on what it kept; nobody is told."""
        os.kill(self.store.pid, signal.SIGKILL)
        wait_for(lambda: self.store.poll() is not None, seconds=10, what="end of the store")
        self.store.start()
        type(self).kills += 1


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[ValkeyProcess]:
    """A store of the test's own."""
    base = tmp_path / "mortal"
    base.mkdir()
    process = ValkeyProcess(Places(base, base / "s", base / "c", base / "l"))
    process.start()
    yield process
    process.terminate()


def _services(url: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    monkeypatch.setattr(Scorer, "model", KeywordModel())
    chosen = Settings(data_dir=data)
    load_keyring(chosen)
    return bootstrap.build(chosen, url)


def _run(machine: type[QueueMachine], examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_no_order_of_events_and_kills_breaks_the_queue(
    mortal: ValkeyProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = _services(f"unix://{tmp_path}/mortal/s", tmp_path / "data", monkeypatch)
    machine = type("Machine", (MortalQueueMachine,), {"services": services, "store": mortal})

    _run(machine, examples=2 * ROUNDS)

    assert machine.kills >= ROUNDS, "the store was hardly ever killed"  # type: ignore[attr-defined]
    services.connection.close()


def test_a_cluster_keeps_the_queue_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with topologies.cluster(tmp_path / "c") as cluster:
        services = _services(cluster.url, tmp_path / "data", monkeypatch)

        _run(type("Machine", (QueueMachine,), {"services": services}), examples=max(3, ROUNDS // 5))

        services.connection.close()
