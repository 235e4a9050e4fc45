"""Killed, stopped, or without a store: the worker loses nothing and goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import structlog

from moderation import bootstrap, worker
from moderation.config import Settings
from moderation.service.services import Services
from moderation.store.embedded import EmbeddedStore
from moderation.store.keys import SiteKeys
from moderation.store.outbox import Outbox
from tests.processes import ROOT, clean_environ, slowdown
from tests.receiver import Receiver, Reply, poll
from tests.worker.working import (
    ALICE,
    BOB,
    LOOPBACK,
    add_site,
    ids,
    submit,
    working,
)

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


@pytest.mark.alone
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


@pytest.mark.alone
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


@pytest.mark.alone
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


@pytest.mark.alone
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


@pytest.mark.alone
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
