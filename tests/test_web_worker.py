"""The web processes' sign of life: seldom enough to cost nothing, often enough that none is taken for dead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from moderation import web_worker
from moderation.web_worker import HEARTBEAT_SECONDS, SteadyWorker
from tests.processes import clean_environ


class _Heart:
    """Counts what gunicorn's own worker would tell its master."""

    def __init__(self) -> None:
        self.beats = 0

    def notify(self) -> None:
        self.beats += 1


def test_a_busy_process_tells_that_it_lives_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    worker, now = object.__new__(SteadyWorker), 1_000.0
    worker.tmp = heart = _Heart()
    monkeypatch.setattr(web_worker.time, "monotonic", lambda: now)

    for _ in range(301):  # Three seconds, in steps of a hundredth.
        worker.notify()
        now += 0.01

    assert heart.beats in {3, 4}


def test_its_sign_of_life_is_never_old_enough_for_the_master_to_kill_it(tmp_path: Path) -> None:
    show = "from moderation import gunicorn_conf as found; print(found.worker_class.__name__, found.timeout)"
    environ = clean_environ(WINNOW_DATA_DIR=str(tmp_path))

    shown = subprocess.run([sys.executable, "-c", show], env=environ, capture_output=True, text=True, check=True)

    name, timeout = shown.stdout.split()
    assert name == "SteadyWorker"
    assert int(timeout) / 10 > HEARTBEAT_SECONDS
