"""``winnow coral``: where decisions are told to, the token that goes along, and whether Coral takes it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from moderation.config import Settings
from moderation.store.connection import Connection
from tests.cli.commands import Commands
from tests.receiver import Receiver, Reply
from tests.web.protocols.coral_server import TOKEN, CoralServer


@pytest.fixture
def coral() -> Iterator[CoralServer]:
    with Receiver() as receiver:
        server = CoralServer(receiver)
        receiver.answer = server.answer
        yield server


@pytest.fixture
def news(settings: Settings, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("WINNOW_WEBHOOK_ALLOW_NETWORKS", "127.0.0.0/8")
    commands = Commands(settings, store_url)
    commands.json("site", "add", "news", "https://news.example")
    return commands


def connect(news: Commands, url: str, token: str = TOKEN) -> dict[str, object]:
    return news.json("coral", "set", "news", url, "--token-stdin", stdin=f" {token}\n")


def test_token_is_kept_sealed_and_shown_nowhere(news: Commands) -> None:
    result = news.run("coral", "set", "news", "https://coral.example/", "--token-stdin", stdin=f"{TOKEN}\n")

    record = str(Connection(news.redis_url).client.hgetall("w:{news}:site"))
    assert result.exit_code == 0
    assert "https://coral.example" in result.stdout
    assert TOKEN not in result.stdout + result.stderr + record
    assert "coral.example" not in record


@pytest.mark.parametrize(
    "url", ["https://coral.example", "https://coral.example/", "https://coral.example/api/graphql"], ids=str
)
def test_any_form_of_the_address_will_do(news: Commands, url: str) -> None:
    assert connect(news, url) == {"site": "news", "url": "https://coral.example", "encrypted": True}


def test_token_in_the_clear_is_warned_of(news: Commands) -> None:
    result = news.run("coral", "set", "news", "http://coral.internal:5000", "--token-stdin", stdin=TOKEN)

    assert "unencrypted" in result.stderr


@pytest.mark.parametrize(
    "url",
    ["coral.example", "ftp://coral.example", "https://u:p@coral.example", "https://coral.example:25", "https://c?x"],
)
def test_what_is_no_address_is_refused(news: Commands, url: str) -> None:
    assert news.refused("coral", "set", "news", url, "--token-stdin", stdin=TOKEN)


@pytest.mark.parametrize("token", ["", "short", "ä" * 64, "x" * 5000, "two words of a token"], ids=len)
def test_what_is_no_token_is_refused(news: Commands, token: str) -> None:
    refused = news.refused("coral", "set", "news", "https://coral.example", "--token-stdin", stdin=token)

    assert "whole token" in refused


def test_test_says_who_the_token_is(news: Commands, coral: CoralServer) -> None:
    connect(news, coral.url)

    assert news.json("coral", "test", "news") == {"site": "news", "url": coral.url, "role": "ADMIN", "moderates": True}
    assert "may moderate" in news.run("coral", "test", "news").stdout


@pytest.mark.parametrize("role", [None, "COMMENTER", "STAFF"])
def test_test_fails_where_the_token_does_not_suffice(news: Commands, coral: CoralServer, role: str | None) -> None:
    coral.role = role
    connect(news, coral.url)

    result = news.run("coral", "test", "news")

    assert result.exit_code == 1
    assert (role or "does not know the token") in result.stderr


def test_test_fails_where_the_token_is_wrong(news: Commands, coral: CoralServer) -> None:
    connect(news, coral.url, "x" * 40)

    result = news.run("coral", "test", "news")

    assert (result.exit_code, "x" * 40 in result.stdout + result.stderr) == (1, False)
    assert "does not know the token" in result.stderr


@pytest.mark.parametrize("reply", [Reply(404), Reply(200, body=b"<html>")], ids=["404", "page"])
def test_test_fails_where_it_is_not_coral(news: Commands, coral: CoralServer, reply: Reply) -> None:
    connect(news, coral.url)
    coral.trouble = [reply]

    result = news.run("coral", "test", "news")

    assert (result.exit_code, "not as Coral does" in result.stderr) == (1, True)


def test_test_says_what_to_do_where_coral_refuses_the_question(news: Commands, coral: CoralServer) -> None:
    connect(news, coral.url)
    coral.trouble = [Reply(200, body=b'{"errors": [{"message": "not authorized"}]}')]

    assert "administrator" in news.refused("coral", "test", "news", code=1)


def test_private_address_needs_the_operators_word(settings: Settings, store_url: str, coral: CoralServer) -> None:
    guarded = Commands(settings, store_url)
    guarded.json("site", "add", "news", "https://news.example")
    connect(guarded, coral.url)

    assert guarded.refused("coral", "test", "news")
    assert coral.receiver.requests == []


def test_removed_access_is_forgotten(news: Commands) -> None:
    connect(news, "https://coral.example")

    assert news.json("coral", "remove", "news") == {"site": "news", "url": None}
    assert "tells no Coral" in news.refused("coral", "test", "news")


def test_unknown_site_is_named(news: Commands) -> None:
    assert "no site" in news.refused("coral", "set", "nope", "https://coral.example", "--token-stdin", stdin=TOKEN)
