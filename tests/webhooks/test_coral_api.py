"""Coral's answers, as they should be and as anything else: read without harm, or refused in a word."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from typing import Any

import pytest

from moderation.webhooks.coral_access import CoralAccess
from moderation.webhooks.coral_api import PAGE, PAGES_MAX, CoralApi, CoralRefused
from moderation.webhooks.transport import Transport
from tests.receiver import Receiver, Reply
from tests.web.protocols.coral_server import TOKEN

ODD: list[Any] = [None, 3, "x", [], [None, 3], {}, {"id": 3}, {"id": ["x"]}, {"nodes": [None, {"id": None}]}]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def api() -> CoralApi:
    return CoralApi(Transport(allow=(ipaddress.ip_network("127.0.0.0/8"),)))


def access(receiver: Receiver) -> CoralAccess:
    return CoralAccess(f"http://127.0.0.1:{receiver.port}", TOKEN)


def data(**fields: Any) -> Reply:
    return Reply(200, body=json.dumps({"data": fields}).encode())


@pytest.mark.parametrize("odd", ODD, ids=json.dumps)
def test_odd_data_is_nothing(receiver: Receiver, api: CoralApi, odd: Any) -> None:
    receiver.answer = lambda _: data(viewer=odd, comment=odd, comments=odd)

    assert not api.role(access(receiver))
    assert api.fetch(access(receiver), "coral-1") is None
    assert list(api.latest(access(receiver), "story-1")) == []


@pytest.mark.parametrize(
    "reply, result",
    [
        (Reply(500), "500"),
        (Reply(302, {"Location": "http://127.0.0.1:1/"}), "302"),
        (Reply(200), "unreadable"),
        (Reply(200, body=b"[" * 10_000), "unreadable"),
        (Reply(200, body=b"\xff"), "unreadable"),
        (Reply(200, body=b"x" * 200_000), "unreadable"),
        (Reply(200, body=b"[]"), "graphql"),
        (Reply(200, body=b'{"data": null}'), "graphql"),
        (Reply(200, body=b'{"errors": [{"message": "m"}], "data": {"viewer": {"role": "ADMIN"}}}'), "graphql"),
    ],
    ids=["500", "redirect", "empty", "deep", "bytes", "long", "list", "no data", "errors"],
)
def test_what_is_no_answer_is_refused_in_a_word(receiver: Receiver, api: CoralApi, reply: Reply, result: str) -> None:
    receiver.answer = lambda _: reply

    with pytest.raises(CoralRefused) as caught:
        api.role(access(receiver))

    assert caught.value.result == result


def test_pages_that_never_end_are_left(receiver: Receiver, api: CoralApi) -> None:
    row = {"id": "coral-1", "createdAt": "yesterday", "status": None, "author": None}
    page = {"nodes": [row] * PAGE, "pageInfo": {"hasNextPage": True, "endCursor": 3}}
    receiver.answer = lambda _: data(comments=page)

    found = list(api.latest(access(receiver), "story-1"))

    assert len(found) <= PAGE * PAGES_MAX
    assert {(one.created_at, one.status, one.author) for one in found} == {(None, "", "")}


def test_token_goes_into_its_header_alone(receiver: Receiver, api: CoralApi) -> None:
    receiver.answer = lambda _: data(viewer={"id": "1", "role": "ADMIN"})

    assert api.role(access(receiver)) == "ADMIN"
    (request,) = receiver.requests
    assert request.path == "/api/graphql"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN.encode() not in request.body
    assert TOKEN not in repr(access(receiver))
