"""The review queue and the listings: sorted sets, leases with fencing numbers, and pages by cursor.

A lease is a short claim by one person. Its fencing number rises with every claim, so that a decision that comes after
the lease went to a colleague is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import redis

from moderation.core.comment import Status, to_milliseconds
from moderation.store.connection import Connection
from moderation.store.keys import SiteKeys
from moderation.store.topology import server_time

MAX_CLAIM = 100  # Items a claim, so that the script stays short.


@dataclass(frozen=True, slots=True)
class Claim:
    """A lease that was taken.

    Attributes:
        fence: Must come with the decision.
    """

    comment_id: str
    fence: str


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a listing: the sort value and the id of the last item that was shown."""

    score: float
    comment_id: str


class Queue:
    """Pending comments, and the other listings, of all sites."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def count(self, site: str, status: Status = Status.PENDING) -> int:
        """Return how many comments have the status; O(1)."""
        return int(self._connection.call(lambda client: client.zcard(SiteKeys(site).by_status(status))))

    def oldest_ms(self, site: str) -> int | None:
        """Return when the longest-waiting comment came, in milliseconds since 1970; O(log n)."""
        first = self._connection.call(
            lambda client: client.zrange(SiteKeys(site).by_status(Status.PENDING), 0, 0, withscores=True)
        )
        return int(first[0][1]) if first else None

    def claim(self, site: str, who: str, *, seconds: int, count: int = 1, ids: Sequence[str] = ()) -> list[Claim]:
        """Claim the next ``count`` items that nobody holds, expired leases first, or exactly ``ids`` where free.

        Args:
            site: Whose queue.
            who: Shown to colleagues.
            seconds: How long the lease lasts unless renewed.
            count: At most 100.
            ids: The items wanted; empty for the next ones.

        Returns:
            What was claimed; an item that a colleague holds is left out.
        """
        keys = SiteKeys(site)
        names = [keys.by_status(Status.PENDING), keys.lease, keys.fence, keys.holder]
        reply = self._connection.run("claim", names, [who, seconds * 1000, min(count, MAX_CLAIM), *ids[:MAX_CLAIM]])
        return [Claim(comment_id, fence) for comment_id, fence in zip(reply[::2], reply[1::2], strict=True)]

    def renew(self, site: str, claims: Sequence[Claim], *, seconds: int) -> list[str]:
        """Prolong leases and return the ids that were still held; ``seconds`` 0 gives them up."""
        keys = SiteKeys(site)
        pairs = [part for claim in claims[:MAX_CLAIM] for part in (claim.comment_id, claim.fence)]
        reply = self._connection.run("renew", [keys.lease, keys.fence, keys.holder], [seconds * 1000, *pairs])
        return list(reply)

    def expire_leases(self, site: str, *, limit: int = 1000) -> int:
        """Free leases that ran out and return how many."""
        keys = SiteKeys(site)
        return int(self._connection.run("expire", [keys.lease, keys.holder], [limit]))

    def holders(self, site: str, comment_ids: Sequence[str]) -> dict[str, str]:
        """Return who holds which of the items now."""
        if not comment_ids:
            return {}
        keys = SiteKeys(site)

        def read(client: redis.Redis) -> tuple[list[str | None], list[float | None], int]:
            pipeline = client.pipeline(transaction=False)
            pipeline.hmget(keys.holder, comment_ids)
            pipeline.zmscore(keys.lease, list(comment_ids))
            names, deadlines = pipeline.execute()
            return names, deadlines, server_time(client)[0]

        names, deadlines, now_s = self._connection.call(read)
        rows = zip(comment_ids, names, deadlines, strict=True)
        return {one: name for one, name, deadline in rows if name and deadline and deadline > now_s * 1000}

    def pending_page(
        self, site: str, *, by_risk: bool = False, descending: bool = False, after: Position | None = None, limit: int
    ) -> list[Position]:
        """Return the next positions of the queue, by age or by highest score; O(log n + limit)."""
        keys = SiteKeys(site)
        name = keys.risk if by_risk else keys.by_status(Status.PENDING)
        return self._page(name, descending=descending, after=after, limit=limit)

    def page(
        self, site: str, status: Status, *, permalink: str | None, after: Position | None, limit: int
    ) -> list[Position]:
        """Return the next positions of a page's comments, or of the whole site's, oldest first."""
        keys = SiteKeys(site)
        name = keys.by_status(status) if permalink is None else keys.thread(permalink, status)
        return self._page(name, descending=False, after=after, limit=limit)

    def arrived(self, site: str, permalink: str, *, since: datetime, until: datetime, limit: int = 2) -> list[str]:
        """Return ids of comments that wait on one page and came between two times, oldest first."""
        key = SiteKeys(site).thread(permalink, Status.PENDING)
        least, most = to_milliseconds(since), to_milliseconds(until)
        found: list[str] = self._connection.call(
            lambda client: client.zrangebyscore(key, least, most, start=0, num=limit)
        )
        return found

    def author_page(self, site: str, author_id: str, *, after: Position | None, limit: int) -> list[Position]:
        """Return the next positions of an author's comments, newest first."""
        return self._page(SiteKeys(site).author_comments(author_id), descending=True, after=after, limit=limit)

    def decided_page(self, site: str, *, after: Position | None, limit: int) -> list[Position]:
        """Return the next positions of the comments that people decided, latest decision first."""
        return self._page(SiteKeys(site).decided_at, descending=True, after=after, limit=limit)

    def _page(self, name: str, *, descending: bool, after: Position | None, limit: int) -> list[Position]:
        reply = self._connection.run("page", [name], [*_bounds(descending, after), limit])
        return [Position(float(score), one) for one, score in zip(reply[::2], reply[1::2], strict=True)]


def _bounds(descending: bool, after: Position | None) -> tuple[str, str, str]:
    direction = "desc" if descending else "asc"
    return (direction, repr(after.score), after.comment_id) if after else (direction, "", "")
