"""A store that would lose acknowledged writes is refused, with what to change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from moderation.core.errors import StoreUnavailable, StoreUnsafe
from moderation.store.checks import check_store
from moderation.store.valkey_process import Places, ValkeyProcess


@pytest.fixture(scope="module")
def loose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    """A server of this module's own, whose settings the tests spoil."""
    base = tmp_path_factory.mktemp("loose")
    server = ValkeyProcess(Places(base, base / "s", base / "c", base / "l"))
    server.start()
    client = redis.Redis.from_url(f"unix://{base}/s")
    yield client
    client.close()
    server.stop()


@pytest.fixture
def spoiled(loose: redis.Redis) -> Iterator[redis.Redis]:
    """That server, mended after the test."""
    yield loose
    for name, value in {
        "appendonly": "yes",
        "appendfsync": "always",
        "no-appendfsync-on-rewrite": "no",
        "maxmemory-policy": "noeviction",
    }.items():
        loose.config_set(name, value)
    loose.execute_command("REPLICAOF", "NO", "ONE")


def test_embedded_store_is_safe(store_url: str) -> None:
    with redis.Redis.from_url(store_url, decode_responses=True) as client:
        assert check_store(client, allow_unsafe=False) == ()


@pytest.mark.parametrize(
    "directive, value",
    [
        ("appendonly", "no"),
        ("appendfsync", "everysec"),
        ("appendfsync", "no"),
        ("no-appendfsync-on-rewrite", "yes"),
        ("maxmemory-policy", "allkeys-lru"),
        ("maxmemory-policy", "volatile-ttl"),
    ],
)
def test_unsafe_setting_is_refused_with_what_to_change(spoiled: redis.Redis, directive: str, value: str) -> None:
    spoiled.config_set(directive, value)

    with pytest.raises(StoreUnsafe, match=rf"(?s)set `{directive} .*WINNOW_ALLOW_UNSAFE_STORE=1"):
        check_store(spoiled, allow_unsafe=False)
    (complaint,) = check_store(spoiled, allow_unsafe=True)
    assert directive in complaint


def test_every_unsafe_setting_is_named_at_once(spoiled: redis.Redis) -> None:
    spoiled.config_set("appendfsync", "no")
    spoiled.config_set("maxmemory-policy", "allkeys-random")

    assert len(check_store(spoiled, allow_unsafe=True)) == 2


def test_replica_is_refused(spoiled: redis.Redis) -> None:
    spoiled.execute_command("REPLICAOF", "127.0.0.1", "1")

    with pytest.raises(StoreUnsafe, match="replica"):
        check_store(spoiled, allow_unsafe=False)


def test_forbidden_config_is_said_and_not_guessed(loose: redis.Redis, tmp_path: Path) -> None:
    loose.acl_setuser("guest", enabled=True, nopass=True, categories=["+@all"], commands=["-config"], keys=["*"])
    path = loose.connection_pool.connection_kwargs["path"]

    with redis.Redis(unix_socket_path=path, username="guest", password="any") as guest:
        with pytest.raises(StoreUnsafe, match="CONFIG GET"):
            check_store(guest, allow_unsafe=False)
        assert len(check_store(guest, allow_unsafe=True)) == 1


@pytest.mark.slow
def test_wrong_password_and_absent_server_give_sentences(loose: redis.Redis, tmp_path: Path) -> None:
    path = loose.connection_pool.connection_kwargs["path"]

    with (
        redis.Redis(unix_socket_path=path, username="mallory", password="x") as client,
        pytest.raises(StoreUnavailable, match="refuses the user name or password"),
    ):
        check_store(client, allow_unsafe=True)
    with (
        redis.Redis(unix_socket_path=str(tmp_path / "none"), retry=None) as client,
        pytest.raises(StoreUnavailable, match="cannot be reached"),
    ):
        check_store(client, allow_unsafe=True)
