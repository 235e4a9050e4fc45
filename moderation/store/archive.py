"""What is kept about comments besides themselves: labels, audit trail, counters, erasures, retention.

Reads are cheap pages; writes that belong to a submission or a decision happen in their scripts, not here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import redis

from moderation.core.comment import Comment, Status, to_milliseconds
from moderation.store.connection import Connection
from moderation.store.keys import SiteKeys
from moderation.store.records import document, dump, verdict_json
from moderation.store.topology import servers
from moderation.store.writes import DAY_MS

LABEL_PAGE = 500
TRIM_LABELS = 10_000  # In one round; the worker comes again.
ERASED_DAYS = 3650  # So long an import cannot bring an erased person back.
AUDIT_ENTRIES = 1_000_000  # Per site; the oldest go first.


class Archive:
    """Labels, audit entries, daily counters and retention of all sites."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def labels(self, site: str) -> Iterator[dict[str, Any]]:
        """Yield every training label of a site, oldest first; one round trip for each 500."""
        keys = SiteKeys(site)
        start = 0
        while ids := self._label_ids(keys, start):
            rows = self._fetch_labels(keys, ids)
            yield from ({"id": one, **json.loads(row)} for one, row in zip(ids, rows, strict=True) if row)
            start += LABEL_PAGE

    def _label_ids(self, keys: SiteKeys, start: int) -> list[str]:
        ids: list[str] = self._connection.call(lambda client: client.zrange(keys.labels, start, start + LABEL_PAGE - 1))
        return ids

    def _fetch_labels(self, keys: SiteKeys, ids: list[str]) -> list[str | None]:
        rows: list[str | None] = self._connection.call(lambda client: client.mget([keys.label(one) for one in ids]))
        return rows

    def put_label(self, site: str, label_id: str, row: dict[str, Any], *, days: int, now: datetime) -> None:
        """Keep a training label under an id of the caller's; the same id again replaces it."""
        keys = SiteKeys(site)

        def write(client: redis.Redis) -> None:
            pipeline = client.pipeline(transaction=True)
            pipeline.set(keys.label(label_id), dump(row), px=days * DAY_MS)
            pipeline.zadd(keys.labels, {label_id: to_milliseconds(now)})
            pipeline.execute()

        self._connection.call(write)

    def has_label(self, site: str, comment_id: str) -> bool:
        """Return whether a comment has a training label."""
        return bool(self._connection.call(lambda client: client.exists(SiteKeys(site).label(comment_id))))

    def audit(self, site: str, *, limit: int = 100) -> list[dict[str, Any]]:
        """Return the latest audit entries, newest first."""
        rows = self._connection.call(lambda client: client.xrevrange(SiteKeys(site).audit, count=limit))
        return [json.loads(fields["entry"]) for _, fields in rows]

    def days(self, site: str, *, until: datetime, days: int) -> list[tuple[str, dict[str, int]]]:
        """Return the counters of the last ``days`` days, oldest first, as (YYYY-MM-DD, counters)."""
        dates = [until - timedelta(days=back) for back in range(days - 1, -1, -1)]
        keys = SiteKeys(site)

        def read(client: redis.Redis) -> list[dict[str, str]]:
            pipeline = client.pipeline(transaction=False)
            for date in dates:
                pipeline.hgetall(keys.day(date.strftime("%Y%m%d")))
            rows: list[dict[str, str]] = pipeline.execute()
            return rows

        rows = self._connection.call(read)
        counted = [{name: int(value) for name, value in row.items()} for row in rows]
        return list(zip((date.strftime("%Y-%m-%d") for date in dates), counted, strict=True))

    def author_comment_ids(self, site: str, author_id: str) -> list[str]:
        """Return the ids of all comments of one author id, oldest first; O(n)."""
        key = SiteKeys(site).author_comments(author_id)
        found: list[str] = self._connection.call(lambda client: client.zrange(key, 0, -1))
        return found

    def forget_author(self, site: str, author_id: str, *, now: datetime) -> bool:
        """Remove an author's counters and remember that the id was erased; True if it was known.

        The index of their comments empties as these are removed; what came meanwhile stays in it, for the next time.
        """
        keys = SiteKeys(site)

        def write(client: redis.Redis) -> list[Any]:
            pipeline = client.pipeline(transaction=True)
            pipeline.delete(keys.author(author_id))
            pipeline.zadd(keys.erased, {author_id: to_milliseconds(now)})
            rows: list[Any] = pipeline.execute()
            return rows

        return bool(self._connection.call(write)[0])

    def erased_among(self, site: str, author_ids: Sequence[str]) -> set[str]:
        """Return those of the author ids that were erased."""
        if not author_ids:
            return set()
        times = self._connection.call(lambda client: client.zmscore(SiteKeys(site).erased, list(author_ids)))
        return {one for one, at in zip(author_ids, times, strict=True) if at is not None}

    def set_standing(self, site: str, author_id: str, standing: str | None) -> None:
        """Ban (``banned``) or trust (``trusted``) an author, or take either back (None)."""
        key = SiteKeys(site).author(author_id)
        if standing is None:
            self._connection.call(lambda client: client.hdel(key, "standing"))
            return
        self._connection.call(lambda client: client.hset(key, "standing", standing))

    def rewrite_log(self) -> None:
        """Ask every server to rewrite its append-only file, so that what was erased leaves the disks too."""

        def rewrite_all(client: redis.Redis) -> None:
            for server in servers(client):
                rewrite(server)

        def rewrite(server: redis.Redis) -> None:
            try:
                server.bgrewriteaof()
            except redis.exceptions.ResponseError as error:
                # A rewrite that is running or planned already does the same; a managed server may forbid the command.
                if (
                    "progress" not in str(error)
                    and "scheduled" not in str(error)
                    and "unknown command" not in str(error)
                ):
                    raise

        self._connection.call(rewrite_all)

    def rejected_before(self, site: str, before: datetime, *, limit: int) -> list[str]:
        """Return ids of comments rejected before a time that still have their text."""
        key = SiteKeys(site).rejected_at
        found: list[str] = self._connection.call(
            lambda client: client.zrangebyscore(key, "-inf", to_milliseconds(before), start=0, num=limit)
        )
        return found

    def blank(self, site: str, comment: Comment) -> bool:
        """Take the text of a rejected comment away; ``comment`` comes without it. False if it changed meanwhile."""
        keys = SiteKeys(site)
        reply = self._connection.run(
            "blank",
            [keys.comment(comment.id), keys.rejected_at],
            [comment.id, document(comment), comment.version, verdict_json(comment.verdict)],
        )
        return bool(reply)

    def trim(self, site: str, *, now: datetime, labels_days: int) -> None:
        """Drop what has outlived its time: labels, their index entries, old erasures, the oldest audit entries."""
        keys = SiteKeys(site)
        gone = to_milliseconds(now - timedelta(days=labels_days))
        erased = to_milliseconds(now - timedelta(days=ERASED_DAYS))

        ids: list[str] = self._connection.call(
            lambda client: client.zrangebyscore(keys.labels, "-inf", gone, start=0, num=TRIM_LABELS)
        )

        def write(client: redis.Redis) -> None:
            pipeline = client.pipeline(transaction=True)
            if ids:  # A site that shortened the time has labels whose own time would let them stay.
                pipeline.delete(*(keys.label(one) for one in ids))
                pipeline.zrem(keys.labels, *ids)
            pipeline.zremrangebyscore(keys.erased, "-inf", erased)
            pipeline.xtrim(keys.audit, maxlen=AUDIT_ENTRIES, approximate=True)
            pipeline.execute()

        self._connection.call(write)

    def statuses(self, site: str) -> dict[Status, int]:
        """Return how many comments have each status; O(1)."""
        keys = SiteKeys(site)

        def read(client: redis.Redis) -> list[int]:
            pipeline = client.pipeline(transaction=False)
            for status in Status:
                pipeline.zcard(keys.by_status(status))
            rows: list[int] = pipeline.execute()
            return rows

        return dict(zip(Status, self._connection.call(read), strict=True))
