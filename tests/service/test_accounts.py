"""Accounts: passwords, sessions that end when they should, guessing that is slowed down."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import argon2
import pytest
import redis

from moderation.core.errors import Forbidden, InvalidInput, NotFound, RateLimited, Unauthenticated
from moderation.core.identity import IdentityKey, Keyring
from moderation.service.accounts import (
    ABSOLUTE,
    HASHES_AT_ONCE,
    IDLE_SECONDS,
    MAX_SESSIONS,
    NAME_ATTEMPTS,
    NETWORK_ATTEMPTS,
    PAIR_ATTEMPTS,
    Accounts,
    SignedIn,
)
from moderation.service.passwords import is_common
from moderation.store import keys
from moderation.store.accounts import AccountStore, Role
from moderation.store.connection import Connection

GOOD = "harbour lamp otter"
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass
class Clock:
    """A clock that moves when told to."""

    at: datetime = field(default_factory=lambda: datetime(2026, 11, 23, 12, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    found = Connection(store_url)
    yield found
    found.close()


@pytest.fixture
def accounts(connection: Connection, clock: Clock) -> Accounts:
    return Accounts(AccountStore(connection), Keyring([IdentityKey(1, b"k" * 32)]), now=clock, hasher=CHEAP)


def sign_in(accounts: Accounts, name: str = "Alice", password: str = GOOD, network: str = "home") -> SignedIn:
    return accounts.sign_in(name, password, network=network, device="Firefox on Linux")


def test_alice_signs_in_and_is_known_by_her_session(accounts: Accounts) -> None:
    accounts.add("Alice", GOOD, sites=("site-a",))

    signed_in = sign_in(accounts)

    found = accounts.resume(signed_in.token)
    assert found.account.name == "Alice"
    assert found.may_see("site-a")
    assert not found.may_see("site-b")


def test_an_admin_sees_every_site(accounts: Accounts) -> None:
    accounts.add("Root", GOOD, role=Role.ADMIN)

    assert sign_in(accounts, "Root").may_see("any")


@pytest.mark.parametrize(
    "name, password",
    [
        ("Alice", "another long one"),
        ("Nobody", GOOD),
        ("", GOOD),
        ("x" * 500, GOOD),
        ("Alice", ""),
        ("A\x00", "\ud800"),
    ],
    ids=["wrong password", "unknown name", "no name", "long name", "no password", "rubbish"],
)
def test_wrong_name_and_wrong_password_look_alike(accounts: Accounts, name: str, password: str) -> None:
    accounts.add("Alice", GOOD, sites=("site-a",))

    with pytest.raises(Unauthenticated, match="The name or the password is not right"):
        sign_in(accounts, name, password)


def test_there_is_no_account_from_the_start(accounts: Accounts) -> None:
    assert accounts.all() == []


@pytest.mark.parametrize(
    "password",
    ["short", "password", "Password123!", "P@ssw0rd", "12345678", "qwertyuiop", "1qaz2wsx", "aaaaaaaa", "iloveyou",
     "Summer2026!", "letmein123", "abcd1234", "passwordpassword", "Alice2026", "zaq12wsx", "football1"],
)  # fmt: skip
def test_passwords_that_are_guessed_first_are_refused(accounts: Accounts, password: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        accounts.add("Alice", password, sites=("site-a",))

    assert refused.value.faults[0].code in ("too-short", "too-common")


def test_a_refused_password_is_not_repeated(accounts: Accounts) -> None:
    with pytest.raises(InvalidInput) as refused:
        accounts.add("Alice", "Summer2026!", sites=("site-a",))

    assert "Summer2026!" not in f"{refused.value} {refused.value.faults}"


@pytest.mark.parametrize(
    "password", [GOOD, "tK9#vLq2xZ", "Grünkohl mit Pinkel", "a" + "bc de " * 100, "hunter-gatherer societies"]
)
def test_passwords_have_no_rules_about_kinds_of_characters(accounts: Accounts, password: str) -> None:
    accounts.add("Alice", password, sites=("site-a",))

    sign_in(accounts, password=password)
    with pytest.raises(Unauthenticated):
        sign_in(accounts, password=password[:-1])  # Nothing is cut off.


def test_common_needs_the_whole_password_to_be_common() -> None:
    assert is_common("sunshine99")
    assert not is_common("sunshine over the harbour")


def test_a_name_is_taken_once(accounts: Accounts) -> None:
    accounts.add("Alice", GOOD, sites=("site-a",))

    with pytest.raises(InvalidInput, match="already"):
        accounts.add("Alice", "another good phrase", sites=("site-b",))


def test_a_moderator_needs_a_site(accounts: Accounts) -> None:
    with pytest.raises(InvalidInput) as refused:
        accounts.add("Alice", GOOD)

    assert refused.value.faults[0].code == "no-site"


def test_session_ends_when_it_is_not_used(accounts: Accounts, connection: Connection) -> None:
    accounts.add("Alice", GOOD, sites=("site-a",))
    signed_in = sign_in(accounts)

    left = connection.client.ttl(keys.session(signed_in.session.digest))

    assert 0 < left <= IDLE_SECONDS


def test_session_ends_after_a_week_however_much_it_is_used(accounts: Accounts, clock: Clock) -> None:
    accounts.add("Alice", GOOD, sites=("site-a",))
    signed_in = sign_in(accounts)

    clock.at += ABSOLUTE - timedelta(minutes=1)
    accounts.resume(signed_in.token)
    clock.at += timedelta(minutes=2)

    with pytest.raises(Unauthenticated):
        accounts.resume(signed_in.token)


@pytest.mark.parametrize("act", ["disable", "set_password"])
def test_sessions_die_with_the_account_or_its_password(accounts: Accounts, clock: Clock, act: str) -> None:
    accounts.add("Alice", GOOD, sites=("site-a",))
    signed_in = sign_in(accounts)
    clock.at += timedelta(seconds=1)

    accounts.disable("Alice") if act == "disable" else accounts.set_password("Alice", "violet cart stream")

    with pytest.raises(Unauthenticated):
        accounts.resume(signed_in.token)


def test_a_session_that_escaped_deletion_is_dead_all_the_same(
    accounts: Accounts, connection: Connection, clock: Clock
) -> None:
    accounts.add("Alice", GOOD, sites=("site-a",))
    signed_in = sign_in(accounts)
    fields = connection.client.hgetall(keys.session(signed_in.session.digest))
    clock.at += timedelta(seconds=1)
    accounts.set_password("Alice", "violet cart stream")

    connection.client.hset(keys.session(signed_in.session.digest), mapping=fields)  # As if written a moment later.

    with pytest.raises(Unauthenticated):
        accounts.resume(signed_in.token)


def test_a_closed_account_cannot_sign_in(accounts: Accounts) -> None:
    accounts.add("Alice", GOOD, sites=("site-a",))
    accounts.disable("Alice")

    with pytest.raises(Unauthenticated):
        sign_in(accounts)


def test_own_password_change_keeps_one_session_under_a_new_id(accounts: Accounts, clock: Clock) -> None:
    accounts.add("Alice", GOOD, sites=("site-a",))
    elsewhere, here = sign_in(accounts), sign_in(accounts)
    clock.at += timedelta(seconds=1)

    fresh = accounts.change_password(here, current=GOOD, new="violet cart stream", network="home")

    assert accounts.resume(fresh.token).account.name == "Alice"
    for old in (elsewhere, here):
        with pytest.raises(Unauthenticated):
            accounts.resume(old.token)


def test_own_password_change_asks_for_the_current_one(accounts: Accounts) -> None:
    accounts.add("Alice", GOOD, sites=("site-a",))
    here = sign_in(accounts)

    with pytest.raises(InvalidInput):
        accounts.change_password(here, current="not it at all", new="violet cart stream", network="home")


def test_sessions_are_listed_and_ended(accounts: Accounts) -> None:
    accounts.add("Alice", GOOD, sites=("site-a",))
    accounts.add("Bob", GOOD, sites=("site-b",))
    one, other = sign_in(accounts), sign_in(accounts)

    with pytest.raises(Forbidden):
        accounts.end_session("Bob", one.session.digest)
    accounts.end_session("Alice", one.session.digest)

    assert [session.digest for session in accounts.sessions("Alice")] == [other.session.digest]


def test_sessions_are_bounded(accounts: Accounts, clock: Clock) -> None:
    accounts.add("Alice", GOOD, sites=("site-a",))

    for _ in range(MAX_SESSIONS + 3):
        clock.at += timedelta(seconds=1)
        sign_in(accounts)

    assert len(accounts.sessions("Alice")) == MAX_SESSIONS


def test_guessing_one_name_from_one_network_is_stopped(accounts: Accounts) -> None:
    accounts.add("Alice", GOOD, sites=("site-a",))
    for _ in range(PAIR_ATTEMPTS):
        with pytest.raises(Unauthenticated):
            sign_in(accounts, password="not it at all")

    with pytest.raises(RateLimited):
        sign_in(accounts)

    sign_in(accounts, network="office")  # The owner, elsewhere, is not locked out.


def test_guessing_many_names_from_one_network_is_stopped(accounts: Accounts) -> None:
    for number in range(NETWORK_ATTEMPTS):
        with pytest.raises(Unauthenticated):
            sign_in(accounts, f"Name{number}")

    with pytest.raises(RateLimited):
        sign_in(accounts, "Another")


def test_guessing_one_name_from_many_networks_is_stopped(accounts: Accounts) -> None:
    for number in range(NAME_ATTEMPTS):
        with pytest.raises(Unauthenticated):
            sign_in(accounts, network=f"network {number}")

    with pytest.raises(RateLimited):
        sign_in(accounts, network="one more")


def test_success_forgives_earlier_mistakes(accounts: Accounts) -> None:
    accounts.add("Alice", GOOD, sites=("site-a",))
    for _ in range(3):
        for _ in range(PAIR_ATTEMPTS - 1):
            with pytest.raises(Unauthenticated):
                sign_in(accounts, password="not it at all")
        sign_in(accounts)


def test_an_outdated_hash_is_renewed_at_sign_in(accounts: Accounts, connection: Connection, clock: Clock) -> None:
    accounts.add("Alice", GOOD, sites=("site-a",))
    stronger = argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    newer = Accounts(AccountStore(connection), Keyring([IdentityKey(1, b"k" * 32)]), now=clock, hasher=stronger)

    sign_in(newer)

    assert "m=16,t=2" in newer.get("Alice").password
    sign_in(newer)


@pytest.mark.slow
def test_the_default_costs_are_those_of_argon2_cffi(connection: Connection, clock: Clock) -> None:
    accounts = Accounts(AccountStore(connection), Keyring([IdentityKey(1, b"k" * 32)]), now=clock)
    accounts.add("Alice", GOOD, sites=("site-a",))

    assert accounts.get("Alice").password.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


@pytest.mark.slow
def test_at_most_two_hashes_run_at_once(connection: Connection, clock: Clock) -> None:
    running, most, lock = [0], [0], threading.Lock()

    class Counting(argon2.PasswordHasher):
        def verify(self, *arguments: str | bytes) -> bool:  # type: ignore[override]
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            try:
                return super().verify(*arguments)  # type: ignore[return-value]
            finally:
                with lock:
                    running[0] -= 1

    slow = Counting(time_cost=2, memory_cost=16_384, parallelism=1)
    accounts = Accounts(AccountStore(connection), Keyring([IdentityKey(1, b"k" * 32)]), now=clock, hasher=slow)
    accounts.add("Alice", GOOD, sites=("site-a",))
    threads = [threading.Thread(target=sign_in, args=(accounts, "Alice", GOOD, f"n{n}")) for n in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 1 <= most[0] <= HASHES_AT_ONCE


def test_the_store_holds_neither_password_nor_session_id(accounts: Accounts, connection: Connection) -> None:
    accounts.add("Alice", GOOD, sites=("site-a",))
    signed_in = sign_in(accounts)

    with redis.Redis.from_url(connection.url) as client:
        names: list[bytes] = client.keys("*")
        held = b"".join([*names, *(client.dump(name) or b"" for name in names)])

    assert GOOD.encode() not in held
    assert signed_in.token.encode() not in held
    assert hashlib.sha256(signed_in.token.encode()).hexdigest().encode() in held


def test_unknown_names_are_managed_with_a_sentence(accounts: Accounts) -> None:
    for act in (accounts.get, accounts.disable):
        with pytest.raises(NotFound, match="There is no moderator 'Nobody'"):
            act("Nobody")
