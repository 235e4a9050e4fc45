"""The connection: time limits, a breaker, and writes that are repeated after a lost reply without harm."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from moderation.core.comment import Comment, Decision, Idempotency, RejectReason, Ruling, Status
from moderation.core.errors import StoreUnavailable
from moderation.core.site import Site
from moderation.store.comments import Comments
from moderation.store.connection import FAILURES_TO_TRIP, TRIPPED_SECONDS, VAIN_SECONDS, Breaker, Connection
from moderation.store.writes import Addition, Change, Label
from tests.cast import everything_in
from tests.processes import wait_for
from tests.store.conftest import AT, comment


class LosingProxy:
    """A UNIX socket before the store that can lose the reply to the next request, or every one."""

    def __init__(self, path: Path, upstream: str) -> None:
        self.url = f"unix://{path}"
        self.losses = 0
        self._upstream = upstream.removeprefix("unix://")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pump, args=(client,), daemon=True).start()

    def _pump(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
            server.connect(self._upstream)
            while request := client.recv(1 << 20):
                server.sendall(request)
                reply = server.recv(1 << 20)
                if self.losses and b"EVAL" in request and b"NOSCRIPT" not in reply:
                    self.losses -= 1
                    return
                client.sendall(reply)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def proxy(store_url: str, tmp_path: Path) -> Iterator[LosingProxy]:
    made = LosingProxy(tmp_path / "p.sock", store_url)
    yield made
    made.close()


@pytest.fixture
def shaky(proxy: LosingProxy, site: Site) -> Iterator[Comments]:
    """Give comments behind the proxy; its first connection is made while nothing is lost."""
    connection = Connection(proxy.url)
    connection.ping()
    yield Comments(connection)
    connection.close()


def addition(**fields: object) -> Addition:
    return Addition(comment=comment(1), audit={"act": "submit"}, event={"id": "msg_1"}, copy_key="k", **fields)  # type: ignore[arg-type]


def decided(before: Comment) -> Change:
    at = AT + timedelta(minutes=1)
    decision = Decision(ruling=Ruling.REJECT, reason=RejectReason.SPAM, moderator="Alice", at=at)
    after = replace(before, status=Status.REJECTED, decision=decision, version=before.version + 1, updated_at=at)
    return Change(
        before=before,
        after=after,
        operation_id="op-1",
        audit={"act": "decide"},
        event={"id": "msg_2"},
        label=Label(row={"labels": {}}, days=1),
        counters=("decision:reject",),
        counted_at=at,
    )


@pytest.mark.parametrize("with_key", [False, True])
def test_a_submission_whose_reply_was_lost_is_stored_once(
    shaky: Comments, proxy: LosingProxy, store_url: str, with_key: bool
) -> None:
    proxy.losses = 1

    shaky.add(addition(idempotency=Idempotency("digest", "print") if with_key else None))

    found = everything_in(store_url)
    assert proxy.losses == 0, "a reply was lost"
    assert len(found["w:{site-a}:audit"]) == len(found["w:{site-a}:outbox"]) == 1
    assert found["w:{site-a}:a:k1.mallory"]["pending"] == "1"
    assert found["w:{site-a}:n:k"] == "1"


def test_a_decision_whose_reply_was_lost_is_made_once(shaky: Comments, proxy: LosingProxy, store_url: str) -> None:
    shaky.add(addition())
    proxy.losses = 1

    assert shaky.decide(decided(comment(1))) is None

    found = everything_in(store_url)
    assert proxy.losses == 0
    assert found["w:{site-a}:c:" + comment(1).id]["version"] == "2"
    assert found["w:{site-a}:d:20261123"]["decision:reject"] == "1"
    assert len(found["w:{site-a}:audit"]) == 2
    assert found["w:{site-a}:a:k1.mallory"] == {"pending": "0", "rejected": "1", "first_seen": str(_ms(comment(1)))}


def _ms(one: Comment) -> int:
    return int(one.created_at.timestamp() * 1000)


def test_an_edit_whose_reply_was_lost_is_made_once(shaky: Comments, proxy: LosingProxy, store_url: str) -> None:
    shaky.add(addition())
    proxy.losses = 1
    after = replace(comment(1), content="new", version=2)

    shaky.edit(Change(before=comment(1), after=after, operation_id="op", audit={}, counted_at=AT))

    assert proxy.losses == 0
    assert everything_in(store_url)["w:{site-a}:c:" + comment(1).id]["version"] == "2"


def test_replies_that_are_always_lost_are_an_error(shaky: Comments, proxy: LosingProxy) -> None:
    proxy.losses = 2

    with pytest.raises(StoreUnavailable):
        shaky.add(addition())


def test_nobody_there_is_said_at_once_and_soon_without_asking(tmp_path: Path) -> None:
    connection = Connection(f"unix://{tmp_path}/nothing.sock")
    started = time.monotonic()
    for _ in range(FAILURES_TO_TRIP + 50):
        with pytest.raises(StoreUnavailable):
            connection.ping()

    assert time.monotonic() - started < 1


def test_the_breaker_lets_the_next_one_through_after_a_while(store_url: str, tmp_path: Path) -> None:
    path = tmp_path / "later.sock"
    connection = Connection(f"unix://{path}")
    for _ in range(FAILURES_TO_TRIP):
        with pytest.raises(StoreUnavailable):
            connection.ping()
    late = LosingProxy(path, store_url)

    with pytest.raises(StoreUnavailable):
        connection.ping()
    deadline = time.monotonic() + 20 * TRIPPED_SECONDS
    answered = False
    while not answered and time.monotonic() < deadline:
        with suppress(StoreUnavailable):
            connection.ping()
            answered = True

    assert answered
    connection.close()
    late.close()


@pytest.mark.alone
def test_a_server_that_is_slow_to_answer_is_given_half_a_second(connection: Connection) -> None:
    connection.ping()
    connection.client.client_pause(1200, all=True)
    started = time.monotonic()

    with pytest.raises(StoreUnavailable):
        connection.ping()

    assert time.monotonic() - started < 0.9
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with suppress(StoreUnavailable):
            connection.ping()
            return
    pytest.fail("It did not come back.")


@pytest.mark.alone
def test_who_comes_after_a_wait_in_vain_does_not_wait_again(connection: Connection) -> None:
    connection.ping()
    connection.client.client_pause(900, all=True)
    with pytest.raises(StoreUnavailable):
        connection.ping()
    started = time.monotonic()

    with pytest.raises(StoreUnavailable):
        connection.ping()

    assert time.monotonic() - started < VAIN_SECONDS
    wait_for(lambda: _answers(connection), seconds=20 * TRIPPED_SECONDS, what="answer")


def test_one_lost_reply_does_not_count_for_those_who_are_answered() -> None:
    breaker = Breaker()
    began = time.monotonic() - 2 * VAIN_SECONDS
    breaker.succeeded()  # Somebody else, meanwhile.

    breaker.failed(TimeoutError(), began)

    breaker.check()


def test_a_full_server_is_unavailable_and_not_a_bug(connection: Connection, comments: Comments, site: Site) -> None:
    connection.client.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable):
            comments.add(addition())
    finally:
        connection.client.config_set("maxmemory", 0)

    assert comments.add(addition()).replay is None


def test_scripts_that_the_server_forgot_are_sent_again(connection: Connection, comments: Comments, site: Site) -> None:
    comments.add(addition())
    connection.client.script_flush()

    assert comments.context(site.name, author_ids=["k1.mallory"], idempotency=None, copy_key=None).author.pending == 1


def test_a_closed_connection_opens_again(connection: Connection) -> None:
    connection.ping()
    connection.close()
    connection.ping()


def test_the_log_says_once_that_the_store_is_away_and_once_that_it_is_back(store_url: str, tmp_path: Path) -> None:
    path = tmp_path / "later.sock"
    connection = Connection(f"unix://{path}")
    with capture_logs() as said:
        for _ in range(5):
            with pytest.raises(StoreUnavailable):
                connection.ping()
        late = LosingProxy(path, store_url)
        wait_for(lambda: _answers(connection), seconds=20 * TRIPPED_SECONDS, what="answer")

    assert [line["event"].partition(";")[0] for line in said] == ["The store is away", "The store is back."]
    assert said[0]["cause"] == "ConnectionError"
    connection.close()
    late.close()


def _answers(connection: Connection) -> bool:
    with suppress(StoreUnavailable):
        connection.ping()
        return True
    return False
