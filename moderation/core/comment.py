"""The values that travel through Winnow: submission, verdict, decision, comment.

Owns their shape and the state table of a comment. Refuses to parse (``web/schemas.py``) and to store (``store``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from moderation.core.reasons import Action, Reason

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Status(StrEnum):
    """Where a comment stands."""

    APPROVED = "approved"
    PENDING = "pending"
    REJECTED = "rejected"


STATUS_OF_ACTION = {
    Action.APPROVE: Status.APPROVED,
    Action.REVIEW: Status.PENDING,
    Action.REJECT: Status.REJECTED,
}


class Ruling(StrEnum):
    """What a person decided."""

    APPROVE = "approve"
    REJECT = "reject"


class RejectReason(StrEnum):
    """Why a person rejected."""

    SPAM = "spam"
    TOXIC = "toxic"
    OFF_TOPIC = "off-topic"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Label:
    """Training truth from a person's decision; None where the decision says nothing."""

    spam: int | None
    toxic: int | None


def label_of(ruling: Ruling, reject_reason: RejectReason | None) -> Label | None:
    """Return the training label that a decision gives, or None where it gives none."""
    if ruling is Ruling.APPROVE:
        return Label(spam=0, toxic=0)
    if reject_reason is RejectReason.SPAM:
        return Label(spam=1, toxic=None)
    if reject_reason is RejectReason.TOXIC:
        return Label(spam=0, toxic=1)
    return None


class EmailFacts(msgspec.Struct, frozen=True):
    """What the rules may know of an address once the address itself is forgotten; never stored."""

    domain: str = ""
    is_malformed: bool = False
    is_disposable: bool = False
    has_plus_alias: bool = False
    dots_in_local_part: int = 0


class AuthorIdentity(msgspec.Struct, frozen=True):
    """The pseudonyms of one address on one site.

    Attributes:
        id: Under the newest key; what is written.
        ids: Under every active key, newest first; what is looked up.
        facts: What the rules need.
    """

    id: str
    ids: tuple[str, ...]
    facts: EmailFacts = EmailFacts()


ANONYMOUS = AuthorIdentity(id="", ids=())


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """A comment as a site posts it, with the address already turned into a pseudonym.

    Attributes:
        callback: Sealed address that a later decision is told to, instead of the site's webhook.
        trace: Keyed digest that a later report about the same comment is recognised by.
        origin: Where it stands in another program that is told of decisions, beside the site's webhook.
    """

    content: str
    permalink: str
    author_name: str
    author: AuthorIdentity = ANONYMOUS
    author_url: str | None = None
    content_type: str = "text/plain"
    parent_id: str | None = None
    external_id: str | None = None
    language: str | None = None
    type: str = "comment"
    honeypot: str = ""
    form_seconds: float | None = None
    author_is_trusted: bool = False
    ip_id: str | None = None
    callback: str | None = None
    trace: str | None = None
    origin: str | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine concluded.

    Attributes:
        action: approve, review or reject.
        scores: Calibrated probability of each label in [0, 1], soft reasons included; empty when unscored.
        model: Version of the model, or None when unscored.
        reasons: Strongest first.
    """

    action: Action
    scores: dict[str, float]
    model: str | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person did."""

    ruling: Ruling
    reason: RejectReason | None
    moderator: str
    at: datetime
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """Where a comment stood before a decision, so that the decision can be taken back."""

    status: Status
    decision: Decision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A stored comment.

    Attributes:
        version: Starts at 1; every edit, decision and undo adds one.
        history: Where it stood before each decision that could be taken back, oldest first.
        content: None once retention has taken the text away.
    """

    id: str
    site: str
    status: Status
    permalink: str
    parent_id: str | None
    external_id: str | None
    author_id: str
    author_name: str
    author_url: str | None
    content: str | None
    content_type: str
    language: str | None
    type: str
    created_at: datetime
    updated_at: datetime
    version: int
    verdict: Verdict
    decision: Decision | None = None
    history: tuple[Earlier, ...] = ()
    ip_id: str | None = None
    edited: bool = False
    callback: str | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorRecord:
    """What is known of an author on one site, summed over all active pseudonyms."""

    approved: int = 0
    rejected: int = 0
    pending: int = 0
    first_seen: datetime | None = None
    is_banned: bool = False
    is_trusted: bool = False


@dataclass(frozen=True, slots=True)
class Replay:
    """What an Idempotency-Key was used for before."""

    fingerprint: str
    comment_id: str


@dataclass(frozen=True, slots=True)
class Idempotency:
    """An Idempotency-Key, hashed under a key of ours, and the fingerprint of the payload it came with."""

    digest: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the store knows that bears on a submission; read in one round trip."""

    author: AuthorRecord = AuthorRecord()
    recent_copies: int = 0
    policy_version: int = 0
    rate_used: int = 0
    rate_reset_seconds: int = 0
    replay: Replay | None = None


def status_after_edit(comment: Comment, verdict: Verdict) -> Status:
    """Return where an edited comment stands.

    An approval lapses only when the new verdict does; a person's rejection stands; all else follows the machine.
    """
    if comment.decision is not None and comment.decision.ruling is Ruling.REJECT:
        return Status.REJECTED
    return STATUS_OF_ACTION[verdict.action]


def from_milliseconds(value: int) -> datetime:
    """Return the aware UTC time of ``value`` milliseconds since 1970."""
    return EPOCH + timedelta(milliseconds=value)


def to_milliseconds(value: datetime) -> int:
    """Return whole milliseconds since 1970 of an aware time, rounded down as they are shown."""
    return (value - EPOCH) // timedelta(milliseconds=1)
