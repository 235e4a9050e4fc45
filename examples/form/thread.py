"""The comments of a page as this website remembers them.

Owns a small cache, so that a busy page does not ask Winnow for every reader. A webhook or a new comment empties it; it
runs out by itself as well, in case a webhook is late. Refuses to fail with Winnow: what was known is shown.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from winnow_api import Refused, Unavailable, Winnow

log = logging.getLogger("site")


class Thread:
    """Approved comments by permalink; safe for threads."""

    def __init__(self, winnow: Winnow, *, cache_seconds: float) -> None:
        self._winnow = winnow
        self._cache_seconds = cache_seconds
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, list[dict[str, Any]]]] = {}

    def comments(self, permalink: str) -> list[dict[str, Any]] | None:
        """Return the comments, oldest first, or None if they are not known and Winnow is away."""
        with self._lock:
            until, comments = self._known.get(permalink, (0.0, None))
        if comments is not None and time.monotonic() < until:
            return comments
        try:
            found = self._winnow.thread(permalink)
        except (Refused, Unavailable) as error:
            log.warning("comments are not to be had: %s", error)
            return comments
        with self._lock:
            self._known[permalink] = (time.monotonic() + self._cache_seconds, found)
        return found

    def forget(self, permalink: str) -> None:
        """Ask Winnow anew the next time."""
        with self._lock:
            until_and_comments = self._known.get(permalink)
            if until_and_comments is not None:  # The old ones are kept for when Winnow is away.
                self._known[permalink] = (0.0, until_and_comments[1])
