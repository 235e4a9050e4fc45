"""Submitting, editing and checking comments.

Owns the steps of DESIGN's life of a submission after parsing: context, verdict, one atomic write, answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from moderation.core.comment import (
    STATUS_OF_ACTION,
    Comment,
    Context,
    Earlier,
    Idempotency,
    Replay,
    Status,
    Submission,
    Verdict,
    status_after_edit,
)
from moderation.core.errors import KeyReuse, StaleVersion
from moderation.core.identity import Keyring, forget_author
from moderation.core.policy import Policy
from moderation.core.rules import approvals_that_matter
from moderation.core.site import Site
from moderation.core.text import copy_key, plain_text
from moderation.scoring import Scored
from moderation.service.events import EVENT_OF_STATUS, audit_entry, event_for
from moderation.service.judging import Judge
from moderation.store.comments import Added, Comments
from moderation.store.writes import Addition, Change, Presumption

NOTHING_KNOWN = Context()
Clock = Callable[[], datetime]
Show = Callable[[Comment], bytes]


def _not_shown(_: Comment) -> bytes:
    return b""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A stored comment, and how much of the site's limit is used.

    Attributes:
        is_replay: The Idempotency-Key was seen before, and this is the comment it made.
        shown: The comment as the caller wanted it shown, made while the store was writing.
    """

    comment: Comment
    is_replay: bool
    rate_used: int = 0
    rate_reset_seconds: int = 0
    shown: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """New content for a comment; None leaves a field as it is."""

    content: str
    content_type: str | None = None
    author_name: str | None = None
    author_url: str | None = None
    language: str | None = None
    version: int | None = None


class Submissions:
    """Accepts comments from websites."""

    def __init__(
        self, comments: Comments, judge: Judge, keyring: Keyring, *, now: Clock, new_id: Callable[[], str]
    ) -> None:
        self._comments = comments
        self._judge = judge
        self._keyring = keyring
        self._now = now
        self._new_id = new_id

    def submit(
        self, site: Site, submission: Submission, *, idempotency: Idempotency | None = None, show: Show = _not_shown
    ) -> Submitted:
        """Score a submission, decide what happens to it, and store it; durable on return.

        A comment that cannot be scored is queued: a person decides, not an error. Of most authors and texts nothing is
        known that matters, so the verdict presumes that first; where it is wrong the store writes nothing and says what
        is known, for a second try. ``show`` is called while the store writes; what it returns must not be sent before
        that.

        Raises:
            SiteChanged: If the site is not as the caller knows it; read it again and come back.
            RateLimited: If the site's limit is reached.
            KeyReuse: If the Idempotency-Key came with another payload before.
            StoreUnavailable: If the store does not answer.
        """
        scored = self._judge.scored(submission)
        addition = self._addition(site, submission, scored, NOTHING_KNOWN, idempotency)
        added, shown = self._added(addition, show)
        if added.context is not None:
            addition = self._addition(site, submission, scored, added.context, idempotency)
            added, shown = self._added(addition, show)
        if added.replay is not None:
            return self._replayed(site, added.replay, idempotency, show)
        return Submitted(addition.comment, False, added.rate_used, added.rate_reset_seconds, shown)

    def _added(self, addition: Addition, show: Show) -> tuple[Added, bytes]:
        """Return what became of a new comment, and how it is shown, which is made while the store writes."""
        written = self._comments.add_ahead(addition)
        shown = show(addition.comment)
        return written(), shown

    def _addition(
        self,
        site: Site,
        submission: Submission,
        scored: Scored | None,
        context: Context,
        idempotency: Idempotency | None,
    ) -> Addition:
        verdict = self._judge.weighed(submission, scored, context, site.policy)
        comment = self._new_comment(site, submission, verdict)
        return Addition(
            comment=comment,
            idempotency=idempotency,
            rate=site.policy.rate_limit,
            copy_key=copy_key(plain_text(submission.content, submission.content_type)),
            trace=submission.trace,
            audit=audit_entry("submit", comment, who="api", at=comment.created_at, model=verdict.model),
            event=self._event(site, comment) if comment.status is Status.PENDING else None,
            site_version=site.version,
            presumed=_presumption(site, submission) if context is NOTHING_KNOWN else None,
        )

    def _replayed(self, site: Site, replay: Replay, idempotency: Idempotency | None, show: Show) -> Submitted:
        check_fingerprint(replay, idempotency)
        comment = self._comments.get(site.name, replay.comment_id)
        return Submitted(comment, is_replay=True, shown=show(comment))

    def _new_comment(self, site: Site, submission: Submission, verdict: Verdict) -> Comment:
        now = self._now()
        return Comment(
            id=self._new_id(),
            site=site.name,
            status=STATUS_OF_ACTION[verdict.action],
            permalink=submission.permalink,
            parent_id=submission.parent_id,
            external_id=submission.external_id,
            author_id=submission.author.id,
            author_name=submission.author_name,
            author_url=submission.author_url,
            content=submission.content,
            content_type=submission.content_type,
            language=submission.language,
            type=submission.type,
            created_at=now,
            updated_at=now,
            version=1,
            verdict=verdict,
            ip_id=submission.ip_id,
            callback=submission.callback,
            origin=submission.origin,
        )

    def edit(self, site: Site, comment_id: str, edit: Edit) -> Comment:
        """Score edited content anew; approval lapses only when the verdict does.

        Raises:
            NotFound: If the site has no such comment.
            StaleVersion: If ``edit.version`` is given and not the current one.
            RateLimited: If the site's limit is reached.
        """
        before = self._comments.get(site.name, comment_id)
        check_version(before, edit.version)
        submission = self._edited(before, edit)
        author_ids = [before.author_id] if before.author_id else []
        context = self._comments.context(site.name, author_ids=author_ids, idempotency=None, copy_key=None)
        verdict = self._judge.verdict(submission, context, site.policy)
        after = self._after_edit(before, submission, verdict)
        operation_id = self._new_id()
        self._comments.edit(
            Change(
                before=before,
                after=after,
                operation_id=operation_id,
                audit=audit_entry("edit", after, who="api", at=after.updated_at, model=verdict.model),
                event=self._event(site, after) if after.status is not before.status else None,
                counted_at=after.updated_at,
                rate=site.policy.rate_limit,
            )
        )
        return after

    def _after_edit(self, before: Comment, submission: Submission, verdict: Verdict) -> Comment:
        status = status_after_edit(before, verdict)
        has_lapsed = status is not before.status
        return replace(
            before,
            status=status,
            content=submission.content,
            content_type=submission.content_type,
            author_name=submission.author_name,
            author_url=submission.author_url,
            language=submission.language,
            updated_at=self._now(),
            version=before.version + 1,
            verdict=verdict,
            decision=None if has_lapsed else before.decision,
            history=_history_after_edit(before, verdict) if not has_lapsed else (),
            edited=True,
        )

    def _edited(self, before: Comment, edit: Edit) -> Submission:
        """Return the edit as a submission; the address was forgotten, so it is found by its pseudonym."""
        forget = partial(forget_author, author_id=before.author_id, site=before.site, keyring=self._keyring)
        return Submission(
            content=forget(edit.content),
            permalink=before.permalink,
            author_name=before.author_name if edit.author_name is None else forget(edit.author_name),
            author_url=before.author_url if edit.author_url is None else forget(edit.author_url),
            content_type=edit.content_type or before.content_type,
            language=edit.language or before.language,
            type=before.type,
        )

    def _event(self, site: Site, comment: Comment) -> dict[str, object] | None:
        return event_for(site, EVENT_OF_STATUS[comment.status], comment, new_id=self._new_id, at=comment.updated_at)

    def check(self, site: Site, submissions: Sequence[Submission]) -> list[Verdict]:
        """Return verdicts without storing anything; authors' histories and copies are not looked at."""
        return self._judge.verdicts(submissions, site.policy)

    def check_one(self, submission: Submission, policy: Policy) -> Verdict:
        """Return what would happen to one submission under a policy, and why."""
        return self._judge.verdict(submission, Context(), policy)


def _presumption(site: Site, submission: Submission) -> Presumption:
    return Presumption(submission.author.ids, approvals_that_matter(site.policy))


def check_fingerprint(replay: Replay, idempotency: Idempotency | None) -> None:
    """Raise KeyReuse if an Idempotency-Key came with another payload than before."""
    if idempotency is None or replay.fingerprint != idempotency.fingerprint:
        raise KeyReuse("This Idempotency-Key was used with another payload; use a new key for a new request.")


def check_version(comment: Comment, version: int | None) -> None:
    """Raise StaleVersion if the caller decides on an older version than the current one."""
    if version is not None and version != comment.version:
        raise StaleVersion(comment.version)


def _history_after_edit(before: Comment, verdict: Verdict) -> tuple[Earlier, ...]:
    """Return what is left when the standing decision is taken back: earlier ones spoke about another text."""
    return (Earlier(STATUS_OF_ACTION[verdict.action], None),) if before.decision else ()
