"""Moderators' accounts, their signed-in sessions, and the counters that slow down guessing.

Passwords are kept as Argon2 strings only, sessions under the SHA-256 of their secret id only, so that a stolen backup
signs nobody in. Refuses to hash or to judge anything: ``service/accounts.py`` does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

import redis

from moderation.core.comment import from_milliseconds, to_milliseconds
from moderation.core.errors import NotFound
from moderation.store import keys
from moderation.store.connection import Connection
from moderation.store.records import dump


class Role(StrEnum):
    """What an account may do: a moderator decides on some sites, an admin on all, and sees the settings."""

    MODERATOR = "moderator"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One moderator.

    Attributes:
        name: What they sign in with, and what colleagues see.
        sites: Where a moderator works; an admin's is empty and means all.
        password: Argon2 string.
        valid_from: Sessions that began before it are over.
        disabled_at: When the account was closed, or None.
    """

    name: str
    role: Role
    sites: tuple[str, ...]
    password: str
    created_at: datetime
    valid_from: datetime
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One browser that is signed in.

    Attributes:
        digest: SHA-256 of the secret id, as 64 hexadecimal digits.
        device: What the browser called itself, shortened to a few words.
        seen_at: Last use, to the minute.
    """

    digest: str
    name: str
    device: str
    created_at: datetime
    seen_at: datetime


class AccountStore:
    """All accounts and sessions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, account: Account) -> bool:
        """Store a new account; False if the name is taken and nothing was done."""
        fields = [part for pair in _account_fields(account).items() for part in pair]
        if not self._connection.run("account_add", [keys.moderator(account.name)], fields):
            return False
        self._connection.call(lambda client: client.sadd(keys.MODERATORS, account.name))
        return True

    def get(self, name: str) -> Account:
        """Return one account.

        Raises:
            NotFound: If there is none of that name.
        """
        fields = self._connection.call(lambda client: client.hgetall(keys.moderator(name)))
        if not fields:
            raise NotFound(f"There is no moderator {name!r}; `winnow moderator list` shows them all.")
        return _account_of(name, fields)

    def all(self) -> list[Account]:
        """Return every account, sorted by name; one round trip for each."""
        names = sorted(self._connection.call(lambda client: client.smembers(keys.MODERATORS)))

        def read(client: redis.Redis) -> list[dict[str, str]]:
            return [client.hgetall(keys.moderator(name)) for name in names]  # type: ignore[misc]

        rows = zip(names, self._connection.call(read), strict=True)
        return [_account_of(name, fields) for name, fields in rows if fields]

    def replace(self, account: Account) -> None:
        """Store an account in place of its earlier state."""
        fields = _account_fields(account)
        self._connection.call(lambda client: client.hset(keys.moderator(account.name), mapping=fields))

    def start_session(self, session: Session, *, idle_seconds: int) -> None:
        """Store a new session; it ends by itself when it is not used for ``idle_seconds``."""
        fields = {
            "name": session.name,
            "device": session.device,
            "created": to_milliseconds(session.created_at),
            "seen": to_milliseconds(session.seen_at),
        }

        def write(client: redis.Redis) -> None:
            client.sadd(keys.moderator_sessions(session.name), session.digest)
            client.hset(keys.session(session.digest), mapping=fields)  # type: ignore[arg-type]
            client.expire(keys.session(session.digest), idle_seconds)

        self._connection.call(write)

    def session(self, digest: str) -> Session | None:
        """Return a session, or None if it is over."""
        fields = self._connection.call(lambda client: client.hgetall(keys.session(digest)))
        return _session_of(digest, fields) if fields.get("name") else None

    def touch_session(self, digest: str, *, now: datetime, idle_seconds: int) -> None:
        """Note that a session was used; one that has ended meanwhile stays ended."""
        self._connection.run("session_touch", [keys.session(digest)], [to_milliseconds(now), idle_seconds])

    def sessions(self, name: str) -> list[Session]:
        """Return a moderator's sessions, latest use first, and forget the names of those that are over."""
        digests = sorted(self._connection.call(lambda client: client.smembers(keys.moderator_sessions(name))))
        found = [(digest, self.session(digest)) for digest in digests]
        self._forget(name, [digest for digest, session in found if session is None])
        return sorted((one for _, one in found if one is not None), key=lambda one: one.seen_at, reverse=True)

    def end_sessions(self, name: str, digests: Sequence[str]) -> None:
        """End sessions at once."""
        for digest in digests:
            self._connection.call(partial(_delete, key=keys.session(digest)))
        self._forget(name, digests)

    def _forget(self, name: str, digests: Sequence[str]) -> None:
        if digests:
            self._connection.call(lambda client: client.srem(keys.moderator_sessions(name), *digests))

    def count_attempt(self, subject: str, *, window_seconds: int) -> tuple[int, int]:
        """Count one attempt; return how many there were in the running window, and the seconds until it ends."""
        count, left = self._connection.run("attempt", [keys.throttle(subject)], [window_seconds])
        return int(count), int(left)

    def attempts(self, subject: str) -> tuple[int, int]:
        """Return the attempts in the running window and the seconds until it ends, without counting one."""

        def read(client: redis.Redis) -> list[Any]:
            pipeline = client.pipeline(transaction=False)
            pipeline.get(keys.throttle(subject))
            pipeline.ttl(keys.throttle(subject))
            rows: list[Any] = pipeline.execute()
            return rows

        count, left = self._connection.call(read)
        return int(count or 0), max(0, int(left))

    def forgive(self, subjects: Sequence[str]) -> None:
        """Forget the attempts of these subjects."""
        for subject in subjects:
            self._connection.call(partial(_delete, key=keys.throttle(subject)))


def _delete(client: redis.Redis, key: str) -> None:
    client.delete(key)


def _account_fields(account: Account) -> dict[str, str]:
    return {
        "role": account.role.value,
        "sites": dump(list(account.sites)),
        "password": account.password,
        "created": str(to_milliseconds(account.created_at)),
        "valid_from": str(to_milliseconds(account.valid_from)),
        "disabled": str(to_milliseconds(account.disabled_at)) if account.disabled_at else "",
    }


def _account_of(name: str, fields: dict[str, str]) -> Account:
    return Account(
        name=name,
        role=Role(fields["role"]),
        sites=tuple(json.loads(fields["sites"])),
        password=fields["password"],
        created_at=from_milliseconds(int(fields["created"])),
        valid_from=from_milliseconds(int(fields["valid_from"])),
        disabled_at=from_milliseconds(int(fields["disabled"])) if fields["disabled"] else None,
    )


def _session_of(digest: str, fields: dict[str, str]) -> Session:
    return Session(
        digest=digest,
        name=fields["name"],
        device=fields["device"],
        created_at=from_milliseconds(int(fields["created"])),
        seen_at=from_milliseconds(int(fields["seen"])),
    )
