"""Which site may send how much right now; pure but for a lock.

Owns the promise that one site's slow or failing endpoint never delays another's: each site has a small share of the
slots, and sites in trouble share half of them with one delivery each and a growing pause between.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

SLOTS = 32  # Deliveries at once; each is a thread that waits for the network.
SLOTS_PER_SITE = 4
SLOTS_IN_TROUBLE = 16  # For all sites together whose last delivery failed or was slow.
SLOW_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 60.0


@dataclass(slots=True)
class _State:
    under_way: int = 0
    failures: int = 0
    is_slow: bool = False
    paused_until: float = 0.0

    @property
    def is_in_trouble(self) -> bool:
        return self.failures > 0 or self.is_slow


class Traffic:
    """Counts deliveries under way; safe for threads. Times are of a monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sites: dict[str, _State] = {}
        self._under_way = 0
        self._in_trouble = 0

    def room(self, site: str, *, now: float) -> int:
        """Return how many deliveries of a site may start now."""
        with self._lock:
            state = self._sites.get(site) or _State()
            if now < state.paused_until:
                return 0
            free = SLOTS - self._under_way
            if state.is_in_trouble:
                return max(0, min(1 - state.under_way, SLOTS_IN_TROUBLE - self._in_trouble, free))
            return max(0, min(SLOTS_PER_SITE - state.under_way, free))

    def start(self, site: str) -> bool:
        """Count a delivery that begins; pass the answer to ``finish``."""
        with self._lock:
            state = self._sites.setdefault(site, _State())
            state.under_way += 1
            self._under_way += 1
            self._in_trouble += state.is_in_trouble
            return state.is_in_trouble

    def finish(self, site: str, was_in_trouble: bool, *, is_well: bool, seconds: float, now: float) -> None:
        """Count a delivery that ended, and pause a site whose endpoint fails: 1, 2, 4 … 60 s."""
        with self._lock:
            state = self._sites.setdefault(site, _State())
            state.under_way -= 1
            self._under_way -= 1
            self._in_trouble -= was_in_trouble
            state.is_slow = seconds > SLOW_SECONDS
            state.failures = 0 if is_well else state.failures + 1
            if not is_well:
                pause = min(LONGEST_PAUSE_SECONDS, 2.0 ** min(state.failures - 1, 10))
                state.paused_until = max(state.paused_until, now + pause)

    def pause(self, site: str, *, until: float) -> None:
        """Let a site wait, as when its webhook is disabled."""
        with self._lock:
            state = self._sites.setdefault(site, _State())
            state.paused_until = max(state.paused_until, until)

    @property
    def under_way(self) -> int:
        """Return how many deliveries are under way."""
        return self._under_way
