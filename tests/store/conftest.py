"""The classes that know the store, on a real one, and comments to put into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from moderation.core.comment import Comment, Status, Verdict
from moderation.core.reasons import Action
from moderation.core.site import ApiKey, Site
from moderation.store.comments import Comments
from moderation.store.connection import Connection
from moderation.store.queue import Queue
from moderation.store.sites import Sites
from moderation.store.writes import Addition

AT = datetime(2026, 11, 23, 16, 20, tzinfo=UTC)
ACTION_OF_STATUS = {Status.APPROVED: Action.APPROVE, Status.PENDING: Action.REVIEW, Status.REJECTED: Action.REJECT}
Adder = Callable[..., Comment]


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    """Give a connection to an empty store."""
    made = Connection(store_url)
    yield made
    made.close()


@pytest.fixture
def comments(connection: Connection) -> Comments:
    return Comments(connection)


@pytest.fixture
def queue(connection: Connection) -> Queue:
    return Queue(connection)


@pytest.fixture
def site(connection: Connection) -> Site:
    """Give site A as stored."""
    site = Site(name="site-a", url="https://a.example", created_at=AT, keys=(ApiKey("key1", "digest", AT),))
    Sites(connection).add(site)
    return site


def comment(number: int, status: Status = Status.PENDING, *, score: float = 0.5, **fields: object) -> Comment:
    """Return a comment that came ``number`` seconds after the first."""
    at = AT + timedelta(seconds=number)
    made = Comment(
        id=f"01K{number:023}",
        site="site-a",
        status=status,
        permalink="https://news.example/a/42",
        parent_id=None,
        external_id=None,
        author_id="k1.mallory",
        author_name="Mallory",
        author_url=None,
        content=f"text {number}",
        content_type="text/plain",
        language=None,
        type="comment",
        created_at=at,
        updated_at=at,
        version=1,
        verdict=Verdict(action=ACTION_OF_STATUS[status], scores={"spam": score}, model="base-1", reasons=()),
    )
    return replace(made, **fields)


@pytest.fixture
def add(comments: Comments, site: Site) -> Adder:
    """Give a function that stores a comment."""

    def store(number: int, status: Status = Status.PENDING, **fields: object) -> Comment:
        made = comment(number, status, **fields)  # type: ignore[arg-type]
        comments.add(Addition(comment=made, audit={"act": "submit"}))
        return made

    return store
