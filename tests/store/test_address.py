"""How clusters and sentinels are written in a URL."""

from __future__ import annotations

import pytest

from moderation.store.address import Address, Kind, parse_address


@pytest.mark.parametrize(
    "url, expected",
    [
        ("redis+cluster://a", Address(kind=Kind.CLUSTER, hosts=(("a", 6379),), has_tls=False)),
        (
            "rediss+cluster://bob:p%40ss@a:1,[::1]:2/0",
            Address(kind=Kind.CLUSTER, hosts=(("a", 1), ("::1", 2)), has_tls=True, username="bob", password="p@ss"),
        ),
        (
            "redis+sentinel://a,b:5/main",
            Address(kind=Kind.SENTINEL, hosts=(("a", 26379), ("b", 5)), has_tls=False, name="main"),
        ),
        (
            "rediss+sentinel://:pw@a/main/3?sentinel_password=x%26y",
            Address(
                kind=Kind.SENTINEL,
                hosts=(("a", 26379),),
                has_tls=True,
                password="pw",
                name="main",
                database=3,
                sentinel_password="x&y",
            ),
        ),
    ],
)
def test_what_a_url_says(url: str, expected: Address) -> None:
    assert parse_address(url) == expected


@pytest.mark.parametrize("url", ["redis://a", "rediss://a", "unix:///a", "http://a", ""])
def test_other_addresses_are_left_alone(url: str) -> None:
    assert parse_address(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "redis+cluster://:hush@",
        "redis+cluster://:hush@a,,b",
        "redis+cluster://:hush@a:0",
        "redis+cluster://:hush@a:99999",
        "redis+cluster://:hush@[::1",
        "redis+cluster://:hush@a/1",
        "redis+cluster://:hush@a?db=1",
        "redis+cluster://:hush@a?sentinel_password=x",
        "redis+sentinel://:hush@a",
        "redis+sentinel://:hush@a/main/0/0",
    ],
)
def test_a_wrong_one_is_refused_and_never_repeated(url: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  The sentences differ.
        parse_address(url)

    assert "hush" not in str(refused.value)


def test_passwords_are_not_shown() -> None:
    address = parse_address("redis+sentinel://:hush@a/main?sentinel_password=quiet")

    assert "hush" not in repr(address)
    assert "quiet" not in repr(address)
