"""Webhook messages between the decision that made them and the website that hears of them.

Owns the outbox of every site: the stream that the atomic writes append to, the messages taken up from it, and the
claims of workers on those that are due. A message leaves only when its website has it, or when the site keeps so many
that the oldest must go. Refuses to send anything (``moderation.webhooks``) and to decide when to try again.

A claim ends by itself after a time, so that a killed worker's messages go out all the same, with the same id. Messages
of one comment are delivered in the order in which they came about.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import redis

from moderation.core.comment import from_milliseconds, to_milliseconds
from moderation.store import keys as names
from moderation.store.connection import Connection
from moderation.store.keys import SiteKeys
from moderation.store.records import dump
from moderation.store.topology import server_time

TAKE_UP = 200  # Messages taken up in one script.
MAX_WAITING = 10_000  # Per site, fields of messages taken up but not delivered; more stay in the stream.
MAX_STREAM = 100_000  # Per site, not taken up; beyond it the oldest are dropped, since nobody has listened for long.
BATCH = 500
CLAIM_SECONDS = 60  # Longer than one attempt may take, look-up of the name included.
HEARTBEAT_SECONDS = 30  # A worker that is silent for so long is taken for dead.


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that this worker may send now.

    Attributes:
        id: The same in every attempt; receivers recognise repetitions by it.
        comment_id: Whom it is about.
        attempts: How many were made before.
        body: As it was when the event happened.
        token: The claim; it must come with what became of the message.
        callback: Sealed address that is told instead of the site's webhook, or None.
        is_for_coral: Whether Coral is told, or asked, instead of the site's webhook.
    """

    site: str
    id: str
    comment_id: str
    attempts: int
    body: dict[str, Any]
    token: str
    callback: str | None = None
    is_for_coral: bool = False

    @property
    def is_for_webhook(self) -> bool:
        """Return whether the site's webhook hears of it."""
        return self.callback is None and not self.is_for_coral


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in one outbox.

    Attributes:
        waiting: Messages not delivered yet, all of them.
        overdue: Those that could go out now.
        next_at: When the next attempt is due, or None if none is planned.
    """

    waiting: int
    overdue: int
    next_at: datetime | None


class Outbox:
    """The webhook messages of all sites."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def busy(self, sites: Sequence[str]) -> list[str]:
        """Return those of the sites that have something to send now; one round trip for each 500."""
        found: list[str] = []
        for start in range(0, len(sites), BATCH):
            batch = sites[start : start + BATCH]
            now_ms, rows = self._connection.call(partial(_fetch_heads, sites=batch))
            found += [one for one, (unread, heads) in zip(batch, rows, strict=True) if _is_busy(now_ms, unread, heads)]
        return found

    def backlog(self, site: str) -> Backlog:
        """Return what waits in a site's outbox; O(log n), two round trips."""
        keys = SiteKeys(site)
        now_ms, ((unread, heads),) = self._connection.call(partial(_fetch_heads, sites=[site]))

        def count(client: redis.Redis) -> list[int]:
            pipeline = client.pipeline(transaction=False)
            pipeline.hlen(keys.deliveries)
            pipeline.zcard(keys.due)
            pipeline.zcount(keys.due, "-inf", now_ms)
            counts: list[int] = pipeline.execute()
            return counts

        fields, chains, due = self._connection.call(count)
        # The hash has one field a message, and one a comment, of which exactly one message is planned.
        next_at = from_milliseconds(int(heads[0][1])) if heads else None
        return Backlog(waiting=unread + fields - chains, overdue=unread + due, next_at=next_at)

    def put(self, site: str, event: dict[str, object]) -> None:
        """Add a message that goes with no write."""
        key = SiteKeys(site).outbox
        self._connection.call(lambda client: client.xadd(key, {"event": dump(event)}))

    def claim(self, site: str, *, token: str, limit: int, seconds: float = CLAIM_SECONDS) -> list[Delivery]:
        """Take up new messages and claim at most ``limit`` that are due.

        Args:
            site: Whose.
            token: Unique to this call, without blanks; a claim is known by it.
            limit: How many the caller can send at once.
            seconds: After which an unsettled claim is another worker's to take.
        """
        keys = SiteKeys(site)
        reply = self._connection.run(
            "outbox_claim",
            [keys.outbox, keys.due, keys.deliveries],
            [TAKE_UP, MAX_WAITING, limit, round(seconds * 1000), token],
        )
        rows = zip(reply[::3], reply[1::3], reply[2::3], strict=True)
        return [_delivery_of(site, one, int(attempts), event, token) for one, attempts, event in rows]

    def delivered(self, delivery: Delivery, *, now: datetime) -> bool:
        """Drop a message that arrived; the next one of its comment is due. False if the claim was lost meanwhile."""
        return self._settle(delivery, "done", counter=("webhook:delivered", now))

    def failed(self, delivery: Delivery, *, delay_seconds: float, now: datetime) -> bool:
        """Plan the next attempt, ``delay_seconds`` from now. False if the claim was lost meanwhile."""
        return self._settle(delivery, "retry", delay_seconds=delay_seconds, counter=("webhook:failed", now))

    def restart(self, delivery: Delivery, *, now: datetime) -> bool:
        """Keep a message whose attempts are used up, for the time when the site's webhook is enabled again."""
        return self._settle(delivery, "restart", counter=("webhook:failed", now))

    def set_aside(self, delivery: Delivery, *, seconds: float) -> bool:
        """Give a claim back unused, with all attempts before it, and keep the message out of the way for a while."""
        return self._settle(delivery, "restart", delay_seconds=seconds)

    def release(self, delivery: Delivery) -> bool:
        """Give a claim back unused, as when the worker stops."""
        return self._settle(delivery, "release")

    def _settle(
        self,
        delivery: Delivery,
        what: str,
        *,
        delay_seconds: float = 0.0,
        counter: tuple[str, datetime] | None = None,
    ) -> bool:
        keys = SiteKeys(delivery.site)
        name, at = counter or ("", from_milliseconds(0))
        reply = self._connection.run(
            "outbox_settle",
            [keys.due, keys.deliveries, keys.day(at.strftime("%Y%m%d"))],
            [delivery.id, delivery.token, delivery.comment_id, what, round(delay_seconds * 1000), name],
        )
        return bool(reply)

    def resume(self, site: str) -> int:
        """Make all waiting messages due now, with fresh attempts, and return how many; O(n)."""
        keys = SiteKeys(site)
        ids: list[str] = self._connection.call(lambda client: client.zrange(keys.due, 0, -1))
        return sum(
            int(self._connection.run("outbox_resume", [keys.due, keys.deliveries], ids[start : start + BATCH]))
            for start in range(0, len(ids), BATCH)
        )

    def trim(self, site: str, *, keep: int = MAX_STREAM) -> int:
        """Drop the oldest messages that were not taken up, beyond ``keep``, and return how many."""
        key = SiteKeys(site).outbox
        return int(self._connection.call(lambda client: client.xtrim(key, maxlen=keep, approximate=False)))

    def beat(self, *, now: datetime) -> None:
        """Note that the worker lives; forgotten after ``HEARTBEAT_SECONDS``."""
        name = names.worker_heartbeat()
        self._connection.call(lambda client: client.set(name, to_milliseconds(now), ex=HEARTBEAT_SECONDS))

    def last_beat(self) -> datetime | None:
        """Return when a worker last said that it lives, or None if that is too long ago."""
        value = self._connection.call(lambda client: client.get(names.worker_heartbeat()))
        return from_milliseconds(int(value)) if value else None


def _delivery_of(site: str, message_id: str, attempts: int, raw: str, token: str) -> Delivery:
    event = json.loads(raw)
    body = event["body"]
    chain, is_for_coral = str(body["data"].get("id")), bool(event.get("coral"))
    return Delivery(site, message_id, chain, attempts, body, token, event.get("callback"), is_for_coral)


Heads = list[tuple[str, float]]


def _fetch_heads(client: redis.Redis, sites: Sequence[str]) -> tuple[int, list[tuple[int, Heads]]]:
    """Return the server's time in milliseconds and, for each site, its unread messages and its next planned one."""
    seconds, micros = server_time(client)  # Not in the pipeline: no node of a cluster has the time for all of them.
    pipeline = client.pipeline(transaction=False)
    for site in sites:
        keys = SiteKeys(site)
        pipeline.xlen(keys.outbox)
        pipeline.zrange(keys.due, 0, 0, withscores=True)
    rows = pipeline.execute()
    return seconds * 1000 + micros // 1000, list(zip(rows[::2], rows[1::2], strict=True))


def _is_busy(now_ms: int, unread: int, heads: Heads) -> bool:
    return bool(unread) or bool(heads and heads[0][1] <= now_ms)
