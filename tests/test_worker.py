"""The worker against a real store and a real endpoint: nothing is lost, nobody waits for somebody else's server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
import structlog
from standardwebhooks.webhooks import Webhook

from moderation import bootstrap, worker
from moderation.config import Settings
from moderation.core.comment import Comment, RejectReason, Ruling, Status, Submission
from moderation.scoring import Scorer
from moderation.service.decisions import Judgment
from moderation.service.services import Services
from moderation.store.embedded import EmbeddedStore
from moderation.store.keys import SiteKeys
from moderation.store.outbox import Outbox
from moderation.webhooks.transport import Transport
from moderation.worker import Worker
from tests.keyword_model import KeywordModel
from tests.processes import ROOT, clean_environ, slowdown
from tests.receiver import Received, Receiver, Reply, poll

LOOPBACK = (ip_network("127.0.0.0/8"),)
ALICE, BOB = "alice-site", "bob-site"
SECRET_NOTE = "please-do-not-log-me"

KILLED_WORKER = """
import sys, threading
from ipaddress import ip_network
from pathlib import Path
from moderation import bootstrap
from moderation.config import Settings
from moderation.webhooks.transport import Transport
from moderation.worker import Worker
services = bootstrap.build(Settings(data_dir=Path(sys.argv[1]), redis_url=sys.argv[2]), sys.argv[2])
transport = Transport(allow=[ip_network("127.0.0.0/8")])
Worker(services, transport, claim_seconds=1.0).run(threading.Event())
"""


@pytest.fixture(autouse=True)
def _plain_logs() -> None:
    """Undo what commands that ran in this process set up."""
    structlog.reset_defaults()


@pytest.fixture
def services(settings: Settings, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    monkeypatch.setattr(Scorer, "model", KeywordModel())
    built = bootstrap.build(replace(settings, webhook_allow_networks=LOOPBACK), store_url)
    yield built
    built.connection.close()


@pytest.fixture
def outbox(services: Services) -> Outbox:
    return Outbox(services.connection)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shrink the waits between attempts; their number and all else stay as they are."""
    monkeypatch.setattr("moderation.webhooks.schedule.DELAYS", (0.0,) + (0.02,) * 9)
    monkeypatch.setattr("moderation.webhooks.traffic.LONGEST_PAUSE_SECONDS", 0.02)


@contextmanager
def working(services: Services, **options: float) -> Iterator[threading.Thread]:
    """Run a worker for the length of the block."""
    stop = threading.Event()
    transport = Transport(allow=services.settings.webhook_allow_networks, total_seconds=options.pop("total", 15.0))
    mine = Worker(services, transport, **options)
    thread = threading.Thread(target=mine.run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(5)
        assert not thread.is_alive(), "the worker did not stop"


def add_site(services: Services, name: str, url: str | None) -> None:
    services.sites.add(name, f"https://{name}.example")
    services.sites.change_policy(name, {"webhook_url": url, "rate_limit": "off", "email_required": False})


def submit(services: Services, site: str, text: str = "A perfectly plain remark") -> Comment:
    """Store a comment that waits for a person, whatever the classifier thinks of it."""
    services.sites.change_policy(site, {"hold": {"words": ["remark"]}})
    submission = Submission(content=text, permalink=f"https://{site}.example/a", author_name="Mallory")
    comment = services.submissions.submit(services.sites.read(site), submission).comment
    assert comment.status is Status.PENDING
    return comment


def reject(services: Services, site: str, comment: Comment) -> None:
    judgment = Judgment(ruling=Ruling.REJECT, reason=RejectReason.OFF_TOPIC, moderator="Alice", note=SECRET_NOTE)
    services.decisions.decide(services.sites.read(site), comment.id, judgment)


def kinds(receiver: Receiver) -> list[str]:
    return [json.loads(request.body)["type"] for request in receiver.requests]


def ids(receiver: Receiver) -> list[str]:
    return [request.headers["webhook-id"] for request in receiver.requests]


def answers(*replies: Reply) -> Callable[[Received], Reply]:
    """Give these answers one after the other, then the last one for ever."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def test_decision_reaches_the_website_signed(services: Services, receiver: Receiver, outbox: Outbox) -> None:
    add_site(services, ALICE, receiver.url)
    comment = submit(services, ALICE)
    reject(services, ALICE, comment)

    with working(services):
        poll(lambda: len(receiver.requests) == 2)
        poll(lambda: outbox.backlog(ALICE).waiting == 0)

    assert kinds(receiver) == ["comment.pending", "comment.rejected"]
    (secret,) = services.sites.webhook_secrets(services.sites.read(ALICE))
    body = Webhook(secret).verify(receiver.requests[1].body, receiver.requests[1].headers)
    assert body["data"] == {
        "id": comment.id,
        "external_id": None,
        "permalink": "https://alice-site.example/a",
        "status": "rejected",
        "decision": {**body["data"]["decision"], "decision": "reject", "reason": "off-topic", "moderator": "Alice"},
    }
    assert receiver.requests[1].headers["Content-Type"] == "application/json; charset=utf-8"


def test_both_secrets_sign_after_a_rotation(services: Services, receiver: Receiver) -> None:
    add_site(services, ALICE, receiver.url)
    (old,) = services.sites.webhook_secrets(services.sites.read(ALICE))
    services.sites.rotate_webhook_secret(ALICE)
    submit(services, ALICE)

    with working(services):
        poll(lambda: receiver.requests)

    new = services.sites.webhook_secrets(services.sites.read(ALICE))[0]
    for secret in (old, new):
        Webhook(secret).verify(receiver.requests[0].body, receiver.requests[0].headers)


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(
    "failure", [Reply(500), Reply(404), Reply(302, {"Location": "/elsewhere"}), Reply(199 + 101)], ids=str
)
def test_failure_is_tried_again_with_the_same_id(
    services: Services, receiver: Receiver, outbox: Outbox, failure: Reply
) -> None:
    add_site(services, ALICE, receiver.url)
    receiver.answer = answers(failure, failure, Reply(200))
    submit(services, ALICE)

    with working(services):
        poll(lambda: len(receiver.requests) == 3)
        poll(lambda: outbox.backlog(ALICE).waiting == 0)

    assert len(set(ids(receiver))) == 1
    assert len({request.body for request in receiver.requests}) == 1
    assert {request.path for request in receiver.requests} == {"/hook"}


def test_first_retry_comes_after_five_seconds(services: Services, receiver: Receiver, outbox: Outbox) -> None:
    add_site(services, ALICE, receiver.url)
    receiver.answer = answers(Reply(500))
    submit(services, ALICE)

    with working(services):
        poll(lambda: outbox.backlog(ALICE).next_at and not outbox.backlog(ALICE).overdue and receiver.requests)
        poll(lambda: not services.connection.client.hvals(SiteKeys(ALICE).deliveries)[0].startswith("0 "))
        planned = outbox.backlog(ALICE).next_at

    assert planned is not None
    assert 4.0 < (planned - services.now()).total_seconds() < 5.6


def test_retry_after_is_honoured(services: Services, receiver: Receiver, outbox: Outbox) -> None:
    add_site(services, ALICE, receiver.url)
    receiver.answer = answers(Reply(503, {"Retry-After": "600"}))
    submit(services, ALICE)

    with working(services):
        poll(lambda: (at := outbox.backlog(ALICE).next_at) and (at - services.now()).total_seconds() > 590)


def test_410_disables_the_webhook_and_an_operator_can_enable_it(
    services: Services, receiver: Receiver, outbox: Outbox
) -> None:
    add_site(services, ALICE, receiver.url)
    receiver.answer = answers(Reply(410), Reply(200))
    comment = submit(services, ALICE)

    with working(services):
        poll(lambda: services.sites.read(ALICE).webhook_disabled)
        reject(services, ALICE, comment)
        assert "410" in str(services.sites.read(ALICE).webhook_disabled)
        poll(lambda: outbox.backlog(ALICE).waiting == 2)
        assert len(receiver.requests) == 1

        services.sites.set_webhook_disabled(ALICE, None)
        outbox.resume(ALICE)
        poll(lambda: outbox.backlog(ALICE).waiting == 0, seconds=15)

    assert kinds(receiver) == ["comment.pending", "comment.pending", "comment.rejected"]


@pytest.mark.usefixtures("quick_retries")
def test_webhook_is_disabled_after_the_tenth_attempt_and_keeps_its_messages(
    services: Services, receiver: Receiver, outbox: Outbox
) -> None:
    add_site(services, ALICE, receiver.url)
    receiver.answer = answers(Reply(500))
    submit(services, ALICE)

    with working(services):
        poll(lambda: services.sites.read(ALICE).webhook_disabled, seconds=20)

    assert services.sites.read(ALICE).webhook_disabled == "All 10 attempts failed; the last one: 500."
    assert len(receiver.requests) == 10
    assert outbox.backlog(ALICE).waiting == 1


@pytest.mark.usefixtures("quick_retries")
def test_new_endpoint_is_not_punished_for_the_old_ones_410(services: Services, receiver: Receiver) -> None:
    with Receiver() as old:
        add_site(services, ALICE, old.url)

        def move(_: Received) -> Reply:
            services.sites.change_policy(ALICE, {"webhook_url": receiver.url})
            return Reply(410)

        old.answer = move
        submit(services, ALICE)

        with working(services):
            poll(lambda: receiver.requests)

    assert services.sites.read(ALICE).webhook_disabled is None


def test_private_address_is_not_called(services: Services, receiver: Receiver, settings: Settings) -> None:
    closed = bootstrap.build(settings, services.connection.url)
    add_site(closed, ALICE, receiver.url)
    submit(closed, ALICE)

    with structlog.testing.capture_logs() as lines, working(closed):
        poll(lambda: any(line["event"] == "webhook-failed" for line in lines))

    assert receiver.requests == []
    assert next(line for line in lines if line["event"] == "webhook-failed")["result"] == "refused"


def test_slow_endpoint_of_one_site_does_not_delay_another(services: Services, receiver: Receiver) -> None:
    with Receiver() as slow:
        slow.answer = lambda _: Reply(200, delay_seconds=4.0)
        add_site(services, ALICE, slow.url)
        add_site(services, BOB, receiver.url)
        for _ in range(30):
            submit(services, ALICE)

        with working(services):
            poll(lambda: slow.requests)
            started = time.monotonic()
            for _ in range(10):
                submit(services, BOB)
            poll(lambda: len(receiver.requests) == 10)
            seconds = time.monotonic() - started

    assert seconds < 2.0 * slowdown()
    assert len(slow.requests) <= 4


def test_stop_is_honoured_within_a_second_during_a_storm_and_nothing_is_held_back(
    services: Services, receiver: Receiver, outbox: Outbox
) -> None:
    receiver.answer = lambda _: Reply(200, delay_seconds=8.0)
    for number in range(12):
        add_site(services, f"site-{number}", receiver.url)
        for _ in range(4):
            submit(services, f"site-{number}")
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(services, stop), daemon=True)
    thread.start()
    poll(lambda: len(receiver.requests) >= 30)

    started = time.monotonic()
    stop.set()
    thread.join(5)
    seconds = time.monotonic() - started

    assert not thread.is_alive()
    assert seconds < 1.0 * slowdown()
    backlogs = [outbox.backlog(f"site-{number}") for number in range(12)]
    assert sum(one.waiting for one in backlogs) == 48
    assert sum(one.overdue for one in backlogs) == 48, "the next worker has to wait for claims to run out"


def test_messages_survive_kill_9_in_the_middle_of_a_delivery(
    services: Services, receiver: Receiver, outbox: Outbox, settings: Settings
) -> None:
    add_site(services, ALICE, receiver.url)
    receiver.answer = lambda _: Reply(200, delay_seconds=60.0)
    comments = [submit(services, ALICE) for _ in range(3)]
    command = [sys.executable, "-c", KILLED_WORKER, str(settings.data_dir), services.connection.url]
    process = subprocess.Popen(command, env=clean_environ())
    try:
        poll(lambda: len(receiver.requests) == 3, seconds=60)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert outbox.backlog(ALICE).waiting == 3
    lost = set(ids(receiver))

    receiver.requests.clear()
    receiver.answer = lambda _: Reply(200)
    with working(services):
        poll(lambda: outbox.backlog(ALICE).waiting == 0)

    assert set(ids(receiver)) == lost
    assert {json.loads(one.body)["data"]["id"] for one in receiver.requests} == {one.id for one in comments}


def test_command_ends_soon_after_sigterm_although_an_endpoint_hangs(
    services: Services, receiver: Receiver, outbox: Outbox, settings: Settings
) -> None:
    add_site(services, ALICE, receiver.url)
    receiver.answer = lambda _: Reply(200, delay_seconds=60.0)
    submit(services, ALICE)
    environ = clean_environ(
        WINNOW_DATA_DIR=str(settings.data_dir),
        WINNOW_REDIS_URL=services.connection.url,
        WINNOW_WEBHOOK_ALLOW_NETWORKS="127.0.0.0/8",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "moderation.cli", "worker"], env=environ, cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        poll(lambda: receiver.requests, seconds=60)
        started = time.monotonic()
        process.terminate()
        assert process.wait(20) == 0
        assert time.monotonic() - started < 3.0 * slowdown()
    finally:
        process.kill()
        process.wait()
    assert outbox.backlog(ALICE).overdue == 1


def test_two_workers_deliver_each_message_once(services: Services, receiver: Receiver, outbox: Outbox) -> None:
    add_site(services, ALICE, receiver.url)
    for _ in range(40):
        submit(services, ALICE)
    second = bootstrap.build(services.settings, services.connection.url)

    with working(services), working(second):
        poll(lambda: outbox.backlog(ALICE).waiting == 0)

    assert len(ids(receiver)) == len(set(ids(receiver))) == 40


def test_worker_waits_for_a_store_that_is_away_and_goes_on(tmp_path: Path, receiver: Receiver) -> None:
    settings = Settings(data_dir=tmp_path / "own", webhook_allow_networks=LOOPBACK)
    store = EmbeddedStore(settings, command="tests")
    store.own()
    store.start()
    try:
        services = bootstrap.build(settings, store.url)
        add_site(services, ALICE, receiver.url)
        with structlog.testing.capture_logs() as lines, working(services) as thread:
            submit(services, ALICE)
            poll(lambda: len(receiver.requests) == 1)
            assert store.pid is not None
            os.kill(store.pid, signal.SIGSTOP)
            poll(lambda: any(line["event"] == "store-unavailable" for line in lines))
            os.kill(store.pid, signal.SIGCONT)
            poll(lambda: any(line["event"] == "store-back" for line in lines))
            submit(services, ALICE)
            poll(lambda: len(receiver.requests) == 2)
            assert thread.is_alive()
        assert sum(line["event"] == "store-unavailable" for line in lines) == 1, "one line an outage, not one a turn"
        services.connection.close()
    finally:
        if store.pid is not None:
            os.kill(store.pid, signal.SIGCONT)
        store.close()


def test_worker_stops_within_a_second_while_the_store_hangs(tmp_path: Path) -> None:
    store = EmbeddedStore(Settings(data_dir=tmp_path / "own"), command="tests")
    store.own()
    store.start()
    try:
        services = bootstrap.build(Settings(data_dir=tmp_path / "own"), store.url)
        stop = threading.Event()
        thread = threading.Thread(target=worker.run, args=(services, stop), daemon=True)
        with structlog.testing.capture_logs() as lines:
            thread.start()
            poll(lambda: any(line["event"] == "worker-started" for line in lines))
            assert store.pid is not None
            os.kill(store.pid, signal.SIGSTOP)
            poll(lambda: any(line["event"] == "store-unavailable" for line in lines))
            started = time.monotonic()
            stop.set()
            thread.join(5)
        assert time.monotonic() - started < 1.2 * slowdown()
        services.connection.close()
    finally:
        if store.pid is not None:
            os.kill(store.pid, signal.SIGCONT)
        store.close()


def test_one_broken_site_does_not_stop_the_others(services: Services, receiver: Receiver) -> None:
    add_site(services, ALICE, receiver.url)
    add_site(services, BOB, receiver.url)
    submit(services, ALICE)
    submit(services, BOB)
    services.connection.client.hset(SiteKeys(ALICE).record, "policy", "not json")

    with structlog.testing.capture_logs() as lines, working(services):
        poll(lambda: receiver.requests)
        poll(lambda: any(line["event"] == "site-chore-failed" for line in lines))

    assert json.loads(receiver.requests[0].body)["data"]["permalink"].startswith("https://bob-site")
    assert {line["site"] for line in lines if line["event"] == "site-chore-failed"} == {ALICE}


def test_messages_of_a_site_without_webhook_are_dropped(services: Services, outbox: Outbox, receiver: Receiver) -> None:
    add_site(services, ALICE, receiver.url)
    submit(services, ALICE)
    services.sites.change_policy(ALICE, {"webhook_url": None})

    with working(services):
        poll(lambda: outbox.backlog(ALICE).waiting == 0)

    assert receiver.requests == []


def test_leases_that_ran_out_are_freed(services: Services) -> None:
    add_site(services, ALICE, None)
    comment = submit(services, ALICE)
    services.queue.claim(ALICE, "Alice", seconds=0, ids=[comment.id])
    assert services.connection.client.zcard(SiteKeys(ALICE).lease) == 1

    with working(services):
        poll(lambda: services.connection.client.zcard(SiteKeys(ALICE).lease) == 0)


def test_text_of_long_rejected_comments_goes_in_slices(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "PURGE_SLICE", 3)
    add_site(services, ALICE, None)
    comments = [submit(services, ALICE) for _ in range(8)]
    for one in comments[:7]:
        reject(services, ALICE, one)
    later = services.now() + timedelta(days=31)
    monkeypatch.setattr(services.privacy, "_now", lambda: later)

    with working(services):
        poll(lambda: sum(one.content is None for one in stored(services, comments)) == 7)

    assert stored(services, comments)[7].content is not None


def stored(services: Services, comments: list[Comment]) -> list[Comment]:
    return services.comments.get_many(ALICE, [one.id for one in comments])


def test_heartbeat_is_there_while_it_works(services: Services, outbox: Outbox) -> None:
    assert outbox.last_beat() is None

    with working(services):
        poll(lambda: outbox.last_beat() is not None)

    assert abs((services.now() - outbox.last_beat()).total_seconds()) < 10  # type: ignore[operator]


def test_logs_hold_neither_bodies_nor_urls(services: Services, receiver: Receiver) -> None:
    add_site(services, ALICE, receiver.url + "?token=hidden")
    receiver.answer = answers(Reply(500, body=b"the-answers-body"), Reply(200))
    reject(services, ALICE, submit(services, ALICE))

    with structlog.testing.capture_logs() as lines, working(services):
        poll(lambda: any(line["event"] == "webhook-failed" for line in lines))

    said = repr(lines)
    for private in (SECRET_NOTE, "hidden", "the-answers-body", "127.0.0.1", "Mallory", "plain remark"):
        assert private not in said
    failed = next(line for line in lines if line["event"] == "webhook-failed")
    assert {"site", "message", "attempt", "result", "seconds", "retry_in_seconds"} <= set(failed)
