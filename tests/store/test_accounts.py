"""The store's part of accounts: atomic adding, sessions that stay dead, attempts in a window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from moderation.core.errors import NotFound
from moderation.store import keys
from moderation.store.accounts import Account, AccountStore, Role, Session
from moderation.store.connection import Connection

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ALICE = Account(
    name="Alice", role=Role.MODERATOR, sites=("site-a",), password="$argon2id$x", created_at=NOW, valid_from=NOW
)
SESSION = Session(digest="d" * 64, name="Alice", device="Firefox on Linux", created_at=NOW, seen_at=NOW)


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    found = Connection(store_url)
    yield found
    found.close()


@pytest.fixture
def store(connection: Connection) -> AccountStore:
    return AccountStore(connection)


def test_an_account_comes_back_as_it_was_stored(store: AccountStore) -> None:
    assert store.add(ALICE)

    assert store.get("Alice") == ALICE
    assert store.all() == [ALICE]


def test_adding_twice_is_harmless_and_taking_a_name_is_refused(store: AccountStore) -> None:
    store.add(ALICE)

    assert store.add(ALICE)
    assert not store.add(replace(ALICE, password="$argon2id$other"))
    assert store.get("Alice").password == "$argon2id$x"


def test_unknown_account_is_not_found(store: AccountStore) -> None:
    with pytest.raises(NotFound):
        store.get("Nobody")


def test_a_session_that_ended_is_not_revived_by_a_late_touch(store: AccountStore, connection: Connection) -> None:
    store.start_session(SESSION, idle_seconds=60)
    store.end_sessions("Alice", [SESSION.digest])

    store.touch_session(SESSION.digest, now=NOW, idle_seconds=60)

    assert store.session(SESSION.digest) is None
    assert not connection.client.exists(keys.session(SESSION.digest))


def test_a_touch_prolongs(store: AccountStore, connection: Connection) -> None:
    store.start_session(SESSION, idle_seconds=5)

    store.touch_session(SESSION.digest, now=NOW, idle_seconds=600)

    assert connection.client.ttl(keys.session(SESSION.digest)) > 500


def test_listing_forgets_sessions_that_ran_out(store: AccountStore, connection: Connection) -> None:
    store.start_session(SESSION, idle_seconds=60)
    connection.client.delete(keys.session(SESSION.digest))

    assert store.sessions("Alice") == []
    assert connection.client.scard(keys.moderator_sessions("Alice")) == 0


def test_attempts_count_up_within_their_window(store: AccountStore) -> None:
    counts = [store.count_attempt("alice", window_seconds=60)[0] for _ in range(3)]
    count, left = store.count_attempt("alice", window_seconds=60)
    store.forgive(["alice"])

    assert counts == [1, 2, 3]
    assert count == 4
    assert 0 < left <= 60
    assert store.count_attempt("alice", window_seconds=60)[0] == 1
