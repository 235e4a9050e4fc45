"""A borderline comment of an Akismet client: a person decides, and the client's callback hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs

import httpx
import pytest

from moderation.core.comment import RejectReason, Ruling
from moderation.service.decisions import Judgment
from tests.receiver import Receiver, Reply, poll
from tests.web.protocols.conftest import Live, working


@pytest.fixture
def wordpress() -> Iterator[Receiver]:
    """A blog's callback on loopback."""
    with Receiver() as receiver:
        yield receiver


def held(live: Live, wordpress: Receiver) -> tuple[str, str, str]:
    """Have a borderline comment of a site on loopback held; return the site, the comment's id and its guid."""
    _, key = live.services.sites.add("local", f"http://127.0.0.1:{wordpress.port}")
    fields = {"comment_author": "Jane", "comment_content": "See my channel", "callback": wordpress.url}
    form = {"api_key": key, "blog": "http://127.0.0.1", **fields}
    answer = httpx.post(live.url + "/1.1/comment-check", data=form)
    (waiting,) = live.services.queue.pending_page("local", limit=10)
    return key, waiting.comment_id, answer.headers["X-akismet-guid"]


@pytest.mark.parametrize(
    "ruling, reason, result",
    [(Ruling.REJECT, RejectReason.SPAM, "true"), (Ruling.APPROVE, None, "false")],
    ids=["spam", "ham"],
)
def test_callback_hears_the_decision(
    live: Live, wordpress: Receiver, ruling: Ruling, reason: RejectReason | None, result: str
) -> None:
    key, comment_id, guid = held(live, wordpress)
    site = live.services.sites.read("local")

    with working(live.services):
        live.services.decisions.decide(site, comment_id, Judgment(ruling=ruling, reason=reason, moderator="alice"))
        poll(lambda: wordpress.requests)

    (request,) = wordpress.requests
    assert request.headers["X-Akismet-Webhook"] == "1"
    assert {name: values[0] for name, values in parse_qs(request.body.decode()).items()} == {
        "key": key,
        "endpoint": "comment-check",
        "comments[0][guid]": guid,
        "comments[0][result]": result,
    }


def test_key_is_sealed_in_the_store(live: Live, wordpress: Receiver) -> None:
    key, comment_id, _ = held(live, wordpress)

    stored = str(live.services.connection.client.hgetall(f"w:{{local}}:c:{comment_id}"))

    assert key not in stored
    assert str(wordpress.port) not in stored


def test_undo_to_waiting_says_nothing_until_the_next_decision(live: Live, wordpress: Receiver) -> None:
    _, comment_id, _ = held(live, wordpress)
    site = live.services.sites.read("local")

    with working(live.services):
        live.services.decisions.decide(site, comment_id, Judgment(ruling=Ruling.REJECT, reason=RejectReason.SPAM))
        live.services.decisions.undo(site, comment_id)
        live.services.decisions.decide(site, comment_id, Judgment(ruling=Ruling.APPROVE))
        poll(lambda: len(wordpress.requests) == 2)

    assert [b"%5Bresult%5D=true" in one.body for one in wordpress.requests] == [True, False]


@pytest.mark.slow
def test_callback_that_is_gone_is_given_up_without_harm_to_the_site(live: Live, wordpress: Receiver) -> None:
    wordpress.answer = lambda _: Reply(410)
    _, comment_id, _ = held(live, wordpress)
    site = live.services.sites.read("local")
    client = live.services.connection.client

    with working(live.services):
        live.services.decisions.decide(site, comment_id, Judgment(ruling=Ruling.APPROVE))
        poll(lambda: wordpress.requests and not client.exists("w:{local}:deliveries"))

    assert live.services.sites.read("local").webhook_disabled is None
