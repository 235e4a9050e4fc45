"""Child processes that are started again when they end, and the signals that tell a parent about it.

Owns the pace of restarts and the way a child is stopped. Refuses to know what the children do.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

import structlog

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0
STEADY_SECONDS = 10.0  # A process that ran this long may be started again at once.

log = structlog.get_logger("winnow.serve")


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next restart."""

    failures: int = 0
    started_at: float = 0.0
    due_at: float = 0.0

    def started(self, now: float) -> None:
        """Note a start."""
        self.started_at = now

    def ended(self, now: float) -> float:
        """Note an end and return the delay in seconds before the next start; 0 after a long steady run."""
        self.failures = 1 if now - self.started_at > STEADY_SECONDS else self.failures + 1
        delay = 0.0 if self.failures == 1 else min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2**self.failures)
        self.due_at = now + delay
        return delay


def sentence(verb: str, title: str) -> str:
    """Return what a line of the log says, such as ``Started the worker.``"""
    return f"{verb} the {title}."


@dataclass(slots=True)
class Child:
    """One process that is started again when it ends.

    Attributes:
        name: For programs that read the log.
        title: For people who do.
    """

    name: str
    title: str
    arguments: Sequence[str]
    environ: Mapping[str, str]
    kept: tuple[int, ...] = ()
    backoff: Backoff = field(default_factory=Backoff)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it in a process group of its own, so that Ctrl-C on a terminal reaches only the parent."""
        self.backoff.started(time.monotonic())
        self.process = subprocess.Popen(  # noqa: S603  Every argument is ours.
            [sys.executable, *self.arguments],
            stdin=subprocess.DEVNULL,
            env=dict(self.environ),
            pass_fds=self.kept,
            start_new_session=True,
        )
        log.info(sentence("Started", self.title), process=self.name, pid=self.process.pid)

    def look(self) -> int | None:
        """Return the exit status if it has just ended, and note when to start it again."""
        if self.process is None or self.process.poll() is None:
            return None
        status = self.process.returncode
        self.process = None
        delay = self.backoff.ended(time.monotonic())
        log.warning(sentence("Restarting", self.title), process=self.name, status=status, delay_seconds=round(delay, 1))
        return status

    def is_due(self) -> bool:
        """Return whether it is down and its delay is over."""
        return self.process is None and time.monotonic() >= self.backoff.due_at

    def stop(self, seconds: float) -> None:
        """Ask it to finish, and end its whole group if it does not."""
        process = self.process
        if process is None:
            return
        log.info(sentence("Stopping", self.title), process=self.name)
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            log.warning(sentence("Killing", self.title), process=self.name)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.process = None


class Signals:
    """Turns signals into a wake-up, so that the parent sleeps until something happens."""

    def __init__(self) -> None:
        self.is_stopping = False
        self._is_impatient = False
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def install(self) -> None:
        """Listen to the end of children and to requests to stop."""
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)

    @contextmanager
    def impatience(self) -> Iterator[None]:
        """Let a request to stop interrupt what the block does with KeyboardInterrupt."""
        self._is_impatient = True
        try:
            yield
        finally:
            self._is_impatient = False

    def wait(self, seconds: float) -> None:
        """Sleep until a signal arrives or the time is over."""
        if select.select([self._reader], [], [], seconds)[0]:
            with suppress(BlockingIOError):
                self._reader.recv(4096)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True
        if self._is_impatient:
            raise KeyboardInterrupt
