"""When a webhook is tried again; pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

HOUR = 3600.0
# Seconds before each attempt: 75 hours and 35 minutes in all. Source: Standard Webhooks, "Deliverability".
DELAYS: Final = (0.0, 5.0, 300.0, 1800.0, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
JITTER = 0.1  # A delay grows by up to this share, so that what failed together does not come back together.
RETRY_AFTER_STATUSES: Final = frozenset({429, 502, 503, 504})
RETRY_AFTER_LIMIT_SECONDS = 24 * HOUR  # An endpoint can ask for patience, not for years.


def next_delay(attempts: int, *, retry_after_seconds: float = 0.0, chance: float) -> float | None:
    """Return the seconds until the next attempt, or None if there is none left.

    Args:
        attempts: How many were made, 1 or more.
        retry_after_seconds: What the endpoint asked for; it can only lengthen the delay.
        chance: Uniform in [0, 1).
    """
    if attempts >= len(DELAYS):
        return None
    asked = min(retry_after_seconds, RETRY_AFTER_LIMIT_SECONDS)
    return max(DELAYS[attempts], asked) * (1.0 + JITTER * chance)


def retry_after_seconds(status: int, value: str | None, *, now: datetime) -> float:
    """Return how long an endpoint asks us to wait, 0 if it does not or makes no sense.

    Source: RFC 9110, 10.2.3: seconds or a date.
    """
    if status not in RETRY_AFTER_STATUSES or not value:
        return 0.0
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text[:64])
    except (ValueError, IndexError):
        return 0.0
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())
