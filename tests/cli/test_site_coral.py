"""``winnow site coral-secret``: secrets come in by standard input, are sealed, and go."""

from __future__ import annotations

import pytest

from moderation.config import Settings
from moderation.store.connection import Connection
from tests.cli.commands import Commands

SECRET = "5f1d4c0b" * 8


@pytest.fixture
def news(settings: Settings, store_url: str) -> Commands:
    commands = Commands(settings, store_url)
    commands.json("site", "add", "news", "https://news.example")
    return commands


def test_secret_is_added_and_shown_nowhere(news: Commands) -> None:
    result = news.run("site", "coral-secret", "news", "--secret-stdin", stdin=f" {SECRET}\n")

    assert result.exit_code == 0
    assert SECRET not in result.stdout + result.stderr
    assert SECRET not in str(Connection(news.redis_url).client.hgetall("w:{news}:site"))


def test_four_count_at_a_time_and_all_can_be_removed(news: Commands) -> None:
    counts = [
        news.json("site", "coral-secret", "news", "--secret-stdin", stdin=f"{number}" * 64)["secrets"]
        for number in range(5)
    ]

    assert counts == [1, 2, 3, 4, 4]
    assert news.json("site", "coral-secret", "news", "--remove") == {"site": "news", "secrets": 0}


@pytest.mark.parametrize(
    "given", ["", "\n", "short", "ä" * 64, "x" * 300], ids=["none", "blank", "short", "umlauts", "long"]
)
def test_what_is_no_secret_is_refused(news: Commands, given: str) -> None:
    assert "16 characters" in news.refused("site", "coral-secret", "news", "--secret-stdin", stdin=given)


def test_adding_and_removing_at_once_is_refused(news: Commands) -> None:
    assert "either" in news.refused("site", "coral-secret", "news", "--secret-stdin", "--remove", stdin=SECRET)


def test_unknown_site_is_named(news: Commands) -> None:
    assert "no site" in news.refused("site", "coral-secret", "nope", "--secret-stdin", stdin=SECRET)
