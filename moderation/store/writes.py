"""What the atomic writes need: keys and arguments of ``submit``, ``decide`` and ``edit``.

Owns ``Addition`` and ``Change``. Every write is one script, so that a comment, its place in the queue, its author's
counters, the audit entry and the webhook event change together or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from moderation.core.comment import Comment, Idempotency, to_milliseconds
from moderation.core.policy import RateLimit
from moderation.store.keys import SiteKeys
from moderation.store.records import decision_json, document, dump, history_json, verdict_json

IDEMPOTENCY_MS = 24 * 3600 * 1000  # Published in the API's documentation.
COPIES_MS = 24 * 3600 * 1000
TRACE_MS = 90 * 24 * 3600 * 1000  # Reports of missed spam come within days, seldom within months.
DAY_MS = 24 * 3600 * 1000
NOTHING = "-"  # Stands in a key for what is not there: scripts want a fixed number of keys.


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A training label as it is stored."""

    row: dict[str, object]
    days: int


@dataclass(frozen=True, slots=True)
class Presumption:
    """That a text is new and nothing is known of its author that matters: no rejection, no standing, few approvals.

    Attributes:
        author_ids: All pseudonyms of the author.
        approvals: From how many on they matter; 0 if they never do.
    """

    author_ids: tuple[str, ...]
    approvals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """A new comment and what goes with it.

    Attributes:
        site_version: The site as the caller knows it, or None if that does not matter.
        presumed: What the verdict presumes, or None if it rests on what the store knows.
    """

    comment: Comment
    idempotency: Idempotency | None = None
    rate: RateLimit | None = None
    copy_key: str | None = None
    trace: str | None = None
    audit: dict[str, object]
    event: dict[str, object] | None = None
    site_version: int | None = None
    presumed: Presumption | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A comment that takes the place of an earlier version of itself.

    Attributes:
        before: As the caller read it; the change is refused if the store has moved on.
        after: As it shall be; its version is one more.
        operation_id: Makes a repetition harmless.
        event: For the site's webhook.
        told: For another program that knows the comment.
        fence: The caller's claim on the queue item, if there is one.
        counters: Names in the day's statistics to add one to; with ``:-1`` to take one from.
        counted_at: The day whose statistics they are.
    """

    before: Comment
    after: Comment
    operation_id: str
    audit: dict[str, object]
    event: dict[str, object] | None = None
    told: dict[str, object] | None = None
    label: Label | None = None
    fence: str | None = None
    counters: tuple[str, ...] = ()
    counted_at: datetime
    idempotency: Idempotency | None = None
    rate: RateLimit | None = None
    waited_ms: int | None = None


def _idempotency_value(idempotency: Idempotency | None, comment_id: str) -> str:
    return dump([idempotency.fingerprint, comment_id]) if idempotency else ""


def highest_score(comment: Comment) -> float:
    """Return what the queue sorts by; an unscored comment counts as certain, so that it is seen early."""
    return max(comment.verdict.scores.values(), default=1.0)


def _codes(comment: Comment) -> str:
    return ",".join(reason.code for reason in comment.verdict.reasons)


def _day(at: datetime) -> str:
    return at.strftime("%Y%m%d")


def submit_keys(addition: Addition) -> list[str]:
    comment = addition.comment
    keys = SiteKeys(comment.site)
    status = comment.status.value
    return [
        keys.comment(comment.id),
        keys.by_status(status),
        keys.thread(comment.permalink, status),
        keys.risk,
        keys.rejected_at,
        keys.author(comment.author_id or NOTHING),
        keys.author_comments(comment.author_id or NOTHING),
        keys.idempotency(addition.idempotency.digest if addition.idempotency else NOTHING),
        keys.rate,
        keys.copies(addition.copy_key or NOTHING),
        keys.audit,
        keys.outbox,
        keys.day(_day(comment.created_at)),
        keys.record,
        keys.trace(addition.trace or NOTHING),
        *(keys.author(author_id) for author_id in (addition.presumed.author_ids if addition.presumed else ())),
    ]


def submit_arguments(addition: Addition) -> list[str | int | float]:
    comment = addition.comment
    return [
        comment.id,
        to_milliseconds(comment.created_at),
        comment.status.value,
        document(comment),
        verdict_json(comment.verdict),
        comment.author_id,
        highest_score(comment),
        _idempotency_value(addition.idempotency, comment.id),
        IDEMPOTENCY_MS,
        addition.rate.quota if addition.rate else 0,
        addition.rate.window_seconds * 1000 if addition.rate else 0,
        COPIES_MS if addition.copy_key else 0,
        dump(addition.audit),
        dump(addition.event) if addition.event else "",
        comment.verdict.action.value,
        _codes(comment),
        TRACE_MS if addition.trace else 0,
        "" if addition.site_version is None else addition.site_version,
        "" if addition.presumed is None else addition.presumed.approvals,
    ]


def _move_keys(change: Change) -> list[str]:
    before, after = change.before, change.after
    keys = SiteKeys(before.site)
    return [
        keys.comment(before.id),
        keys.by_status(before.status),
        keys.by_status(after.status),
        keys.thread(before.permalink, before.status),
        keys.thread(before.permalink, after.status),
        keys.risk,
        keys.lease,
        keys.fence,
        keys.holder,
        keys.rejected_at,
    ]


def decide_keys(change: Change) -> list[str]:
    before = change.before
    keys = SiteKeys(before.site)
    return [
        *_move_keys(change),
        keys.decided_at,
        keys.author(before.author_id or NOTHING),
        keys.label(before.id),
        keys.labels,
        keys.audit,
        keys.outbox,
        keys.day(_day(change.counted_at)),
        keys.idempotency(change.idempotency.digest if change.idempotency else NOTHING),
    ]


def decide_arguments(change: Change) -> list[str | int | float]:
    before, after = change.before, change.after
    return [
        before.id,
        change.operation_id,
        before.version,
        change.fence or "",
        before.status.value,
        after.status.value,
        to_milliseconds(after.updated_at),
        decision_json(after.decision),
        history_json(after.history),
        dump(change.label.row) if change.label else "",
        change.label.days * DAY_MS if change.label else 0,
        highest_score(after),
        dump(change.audit),
        "\n".join(dump(event) for event in (change.event, change.told) if event),  # JSON holds no line breaks.
        ",".join(change.counters),
        _idempotency_value(change.idempotency, before.id),
        IDEMPOTENCY_MS,
        "" if change.waited_ms is None else change.waited_ms,
    ]


def edit_keys(change: Change) -> list[str]:
    before = change.before
    keys = SiteKeys(before.site)
    return [
        *_move_keys(change),
        keys.author(before.author_id or NOTHING),
        keys.label(before.id),
        keys.labels,
        keys.audit,
        keys.outbox,
        keys.day(_day(change.counted_at)),
        keys.decided_at,
        keys.rate,
    ]


def edit_arguments(change: Change) -> list[str | int | float]:
    before, after = change.before, change.after
    return [
        before.id,
        change.operation_id,
        before.version,
        before.status.value,
        after.status.value,
        to_milliseconds(after.updated_at),
        document(after),
        verdict_json(after.verdict),
        highest_score(after),
        dump(change.audit),
        dump(change.event) if change.event else "",
        after.verdict.action.value,
        decision_json(after.decision),
        history_json(after.history),
        change.rate.quota if change.rate else 0,
        change.rate.window_seconds * 1000 if change.rate else 0,
    ]
