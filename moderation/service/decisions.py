"""Decisions by people: deciding, undoing, and claiming what to decide next."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from moderation.core.comment import (
    Comment,
    Decision,
    Earlier,
    Idempotency,
    RejectReason,
    Ruling,
    Status,
    label_of,
)
from moderation.core.errors import NothingToUndo
from moderation.core.identity import public_name
from moderation.core.reasons import KINDS, Action
from moderation.core.site import Site
from moderation.core.text import plain_text
from moderation.service.events import EVENT_OF_STATUS, RESTORED, audit_entry, coral_event, event_for
from moderation.service.submissions import Clock, check_fingerprint, check_version
from moderation.store.comments import Comments, already_decided
from moderation.store.queue import Claim, Queue
from moderation.store.writes import Change, Label

HISTORY_LENGTH = 20  # Decisions on one comment that can be taken back, one after the other.
_COUNTER_UNSAFE = re.compile(r"[^\w .-]")
LEASE_SECONDS = 120  # A claim that is not renewed goes back to the queue after this.


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgment:
    """What a person wants done with a comment.

    Attributes:
        version: The version they saw, or None to decide on whatever it is now.
        fence: Their claim's fencing number, or None.
        override: Decide although the comment is not pending.
        is_from_coral: Decided there, so that Coral need not be told.
    """

    ruling: Ruling
    reason: RejectReason | None = None
    moderator: str = "api"
    note: str | None = None
    version: int | None = None
    fence: str | None = None
    override: bool = False
    is_from_coral: bool = False


@dataclass(frozen=True, slots=True)
class Decided:
    """The comment after a decision; ``is_replay`` if the Idempotency-Key had done it before."""

    comment: Comment
    is_replay: bool = False


class Decisions:
    """Records what people decide."""

    def __init__(self, comments: Comments, queue: Queue, *, now: Clock, new_id: Callable[[], str]) -> None:
        self._comments = comments
        self._queue = queue
        self._now = now
        self._new_id = new_id

    def decide(
        self, site: Site, comment_id: str, judgment: Judgment, *, idempotency: Idempotency | None = None
    ) -> Decided:
        """Approve or reject a comment, keep the training label, and tell the website; durable on return.

        Raises:
            NotFound: If the site has no such comment.
            AlreadyDecided: If it is no longer pending and ``override`` is not set; says who decided what, and when.
            StaleVersion: If it was changed since the moderator read it.
            LeaseLost: If the moderator's claim ran out and a colleague has the item.
        """
        before = self._comments.get(site.name, comment_id)
        if idempotency is not None:
            replayed = self._replay(site, comment_id, idempotency)
            if replayed is not None:
                return replayed
        if before.status is not Status.PENDING and not judgment.override:
            raise already_decided(before)
        check_version(before, judgment.version)
        after = self._decided(before, judgment)
        change = Change(
            before=before,
            after=after,
            operation_id=self._new_id(),
            audit=audit_entry(
                "decide", after, who=public_name(judgment.moderator), at=after.updated_at, **_ruling(judgment)
            ),
            event=self._event(site, EVENT_OF_STATUS[after.status], after),
            told=None if judgment.is_from_coral else self._told(site, after),
            label=training_label(site, after),
            fence=judgment.fence,
            counters=_counters(after),
            counted_at=after.updated_at,
            idempotency=idempotency,
            waited_ms=_waited_ms(before, after),
        )
        return self._applied(change)

    def _applied(self, change: Change) -> Decided:
        """Store a change, unless its Idempotency-Key was used between our look and now."""
        replay = self._comments.decide(change)
        if replay is None:
            return Decided(change.after)
        check_fingerprint(replay, change.idempotency)
        return Decided(self._comments.get(change.before.site, replay.comment_id), is_replay=True)

    def _replay(self, site: Site, comment_id: str, idempotency: Idempotency) -> Decided | None:
        context = self._comments.context(site.name, author_ids=(), idempotency=idempotency, copy_key=None)
        if context.replay is None:
            return None
        check_fingerprint(context.replay, idempotency)
        return Decided(self._comments.get(site.name, comment_id), is_replay=True)

    def _decided(self, before: Comment, judgment: Judgment) -> Comment:
        now = self._now()
        approves = judgment.ruling is Ruling.APPROVE
        decision = Decision(
            ruling=judgment.ruling,
            reason=None if approves else judgment.reason or RejectReason.OTHER,
            moderator=public_name(judgment.moderator),
            note=public_name(judgment.note) if judgment.note else judgment.note,
            at=now,
        )
        return replace(
            before,
            status=Status.APPROVED if approves else Status.REJECTED,
            decision=decision,
            history=(*before.history, Earlier(before.status, before.decision))[-HISTORY_LENGTH:],
            version=before.version + 1,
            updated_at=now,
        )

    def undo(
        self,
        site: Site,
        comment_id: str,
        *,
        who: str = "api",
        version: int | None = None,
        idempotency: Idempotency | None = None,
    ) -> Decided:
        """Take the last decision back: the earlier status, no label, and the website is told.

        Raises:
            NotFound: If the site has no such comment.
            NothingToUndo: If no decision is left.
            StaleVersion: If it was changed meanwhile.
        """
        before = self._comments.get(site.name, comment_id)
        if idempotency is not None:
            replayed = self._replay(site, comment_id, idempotency)
            if replayed is not None:
                return replayed
        check_version(before, version)
        if not before.history or before.decision is None:
            raise NothingToUndo("There is no decision to take back.")
        after = self._undone(before)
        change = Change(
            before=before,
            after=after,
            operation_id=self._new_id(),
            audit=audit_entry("undo", after, who=public_name(who), at=after.updated_at),
            event=self._event(site, RESTORED, after),
            told=self._told(site, after),
            label=training_label(site, after),
            counters=tuple(f"{name}:-1" for name in _counters(before)),
            counted_at=before.decision.at,
            idempotency=idempotency,
        )
        return self._applied(change)

    def _undone(self, before: Comment) -> Comment:
        earlier = before.history[-1]
        return replace(
            before,
            status=earlier.status,
            decision=earlier.decision,
            history=before.history[:-1],
            version=before.version + 1,
            updated_at=self._now(),
        )

    def claim(self, site: Site, who: str, *, count: int = 1, ids: Sequence[str] = ()) -> list[Claim]:
        """Claim the next items, or exactly ``ids``, so that colleagues skip them; see ``Queue.claim``."""
        return self._queue.claim(site.name, who, seconds=LEASE_SECONDS, count=count, ids=ids)

    def renew(self, site: Site, claims: Sequence[Claim]) -> list[str]:
        """Prolong claims and return the ids that were still held."""
        return self._queue.renew(site.name, claims, seconds=LEASE_SECONDS)

    def release(self, site: Site, claims: Sequence[Claim]) -> list[str]:
        """Give claims up."""
        return self._queue.renew(site.name, claims, seconds=0)

    def _told(self, site: Site, comment: Comment) -> dict[str, object] | None:
        return coral_event(site, comment, new_id=self._new_id, at=comment.updated_at)

    def _event(self, site: Site, kind: str, comment: Comment) -> dict[str, object] | None:
        return event_for(site, kind, comment, new_id=self._new_id, at=comment.updated_at)


def _ruling(judgment: Judgment) -> dict[str, object]:
    return {"decision": judgment.ruling.value, "reason": judgment.reason.value if judgment.reason else None}


def _waited_ms(before: Comment, after: Comment) -> int | None:
    if before.status is not Status.PENDING:
        return None
    return max(0, round((after.updated_at - before.created_at).total_seconds() * 1000))


def training_label(site: Site, comment: Comment) -> Label | None:
    """Return the training label that the comment's decision gives, with all that training needs."""
    if comment.decision is None or comment.content is None:
        return None
    label = label_of(comment.decision.ruling, comment.decision.reason)
    if label is None:
        return None
    row: dict[str, object] = {
        "text": plain_text(comment.content, comment.content_type),
        "author": comment.author_name,
        "url": comment.author_url,
        "language": comment.language,
        "labels": {"spam": label.spam, "toxic": label.toxic},
        "source": f"site:{site.name}",
        "created": comment.created_at.isoformat(timespec="seconds"),
        "at": comment.decision.at.isoformat(timespec="seconds"),
    }
    return Label(row=row, days=site.policy.labels_days)


def _counters(comment: Comment) -> tuple[str, ...]:
    """Return the day's counters that the comment's decision adds to."""
    decision = comment.decision
    if decision is None:
        return ()
    kind = f"decision:{decision.ruling}" + (f":{decision.reason}" if decision.reason else "")
    approves = decision.ruling is Ruling.APPROVE
    counters = [kind, f"by:{_COUNTER_UNSAFE.sub(' ', decision.moderator)}", *_mistakes(comment, approves)]
    for one in comment.verdict.reasons:
        counters.append(f"judged:{one.code}")
        if approves == _speaks_against(one.code, one.weight):
            counters.append(f"overruled:{one.code}")
    return tuple(counters)


def _mistakes(comment: Comment, approves: bool) -> list[str]:
    """Return what Akismet calls the verdict if the decision is right: missed spam, a false positive, or neither."""
    said_ham = comment.verdict.action is Action.APPROVE
    if approves:
        return [] if said_ham else ["mistake:false-positive"]
    is_spam = comment.decision is not None and comment.decision.reason is RejectReason.SPAM
    return ["mistake:missed-spam"] if said_ham and is_spam else []


def _speaks_against(code: str, weight: float) -> bool:
    """Return whether a reason asked for something other than approval."""
    return KINDS[code].action is not None or weight > 0
