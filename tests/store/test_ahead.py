"""Asking the store ahead of time: the reply is the same, and what goes wrong is said and repaired when it is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from moderation.core.comment import Context
from moderation.core.errors import NotFound, StoreUnavailable
from moderation.core.site import Site
from moderation.store.comments import Comments
from moderation.store.connection import FAILURES_TO_TRIP, Connection
from tests.store.test_connection import LosingProxy, addition, proxy, shaky

__all__ = ["proxy", "shaky"]  # Fixtures.


def ahead(comments: Comments, site: str = "site-a", author: str = "k1.mallory") -> Callable[[], Context]:
    return comments.context_ahead(site, author_ids=[author], idempotency=None, copy_key="k")


def test_each_of_several_gets_its_own_reply(comments: Comments, site: Site) -> None:
    comments.add(addition())

    known, unknown = ahead(comments), ahead(comments, author="k1.nobody")

    assert (unknown().author.pending, known().author.pending) == (0, 1)


def test_replies_that_nobody_reads_are_not_taken_for_others(comments: Comments, site: Site) -> None:
    comments.add(addition())

    for _ in range(3):
        ahead(comments)

    assert ahead(comments)().author.pending == 1
    assert comments.get("site-a", addition().comment.id).version == 1


def test_a_site_that_is_gone_is_said_when_the_reply_is_read(comments: Comments, site: Site) -> None:
    asked = ahead(comments, "site-z")

    with pytest.raises(NotFound):
        asked()


def test_a_reply_that_was_lost_is_asked_for_again(shaky: Comments, proxy: LosingProxy) -> None:
    shaky.add(addition())
    proxy.losses = 1

    assert ahead(shaky)().author.pending == 1
    assert proxy.losses == 0, "a reply was lost"


def test_scripts_that_the_server_forgot_are_sent_again(connection: Connection, comments: Comments, site: Site) -> None:
    ahead(comments)()
    connection.client.script_flush()

    assert ahead(comments)().policy_version == site.version


def test_a_store_that_is_away_is_said_within_the_time_limit(tmp_path: Path) -> None:
    comments = Comments(Connection(f"unix://{tmp_path}/nobody.sock"))
    began = time.monotonic()

    for _ in range(FAILURES_TO_TRIP + 2):  # The last ones are answered by the breaker.
        asked = ahead(comments)
        with pytest.raises(StoreUnavailable):
            asked()

    assert time.monotonic() - began < 1.0
