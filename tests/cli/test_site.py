"""``winnow site``: what is valid is what the API takes; a wrong word gets a sentence."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime

import click
import pytest
from standardwebhooks.webhooks import Webhook

from moderation.cli.comments import comments as comments_group
from moderation.cli.site import printable
from moderation.cli.site import site as site_group
from moderation.config import Settings
from moderation.scoring import Scorer
from moderation.store.connection import Connection
from moderation.store.keys import SiteKeys
from moderation.store.outbox import Outbox
from tests.cli.commands import Commands
from tests.keyword_model import KeywordModel
from tests.receiver import Receiver, Reply


@pytest.fixture
def winnow(settings: Settings, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setattr(Scorer, "model", KeywordModel())
    return Commands(settings, store_url)


@pytest.fixture
def blog(winnow: Commands) -> Commands:
    winnow.json("site", "add", "blog", "https://blog.example")
    return winnow


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("WINNOW_WEBHOOK_ALLOW_NETWORKS", "127.0.0.0/8")
    with Receiver() as running:
        yield running


def test_added_site_comes_with_a_key_of_twelve_characters(winnow: Commands) -> None:
    added = winnow.json("site", "add", "blog", "https://blog.example")

    assert (added["site"], added["url"]) == ("blog", "https://blog.example")
    assert len(added["key"]) == 12
    assert added["key"].isalnum()
    assert added["key"] == added["key"].lower()


def test_key_is_stored_nowhere_and_shown_once(blog: Commands) -> None:
    key = blog.json("site", "key", "add", "blog")["key"]

    assert key not in blog.run("site", "list", "--json").stdout + blog.run("site", "key", "list", "blog").stdout
    client = Connection(blog.redis_url).client
    assert not any(key in str(client.hgetall(name)) for name in client.scan_iter("w:*site")), "the key itself is kept"


@pytest.mark.parametrize(
    "name, url, said",
    [
        ("Blog", "https://b.example", "name:"),
        ("-blog", "https://b.example", "name:"),
        ("b" * 64, "https://b.example", "name:"),
        ("blog", "ftp://b.example", "url:"),
        ("blog", "javascript:alert(1)", "url:"),
        ("", "", "url:"),
    ],
)
def test_wrong_site_is_refused_with_every_fault(winnow: Commands, name: str, url: str, said: str) -> None:
    assert said in winnow.refused("site", "add", "--", name, url)
    assert winnow.json("site", "list")["sites"] == []


def test_name_that_is_taken_is_refused(blog: Commands) -> None:
    assert "already" in blog.refused("site", "add", "blog", "https://other.example")
    assert blog.json("site", "list")["sites"][0]["url"] == "https://blog.example"


def test_policy_is_set_field_by_field(blog: Commands) -> None:
    changed = blog.json(
        "site", "set", "blog", "thresholds.spam.review=0.4", "thresholds.spam.reject=never", "rate_limit=off",
        "links_allowed=5", "hold_first_comment=yes", "email_required=false", "block.words=casino, cheap pills",
        "hold.domains=spam.example", 'hold.patterns=["a{1,2}b"]', "retention_days.rejected=7",
        "webhook_url=https://blog.example/hook", "trust_after_approved=0",
    )  # fmt: skip

    assert changed["thresholds"]["spam"] == {"review": 0.4, "reject": None}
    assert changed["rate_limit"] == "off"
    assert changed["links_allowed"] == 5
    assert (changed["hold_first_comment"], changed["email_required"]) == (True, False)
    assert changed["block"]["words"] == ["casino", "cheap pills"]
    assert changed["hold"] == {"words": [], "patterns": ["a{1,2}b"], "domains": ["spam.example"]}
    assert changed["retention_days"] == {"rejected": 7, "labels": 730}
    assert changed["webhook_url"] == "https://blog.example/hook"
    assert blog.json("site", "show", "blog") == changed


def test_what_is_not_named_stays(blog: Commands) -> None:
    blog.json("site", "set", "blog", "block.words=casino", "thresholds.spam.review=0.4")

    changed = blog.json("site", "set", "blog", "block.domains=a.example", "thresholds.toxicity.review=0.5")

    assert changed["block"] == {"words": ["casino"], "patterns": [], "domains": ["a.example"]}
    assert changed["thresholds"]["spam"]["review"] == 0.4


@pytest.mark.parametrize(
    "word, said",
    [
        ("nope=1", "nope: There is no such field."),
        ("thresholds.ham.review=0.5", "thresholds.ham"),
        ("thresholds.spam.review=2", "thresholds.spam.review"),
        ("thresholds.spam.review=NaN", "thresholds.spam.review"),
        ("thresholds.spam.review=abc", "thresholds.spam.review"),
        ("links_allowed=-1", "links_allowed"),
        ("links_allowed=1.5", "links_allowed"),
        ("links_allowed=" + "9" * 5000, "links_allowed"),
        ("hold_first_comment=maybe", "hold_first_comment"),
        ("rate_limit=60/fortnight", "rate_limit"),
        ("block.words=[1]", "block.words.0"),
        ("block.patterns=(a", "block.patterns.0"),
        ("block.patterns=[", "block.patterns"),
        ("webhook_url=ftp://x", "webhook_url"),
        ("webhook_url=https://a:b@x.example/", "webhook_url"),
        ("webhook_url=https://x.example:25/", "Port 25"),
        ("retention_days=7", "retention_days"),
        ("allowed_attributes=all", "allowed_attributes"),
        ("rate_limit", "FIELD=VALUE"),
        ("=3", "FIELD=VALUE"),
        ("block.words.x=1", "block.words"),
    ],
)
def test_wrong_assignment_gets_a_sentence_and_changes_nothing(blog: Commands, word: str, said: str) -> None:
    before = blog.json("site", "show", "blog")

    assert said in blog.refused(
        "site", "set", "blog", "links_allowed=9" if "links" not in word else "rate_limit=off", word
    )

    assert blog.json("site", "show", "blog") == before


def test_all_faults_are_named_at_once(blog: Commands) -> None:
    said = blog.refused("site", "set", "blog", "nope=1", "links_allowed=x", "rate_limit=5/day")

    assert all(f"{name}:" in said for name in ("nope", "links_allowed", "rate_limit"))


def test_field_given_twice_is_refused(blog: Commands) -> None:
    assert "twice" in blog.refused("site", "set", "blog", "links_allowed=1", "links_allowed=2")
    assert "contradicts" in blog.refused("site", "set", "blog", "thresholds.spam=null", "thresholds.spam.review=0.1")


def test_review_above_reject_is_refused(blog: Commands) -> None:
    said = blog.refused("site", "set", "blog", "thresholds.spam.review=0.9", "thresholds.spam.reject=0.5")

    assert "thresholds.spam.review" in said


@pytest.mark.parametrize(
    "words",
    [
        ["set", "other", "links_allowed=1"], ["show", "other"], ["key", "add", "other"], ["key", "list", "other"],
        ["key", "revoke", "other", "key1"], ["webhook-test", "other"], ["webhook-secret", "other"],
        ["webhook-enable", "other"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_unknown_site_is_named(blog: Commands, words: list[str]) -> None:
    assert "'other'" in blog.refused("site", *words)


def test_keys_are_added_listed_and_revoked(blog: Commands) -> None:
    blog.json("site", "key", "add", "blog")
    assert [key["id"] for key in blog.json("site", "key", "list", "blog")["keys"]] == ["key1", "key2"]

    assert blog.json("site", "key", "revoke", "blog", "key1")["keys"] == ["key2"]

    assert "key1" in blog.refused("site", "key", "revoke", "blog", "key1")


def test_webhook_test_shows_the_answer_and_verifies(blog: Commands, receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(200, {}, b"thank \x1b[31myou\n")
    blog.json("site", "set", "blog", f"webhook_url={receiver.url}")

    answer = blog.json("site", "webhook-test", "blog")

    assert (answer["status"], answer["delivered"], answer["body"]) == (200, True, "thank  [31myou")
    assert 0 <= answer["seconds"] < 5
    secret = blog.json("site", "webhook-secret", "blog")["secret"]
    body = Webhook(secret).verify(receiver.requests[0].body, receiver.requests[0].headers)
    assert (body["type"], body["data"]) == ("winnow.test", {"site": "blog"})
    assert "200 after" in blog.run("site", "webhook-test", "blog").stdout


def test_webhook_test_fails_where_the_endpoint_does(blog: Commands, receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(302, {"Location": "/elsewhere"})
    blog.json("site", "set", "blog", f"webhook_url={receiver.url}")

    assert "302" in blog.refused("site", "webhook-test", "blog", code=1)
    assert len(receiver.requests) == 1


def test_webhook_test_says_that_nobody_listens(blog: Commands, receiver: Receiver) -> None:
    blog.json("site", "set", "blog", "webhook_url=http://127.0.0.3:1099/")

    assert "did not accept the connection" in blog.refused("site", "webhook-test", "blog", code=1)


def test_webhook_test_is_guarded(blog: Commands) -> None:
    with Receiver() as private:
        blog.json("site", "set", "blog", f"webhook_url={private.url}")

        said = blog.refused("site", "webhook-test", "blog")

        assert "loopback" in said
        assert "WINNOW_WEBHOOK_ALLOW_NETWORKS" in said
        assert private.requests == []


def test_webhook_commands_need_a_webhook(blog: Commands) -> None:
    assert "no webhook" in blog.refused("site", "webhook-test", "blog")
    assert "no webhook" in blog.refused("site", "webhook-enable", "blog")


def test_rotated_secret_keeps_the_previous_one(blog: Commands) -> None:
    first = blog.json("site", "webhook-secret", "blog")
    second = blog.json("site", "webhook-secret", "blog", "--rotate")

    assert first["previous"] is None
    assert second["previous"] == first["secret"] != second["secret"]
    assert len(base64.b64decode(second["secret"].removeprefix("whsec_"))) == 32
    assert blog.run("site", "webhook-secret", "blog").stdout.strip() == second["secret"]


def test_disabled_webhook_is_shown_and_enabled_again(blog: Commands) -> None:
    blog.json("site", "set", "blog", "webhook_url=https://blog.example/hook")
    connection = Connection(blog.redis_url)
    connection.client.hset(SiteKeys("blog").record, "webhook_disabled", "The endpoint answered 410 Gone.")
    connection.client.xadd(SiteKeys("blog").outbox, {"event": '{"id":"m","body":{"data":{"id":"c"}}}'})
    (delivery,) = Outbox(connection).claim("blog", token="t", limit=1)
    Outbox(connection).failed(delivery, delay_seconds=3600, now=datetime.now(UTC))
    assert "410 Gone" in blog.run("site", "list").stdout

    assert blog.json("site", "webhook-enable", "blog") == {"site": "blog", "waiting": 1}

    assert blog.json("site", "list")["sites"][0]["webhook"]["disabled"] is None
    assert Outbox(connection).backlog("blog").overdue == 1


def test_new_address_enables_a_disabled_webhook(blog: Commands) -> None:
    blog.json("site", "set", "blog", "webhook_url=https://blog.example/hook")
    Connection(blog.redis_url).client.hset(SiteKeys("blog").record, "webhook_disabled", "gone")

    blog.json("site", "set", "blog", "links_allowed=2")
    assert blog.json("site", "list")["sites"][0]["webhook"]["disabled"] == "gone"

    blog.json("site", "set", "blog", "webhook_url=https://blog.example/new")
    assert blog.json("site", "list")["sites"][0]["webhook"]["disabled"] is None


def test_list_without_sites_says_what_to_do(winnow: Commands) -> None:
    assert "winnow site add" in winnow.run("site", "list").stdout


def leaves(group: click.Group, prefix: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}"


@pytest.mark.parametrize("command", [*leaves(site_group, "site"), *leaves(comments_group, "comments")])
def test_every_command_has_help_with_an_example_and_json(winnow: Commands, command: str) -> None:
    result = winnow.run(*command.split(), "--help")

    assert result.exit_code == 0
    assert f"winnow {command}" in " ".join(result.stdout.partition("Example:")[2].split())
    assert "--json" in result.stdout


def test_text_from_elsewhere_cannot_steer_the_terminal() -> None:
    assert printable("\x1b]0;owned\x07 fine\r\n") == "]0;owned  fine"
    assert len(printable("x" * 1000)) < 210
