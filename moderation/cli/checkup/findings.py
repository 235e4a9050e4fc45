"""The shape of a finding."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Status(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        id: Stable name of the check.
        status: How bad it is.
        sentence: What was found.
        hint: How to mend it; empty if all is well.
    """

    id: str
    status: Status
    sentence: str
    hint: str = ""

    def document(self) -> dict[str, str]:
        """Return the finding for JSON."""
        return asdict(self)


def ok(check: str, sentence: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(check, Status.OK, sentence)


def warn(check: str, sentence: str, hint: str) -> Finding:
    """Return a finding that something is odd."""
    return Finding(check, Status.WARN, sentence, hint)


def fail(check: str, sentence: str, hint: str) -> Finding:
    """Return a finding that something is broken."""
    return Finding(check, Status.FAIL, sentence, hint)
