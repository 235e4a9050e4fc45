"""Running a worker in a test, and giving it something to do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network

from moderation.core.comment import Comment, RejectReason, Ruling, Status, Submission
from moderation.service.decisions import Judgment
from moderation.service.services import Services
from moderation.webhooks.transport import Transport
from moderation.worker import Worker
from tests.receiver import Received, Receiver, Reply

LOOPBACK = (ip_network("127.0.0.0/8"),)
ALICE, BOB = "alice-site", "bob-site"
SECRET_NOTE = "please-do-not-log-me"


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
