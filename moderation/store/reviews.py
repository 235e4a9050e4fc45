"""What the review UI needs of the store beyond comments and queue: changes, acts, notes, authors of a page.

The audit stream doubles as the feed of changes: every write to a comment leaves an entry there, so a reader that knows
its last id can tell in O(1) whether anything happened. Notes live in the hash of the comment or the author they are
about, so that they go when those are erased.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import redis

from moderation.core.comment import AuthorRecord, Status, from_milliseconds, to_milliseconds
from moderation.store.connection import Connection
from moderation.store.keys import SiteKeys
from moderation.store.records import dump

START = "0-0"
ACT_DAYS = 30
NOTES_KEPT = 50  # For each comment or author; the oldest go first.


@dataclass(frozen=True, slots=True)
class Note:
    """What one moderator told the others."""

    at: datetime
    who: str
    text: str


class Reviews:
    """The review UI's part of the store."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def position(self, site: str) -> str:
        """Return the id of the latest change; equal ids mean that nothing happened in between; O(1)."""
        rows = self._connection.call(lambda client: client.xrevrange(SiteKeys(site).audit, count=1))
        return rows[0][0] if rows else START

    def positions(self, sites: Sequence[str]) -> list[str]:
        """Return the id of the latest change of each site, in one round trip."""

        def read(client: redis.Redis) -> list[list[tuple[str, dict[str, str]]]]:
            pipeline = client.pipeline(transaction=False)
            for site in sites:
                pipeline.xrevrange(SiteKeys(site).audit, count=1)
            rows: list[list[tuple[str, dict[str, str]]]] = pipeline.execute()
            return rows

        rows = self._connection.call(read) if sites else []
        return [found[0][0] if found else START for found in rows]

    def waiting(self, sites: Sequence[str]) -> dict[str, int]:
        """Return how many comments wait at each site, in one round trip."""

        def read(client: redis.Redis) -> list[int]:
            pipeline = client.pipeline(transaction=False)
            for site in sites:
                pipeline.zcard(SiteKeys(site).by_status(Status.PENDING))
            rows: list[int] = pipeline.execute()
            return rows

        return dict(zip(sites, self._connection.call(read), strict=True)) if sites else {}

    def changes(self, site: str, since: str, *, limit: int) -> tuple[list[dict[str, Any]], str]:
        """Return up to ``limit`` audit entries after a position, oldest first, and the position after them."""
        rows = self._connection.call(lambda client: client.xrange(SiteKeys(site).audit, min=f"({since}", count=limit))
        return [json.loads(fields["entry"]) for _, fields in rows], rows[-1][0] if rows else since

    def pending_ids(self, site: str, *, limit: int) -> list[str]:
        """Return the ids of the oldest pending comments; O(limit)."""
        key = SiteKeys(site).by_status(Status.PENDING)
        found: list[str] = self._connection.call(lambda client: client.zrange(key, 0, limit - 1))
        return found

    def recent_ids(self, site: str, status: Status, *, since: datetime, limit: int) -> list[str]:
        """Return the ids of the latest comments of a status since a time, newest first; O(log n + limit)."""
        key = SiteKeys(site).by_status(status)
        least = to_milliseconds(since)
        found: list[str] = self._connection.call(
            lambda client: client.zrevrangebyscore(key, "+inf", least, start=0, num=limit)
        )
        return found

    def authors(self, site: str, author_ids: Sequence[str]) -> dict[str, AuthorRecord]:
        """Return what is known of each author, in one round trip."""
        keys = SiteKeys(site)
        fields = ("approved", "rejected", "pending", "first_seen", "standing")

        def read(client: redis.Redis) -> list[list[str | None]]:
            pipeline = client.pipeline(transaction=False)
            for author_id in author_ids:
                pipeline.hmget(keys.author(author_id), fields)
            rows: list[list[str | None]] = pipeline.execute()
            return rows

        rows = self._connection.call(read) if author_ids else []
        return {one: _author_of(row) for one, row in zip(author_ids, rows, strict=True)}

    def add_note(self, site: str, *, comment_id: str = "", author_id: str = "", note: Note) -> bool:
        """Keep a note on a comment or an author; False if there is none of that id."""
        keys = SiteKeys(site)
        key = keys.comment(comment_id) if comment_id else keys.author(author_id)
        entry = dump([to_milliseconds(note.at), note.who, note.text])
        return bool(self._connection.run("note", [key], [entry, NOTES_KEPT]))

    def notes(
        self, site: str, *, comment_ids: Sequence[str] = (), author_ids: Sequence[str] = ()
    ) -> dict[str, list[Note]]:
        """Return the notes on each of the comments and authors that has some, oldest first."""
        keys = SiteKeys(site)
        named = [(one, keys.comment(one)) for one in comment_ids] + [(one, keys.author(one)) for one in author_ids]

        def read(client: redis.Redis) -> list[str | None]:
            pipeline = client.pipeline(transaction=False)
            for _, key in named:
                pipeline.hget(key, "notes")
            rows: list[str | None] = pipeline.execute()
            return rows

        rows = self._connection.call(read) if named else []
        return {one: _notes_of(row) for (one, _), row in zip(named, rows, strict=True) if row}

    def save_act(self, site: str, act_id: str, document: dict[str, Any], *, at: datetime) -> None:
        """Keep an act for 30 days, in place of what was kept under its id."""
        keys = SiteKeys(site)
        lifetime = timedelta(days=ACT_DAYS)

        def write(client: redis.Redis) -> None:
            pipeline = client.pipeline(transaction=True)
            pipeline.set(keys.act(act_id), dump(document), ex=lifetime)
            pipeline.zadd(keys.acts, {act_id: to_milliseconds(at)})
            pipeline.zremrangebyscore(keys.acts, "-inf", to_milliseconds(at - lifetime))
            pipeline.execute()

        self._connection.call(write)

    def act(self, site: str, act_id: str) -> dict[str, Any] | None:
        """Return an act as it was saved, or None."""
        row = self._connection.call(lambda client: client.get(SiteKeys(site).act(act_id)))
        return json.loads(row) if row else None

    def latest_acts(self, site: str, *, limit: int) -> list[dict[str, Any]]:
        """Return the latest acts, newest first."""
        keys = SiteKeys(site)
        ids = self._connection.call(lambda client: client.zrevrange(keys.acts, 0, limit - 1))
        rows = self._connection.call(lambda client: client.mget([keys.act(one) for one in ids])) if ids else []
        return [json.loads(row) for row in rows if row]

    def record(self, site: str, entry: dict[str, object]) -> None:
        """Add an entry to the audit trail."""
        self._connection.call(lambda client: client.xadd(SiteKeys(site).audit, {"entry": dump(entry)}))


def _author_of(row: Sequence[str | None]) -> AuthorRecord:
    approved, rejected, pending, first_seen, standing = row
    return AuthorRecord(
        approved=int(approved or 0),
        rejected=int(rejected or 0),
        pending=int(pending or 0),
        first_seen=from_milliseconds(int(first_seen)) if first_seen else None,
        is_banned=standing == "banned",
        is_trusted=standing == "trusted",
    )


def _notes_of(row: str) -> list[Note]:
    return [Note(from_milliseconds(at), who, text) for at, who, text in json.loads(row)]
