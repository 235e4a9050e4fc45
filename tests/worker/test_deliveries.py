"""Deliveries: what each answer of an endpoint means, and that nobody waits for somebody else's server."""

from __future__ import annotations

import time

import pytest
import structlog
from standardwebhooks.webhooks import Webhook

from moderation import bootstrap
from moderation.config import Settings
from moderation.service.services import Services
from moderation.store.keys import SiteKeys
from moderation.store.outbox import Outbox
from tests.processes import slowdown
from tests.receiver import Received, Receiver, Reply, poll
from tests.worker.working import (
    ALICE,
    BOB,
    SECRET_NOTE,
    add_site,
    answers,
    ids,
    kinds,
    reject,
    submit,
    working,
)


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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_two_workers_deliver_each_message_once(services: Services, receiver: Receiver, outbox: Outbox) -> None:
    add_site(services, ALICE, receiver.url)
    for _ in range(40):
        submit(services, ALICE)
    second = bootstrap.build(services.settings, services.connection.url)

    with working(services), working(second):
        poll(lambda: outbox.backlog(ALICE).waiting == 0)

    assert len(ids(receiver)) == len(set(ids(receiver))) == 40


def test_messages_of_a_site_without_webhook_are_dropped(services: Services, outbox: Outbox, receiver: Receiver) -> None:
    add_site(services, ALICE, receiver.url)
    submit(services, ALICE)
    services.sites.change_policy(ALICE, {"webhook_url": None})

    with working(services):
        poll(lambda: outbox.backlog(ALICE).waiting == 0)

    assert receiver.requests == []


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
