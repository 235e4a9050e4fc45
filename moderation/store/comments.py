"""Comments in the store: reading them, and running the atomic scripts that write them (``writes``)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import redis

from moderation.core.comment import (
    AuthorRecord,
    Comment,
    Context,
    Idempotency,
    Replay,
    Status,
    from_milliseconds,
)
from moderation.core.errors import AlreadyDecided, LeaseLost, NotFound, SiteChanged, StaleVersion
from moderation.store.connection import Connection
from moderation.store.keys import SiteKeys
from moderation.store.records import comment_of, dump
from moderation.store.writes import (
    NOTHING,
    TRACE_MS,
    Addition,
    Change,
    decide_arguments,
    decide_keys,
    edit_arguments,
    edit_keys,
    submit_arguments,
    submit_keys,
)

AUTHOR_FIELDS = 5  # How many fields context.lua returns for each author hash.
BATCH = 500  # Comments fetched in one round trip.


@dataclass(frozen=True, slots=True)
class Added:
    """What became of an addition.

    Attributes:
        replay: What its Idempotency-Key had done before, or None.
        context: What is known where the verdict presumed that nothing is; then nothing was stored.
    """

    rate_used: int = 0
    rate_reset_seconds: int = 0
    replay: Replay | None = None
    context: Context | None = None


class Comments:
    """The comments of all sites."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def context(
        self, site: str, *, author_ids: Sequence[str], idempotency: Idempotency | None, copy_key: str | None
    ) -> Context:
        """Read what bears on a submission, in one round trip.

        Raises:
            NotFound: If the site is gone.
            StoreUnavailable: If the store does not answer.
        """
        return self.context_ahead(site, author_ids=author_ids, idempotency=idempotency, copy_key=copy_key)()

    def context_ahead(
        self, site: str, *, author_ids: Sequence[str], idempotency: Idempotency | None, copy_key: str | None
    ) -> Callable[[], Context]:
        """Ask for what ``context`` returns, and return what gives it, once: so that the classifier need not wait."""
        keys = SiteKeys(site)
        reply = self._connection.ahead(
            "context",
            [
                keys.record,
                keys.idempotency(idempotency.digest if idempotency else NOTHING),
                keys.rate,
                keys.copies(copy_key or NOTHING),
                *(keys.author(author_id) for author_id in author_ids),
            ],
        )
        return lambda: _context_of(reply())

    def author(self, site: str, author_ids: Sequence[str]) -> AuthorRecord:
        """Return what is known of an author; O(number of active keys)."""
        return self.context(site, author_ids=author_ids, idempotency=None, copy_key=None).author

    def add(self, addition: Addition) -> Added:
        """Store a new comment; durable on return.

        Raises:
            RateLimited: If the site's limit is reached; nothing is stored.
            NotFound: If the site is gone.
            SiteChanged: If it is not as the caller knows it; nothing is stored.
            StoreUnavailable: If the store does not answer; the comment may or may not be there, and adding the same
                comment again is safe.
        """
        return self.add_ahead(addition)()

    def add_ahead(self, addition: Addition) -> Callable[[], Added]:
        """Send a new comment and return what waits for it as ``add`` does, once; before that nothing is durable."""
        reply = self._connection.ahead("submit", submit_keys(addition), submit_arguments(addition))
        return lambda: _added(reply(), addition)

    def get(self, site: str, comment_id: str) -> Comment:
        """Return one comment.

        Raises:
            NotFound: If the site has no such comment.
        """
        reply = self._connection.run("comment", [SiteKeys(site).comment(comment_id)])
        if not reply:
            raise NotFound("There is no such comment.")
        return comment_of(site, comment_id, dict(zip(reply[::2], reply[1::2], strict=True)))

    def find_by_trace(self, site: str, trace: str) -> Comment | None:
        """Return the latest comment with a trace, or None."""
        found = self._connection.call(lambda client: client.get(SiteKeys(site).trace(trace)))
        return next(iter(self.get_many(site, [found])), None) if found else None

    def remember(self, site: str, traces: Mapping[str, str]) -> None:
        """Let traces lead to comments (digest -> comment id), beside the one that came with the submission."""
        keys = SiteKeys(site)

        def write(client: redis.Redis) -> None:
            pipeline = client.pipeline(transaction=True)
            for digest, comment_id in traces.items():
                pipeline.set(keys.trace(digest), comment_id, px=TRACE_MS)
            pipeline.execute()

        self._connection.call(write)

    def recall(self, site: str, trace: str) -> str | None:
        """Return what a trace leads to, or None."""
        found: str | None = self._connection.call(lambda client: client.get(SiteKeys(site).trace(trace)))
        return found

    def remember_once(self, site: str, trace: str, value: str, *, seconds: int = TRACE_MS // 1000) -> bool:
        """Let a trace lead to a value; False if it leads to another already, of which nothing is changed."""
        name = SiteKeys(site).trace(trace)
        is_new = self._connection.call(lambda client: client.set(name, value, nx=True, ex=seconds))
        return bool(is_new) or self.recall(site, trace) == value  # The answer to a first attempt may have been lost.

    def get_many(self, site: str, comment_ids: Iterable[str]) -> list[Comment]:
        """Return those of the comments that exist, in the order asked for; one round trip for each 500."""
        keys = SiteKeys(site)
        ids = list(comment_ids)
        found: list[Comment] = []
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            rows = self._connection.call(partial(_fetch, keys=keys, ids=batch))
            found += [comment_of(site, one, row) for one, row in zip(batch, rows, strict=True) if row]
        return found

    def decide(self, change: Change) -> Replay | None:
        """Apply a decision, or take one back.

        Returns:
            What the Idempotency-Key was used for before, or None if the change was made now.

        Raises:
            NotFound, StaleVersion, AlreadyDecided, LeaseLost: If the comment is not as the caller saw it.
        """
        reply = self._connection.run("decide", decide_keys(change), decide_arguments(change))
        if reply[0] == "replay":
            return _replay_of(reply[1])
        self._check(reply, change)
        return None

    def edit(self, change: Change) -> None:
        """Replace text and verdict.

        Raises:
            NotFound, StaleVersion, AlreadyDecided: If the comment is not as the caller saw it.
            RateLimited: If the site's limit is reached.
        """
        reply = self._connection.run("edit", edit_keys(change), edit_arguments(change))
        if reply[0] == "limited" and change.rate:
            raise change.rate.reached(_seconds(reply[1]))
        self._check(reply, change)

    def _check(self, reply: list[str], change: Change) -> None:
        if reply[0] == "missing":
            raise NotFound("There is no such comment.")
        if reply[0] == "lease":
            raise LeaseLost("Your claim on this comment ran out, and a colleague has it now.")
        if reply[0] == "moved":
            now = self.get(change.before.site, change.before.id)
            if change.before.status is Status.PENDING and now.status is not Status.PENDING:
                raise already_decided(now)
            raise StaleVersion(now.version)

    def remove(self, comment: Comment, *, audit: dict[str, object]) -> int | None:
        """Forget a comment and its label.

        Returns:
            How many labels went with it, or None if it changed meanwhile and was left alone.
        """
        keys = SiteKeys(comment.site)
        status = comment.status.value
        reply = self._connection.run(
            "remove",
            [
                keys.comment(comment.id),
                keys.by_status(status),
                keys.thread(comment.permalink, status),
                keys.risk,
                keys.lease,
                keys.fence,
                keys.holder,
                keys.rejected_at,
                keys.decided_at,
                keys.author(comment.author_id or NOTHING),
                keys.author_comments(comment.author_id or NOTHING),
                keys.label(comment.id),
                keys.labels,
                keys.audit,
            ],
            [comment.id, status, dump(audit)],
        )
        if reply[0] == "moved":
            return None
        return int(reply[1]) if reply[0] == "ok" else 0


def already_decided(comment: Comment) -> AlreadyDecided:
    """Return the error that says who decided what, and when."""
    decision = comment.decision
    if decision is None:
        return AlreadyDecided(f"The comment is {comment.status} already; pass override to decide all the same.", None)
    at = decision.at.isoformat(timespec="seconds")
    detail = f"{decision.moderator} decided {decision.ruling} at {at}; pass override to decide all the same."
    return AlreadyDecided(
        detail,
        {
            "decision": decision.ruling.value,
            "reason": decision.reason,
            "moderator": decision.moderator,
            "at": decision.at,
        },
    )


def _fetch(client: redis.Redis, keys: SiteKeys, ids: Sequence[str]) -> list[dict[str, str]]:
    pipeline = client.pipeline(transaction=False)
    for comment_id in ids:
        pipeline.hgetall(keys.comment(comment_id))
    rows: list[dict[str, str]] = pipeline.execute()
    return rows


def _seconds(milliseconds: object) -> int:
    return max(0, -(-int(str(milliseconds)) // 1000))


def _replay_of(value: str | None) -> Replay | None:
    return Replay(*json.loads(value)) if value else None


def _added(reply: Sequence[str], addition: Addition) -> Added:
    if reply[0] == "limited" and addition.rate:
        raise addition.rate.reached(_seconds(reply[1]))
    if reply[0] == "no-site":
        raise NotFound("The site is gone.")
    if reply[0] == "changed":
        raise SiteChanged("The site's settings have changed.")
    if reply[0] == "replay":
        return Added(replay=_replay_of(reply[1]))
    if reply[0] == "known":
        return Added(context=_context_of(reply[1:]))
    return Added(int(reply[1]), _seconds(reply[2]))


def _context_of(reply: Sequence[str | None]) -> Context:
    version, replay, used, reset_ms, copies = reply[:5]
    if version is None:
        raise NotFound("The site is gone.")
    return Context(
        author=_author_of(reply[5:]),
        recent_copies=int(copies or 0),
        policy_version=int(version),
        rate_used=int(used or 0),
        rate_reset_seconds=_seconds(reset_ms),
        replay=_replay_of(replay),
    )


def _author_of(fields: Sequence[str | None]) -> AuthorRecord:
    rows = [fields[start : start + AUTHOR_FIELDS] for start in range(0, len(fields), AUTHOR_FIELDS)]
    seen = [int(row[3]) for row in rows if row[3]]
    standings = {row[4] for row in rows}
    return AuthorRecord(
        approved=sum(int(row[0] or 0) for row in rows),
        rejected=sum(int(row[1] or 0) for row in rows),
        pending=sum(int(row[2] or 0) for row in rows),
        first_seen=from_milliseconds(min(seen)) if seen else None,
        is_banned="banned" in standings,
        is_trusted="trusted" in standings,
    )
