"""The one tree of errors that Winnow raises on purpose.

Owns what can go wrong and the stable ``code`` that programs may match on. Refuses to know HTTP: ``web/errors.py`` maps
each class to a status.

::

    WinnowError
    ├── InvalidInput            the request itself is wrong; carries every fault at once
    │   ├── MalformedBody       not JSON, not text, too deep
    │   ├── InvalidCursor       tampered with, or of another listing
    │   └── KeyReuse            an Idempotency-Key that was used for another payload
    ├── NotFound                unknown, forgotten, or another site's
    ├── Unauthenticated         no key, a wrong one, a revoked one
    ├── Forbidden               known, but not allowed
    ├── Conflict                the state moved on
    │   ├── StaleVersion        the comment was changed since it was read
    │   ├── AlreadyDecided      somebody was faster; says who and when
    │   ├── LeaseLost           a colleague holds the item now
    │   ├── SiteChanged         the site's settings changed while a request was under way
    │   └── NothingToUndo       no decision is left to take back
    ├── RateLimited             over the site's limit
    ├── StoreUnavailable        the store does not answer; retry later
    ├── StoreUnsafe             the store answers, but would lose acknowledged writes
    ├── ModelUnavailable        no classifier could be loaded
    ├── WebhookRefused          an address that the guard does not let us call
    └── SettingsError           the environment or the command line is wrong; carries every problem at once
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one field.

    Attributes:
        pointer: JSON pointer to the field (RFC 6901), or ``""`` for the whole.
        code: Stable, lower-case, hyphenated.
        detail: A sentence that says what to do; never the value that was sent.
    """

    pointer: str
    code: str
    detail: str


class WinnowError(Exception):
    """Base of all; ``str()`` is a sentence for people."""

    code: ClassVar[str] = "error"


class InvalidInput(WinnowError):
    """The request cannot be accepted as it is; ``faults`` names everything that is wrong with it."""

    code = "invalid-input"

    def __init__(self, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.faults = tuple(faults)


class MalformedBody(InvalidInput):
    """The body is not what its content type says."""

    code = "malformed-body"


class InvalidCursor(InvalidInput):
    """The cursor was tampered with or belongs to another listing."""

    code = "invalid-cursor"


class KeyReuse(InvalidInput):
    """The Idempotency-Key was used before with another payload."""

    code = "idempotency-key-reuse"


class NotFound(WinnowError):
    """Unknown, forgotten, or belonging to another site, which is answered as if absent."""

    code = "not-found"


class Unauthenticated(WinnowError):
    """No credentials, or not valid ones."""

    code = "unauthenticated"


class Forbidden(WinnowError):
    """Known, but not allowed to do this."""

    code = "forbidden"


class Conflict(WinnowError):
    """The request is fine, but the state has moved on."""

    code = "conflict"


class StaleVersion(Conflict):
    """The comment was changed since the caller read it."""

    code = "stale-version"

    def __init__(self, current: int) -> None:
        super().__init__(f"The comment is at version {current} now; read it again and decide on that.")
        self.current = current


class AlreadyDecided(Conflict):
    """Somebody decided first.

    Attributes:
        decision: The decision in force as a JSON-ready mapping, or None where the machine alone decided.
    """

    code = "already-decided"

    def __init__(self, detail: str, decision: dict[str, object] | None) -> None:
        super().__init__(detail)
        self.decision = decision


class LeaseLost(Conflict):
    """The lease ran out and the item went to a colleague."""

    code = "lease-lost"


class SiteChanged(Conflict):
    """The site's settings, or its keys, changed since they were read."""

    code = "site-changed"


class NothingToUndo(Conflict):
    """The comment has no decision that could be taken back."""

    code = "nothing-to-undo"


class RateLimited(WinnowError):
    """Over the limit.

    Attributes:
        quota: Submissions that each window allows.
        window_seconds: Its length.
        retry_after_seconds: When the next one begins.
    """

    code = "rate-limited"

    def __init__(self, *, quota: int, window_seconds: int, retry_after_seconds: int) -> None:
        super().__init__(f"The site's limit is reached; try again in {retry_after_seconds} s.")
        self.quota = quota
        self.window_seconds = window_seconds
        self.retry_after_seconds = retry_after_seconds


class StoreUnavailable(WinnowError):
    """The store does not answer in time."""

    code = "store-unavailable"


class StoreUnsafe(WinnowError):
    """The store would lose acknowledged writes; the message says what to change."""

    code = "store-unsafe"


class ModelUnavailable(WinnowError):
    """No classifier is loaded, so nothing can be scored."""

    code = "model-unavailable"


class WebhookRefused(WinnowError):
    """The address of a webhook is one that we do not call."""

    code = "webhook-refused"


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong setting.

    Attributes:
        id: Stable, such as ``winnow.E001``.
        detail: What is wrong.
        hint: What to do about it.
    """

    id: str
    detail: str
    hint: str

    def __str__(self) -> str:
        return f"{self.id}: {self.detail} {self.hint}"


class SettingsError(WinnowError):
    """The settings are wrong; all problems are reported at once."""

    code = "settings"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
