"""What became of one attempt to tell somebody something; pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt.

    Attributes:
        result: ``200``, ``503``, ``timeout``, ``refused`` and the like.
        seconds: How long it took.
        retry_after: Seconds for which the endpoint asked us to leave it alone.
    """

    result: str
    seconds: float
    is_delivered: bool = False
    is_gone: bool = False
    retry_after: float = 0.0
