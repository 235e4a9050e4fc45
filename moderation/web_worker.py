"""Gunicorn's thread worker, with a heartbeat that does not come with every event.

Owns that one change. Gunicorn's own worker tells its master that it lives each time its loop wakes up, twice a request;
the system call gives the interpreter away, and the threads that answer requests pass it round once more. The master
looks every second for a sign that may be thirty seconds old. Written for gunicorn 27.
"""

from __future__ import annotations

import time

from gunicorn.workers.gthread import ThreadWorker

HEARTBEAT_SECONDS = 1.0  # As often as the loop wakes up when nothing happens.


class SteadyWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn carries no types.
    """A web process that tells at most once a second that it lives."""

    _told_at = float("-inf")

    def notify(self) -> None:
        """Tell the master, unless it was told just now."""
        now = time.monotonic()
        if now - self._told_at >= HEARTBEAT_SECONDS:
            self._told_at = now
            super().notify()
