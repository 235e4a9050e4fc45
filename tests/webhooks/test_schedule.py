"""When a webhook is tried again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.webhooks.schedule import DELAYS, next_delay, retry_after_seconds

NOW = datetime(2026, 11, 23, 16, 20, tzinfo=UTC)


def test_schedule_is_the_published_one() -> None:
    minutes, hours = 60, 3600

    assert (
        0, 5, 5 * minutes, 30 * minutes, 2 * hours, 5 * hours, 10 * hours, 14 * hours, 20 * hours, 24 * hours,
    ) == DELAYS  # fmt: skip


@pytest.mark.parametrize("attempts", range(1, 10))
def test_delay_grows_by_the_jitter_and_never_shrinks(attempts: int) -> None:
    assert next_delay(attempts, chance=0.0) == DELAYS[attempts]
    assert next_delay(attempts, chance=1.0) == pytest.approx(DELAYS[attempts] * 1.1)


def test_no_attempt_follows_the_tenth() -> None:
    assert next_delay(10, chance=0.5) is None
    assert next_delay(11, retry_after_seconds=5, chance=0.5) is None


def test_endpoint_can_ask_for_more_patience_but_not_for_less() -> None:
    assert next_delay(1, retry_after_seconds=120, chance=0.0) == 120
    assert next_delay(4, retry_after_seconds=1, chance=0.0) == DELAYS[4]


def test_endpoint_cannot_ask_for_years() -> None:
    assert next_delay(1, retry_after_seconds=1e9, chance=0.0) == 24 * 3600


@pytest.mark.parametrize(
    "status, value, seconds",
    [
        (503, "120", 120),
        (429, " 7 ", 7),
        (502, "0", 0),
        (504, "Mon, 23 Nov 2026 16:21:00 GMT", 60),
        (503, "Mon, 23 Nov 2026 16:19:00 GMT", 0),
        (500, "120", 0),
        (200, "120", 0),
        (503, None, 0),
        (503, "", 0),
        (503, "soon", 0),
        (503, "-5", 0),
        (503, "1e9", 0),
        (503, "٣", 0),
        (503, "9" * 5000, 999_999_999),
        (503, "Mon, 99 Foo 2026", 0),
    ],
)
def test_retry_after_is_read(status: int, value: str | None, seconds: float) -> None:
    assert retry_after_seconds(status, value, now=NOW) == seconds


@given(st.text(max_size=100))
def test_no_retry_after_breaks_the_worker(value: str) -> None:
    assert retry_after_seconds(503, value, now=NOW) >= 0
