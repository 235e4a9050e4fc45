"""Slowing down whoever tries API keys that are none.

Owns the limit and what counts as one guesser: a network, known by a keyed hash only. What protects a key is its 62
bits; the limit keeps guesses cheap for us and useless for others. A right key that is used to check comments is never
refused for what its neighbours do, since that would let anybody behind the same address stop a website's moderation;
calls that only ask whether a key is right are.
"""

from __future__ import annotations

import hashlib
import hmac

import structlog

from moderation.core.errors import RateLimited
from moderation.core.identity import Keyring
from moderation.store.accounts import AccountStore

WRONG_KEYS = (
    30  # A person types a key a few times; a forgotten client repeats one all day and may be told to slow down.
)
WINDOW_SECONDS = 15 * 60
UNKNOWN_NETWORK = "unknown"
_log = structlog.get_logger(__name__)


class Guesses:
    """Counts wrong keys; safe for threads."""

    def __init__(self, store: AccountStore, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring
        self._key = keyring.newest.derive("key-guess")

    def wrong(self, ip: str | None) -> None:
        """Count a wrong key.

        Args:
            ip: Where it came from, or None.

        Raises:
            RateLimited: If too many came from that network.
        """
        count, left = self._store.count_attempt(self._subject(ip), window_seconds=WINDOW_SECONDS)
        if count > WRONG_KEYS:
            if count == WRONG_KEYS + 1:
                _log.warning("key-guessing-throttled")
            raise _limited(left)

    def check(self, ip: str | None) -> None:
        """Raise RateLimited if too many wrong keys came from a network; counts nothing."""
        count, left = self._store.attempts(self._subject(ip))
        if count >= WRONG_KEYS:
            raise _limited(left)

    def _subject(self, ip: str | None) -> str:
        try:
            network = self._keyring.network_id(ip or "", site="")
        except ValueError:
            network = UNKNOWN_NETWORK
        return hmac.new(self._key, network.encode(), hashlib.sha256).hexdigest()[:32]


def _limited(left: int) -> RateLimited:
    return RateLimited(quota=WRONG_KEYS, window_seconds=WINDOW_SECONDS, retry_after_seconds=max(1, left))
