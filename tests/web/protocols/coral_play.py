"""A Coral that asks us and hears from us, and what its people and ours do there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from moderation.core.comment import Comment, RejectReason, Ruling
from moderation.service.decisions import Judgment
from moderation.store.outbox import Backlog
from moderation.webhooks.coral_access import CoralAccess, seal_access
from tests.receiver import Receiver, poll
from tests.web.protocols.conftest import Live
from tests.web.protocols.coral import SECRET, add_secret, ask, tell
from tests.web.protocols.coral_server import TOKEN, CoralServer


@contextmanager
def connected(live: Live) -> Iterator[CoralServer]:
    """Give a Coral that asks us, and that we may tell."""
    with Receiver() as receiver:
        server = CoralServer(receiver)
        receiver.answer = server.answer
        add_secret(live, SECRET)
        access = seal_access(CoralAccess(server.url, TOKEN), live.services.keyring)
        live.services.sites.set_coral_access(live.site, access)
        yield server


def decide(live: Live, comment: Comment, reason: RejectReason | None = None, *, moderator: str = "Alice") -> Comment:
    """Approve a comment, or reject it for a reason."""
    judgment = Judgment(
        ruling=Ruling.REJECT if reason else Ruling.APPROVE, reason=reason, moderator=moderator, override=True
    )
    return live.services.decisions.decide(live.services.sites.read(live.site), comment.id, judgment).comment


def backlog(live: Live) -> Backlog:
    return live.services.outbox.backlog(live.site)


def settled(live: Live) -> None:
    """Wait until the worker has nothing more to send."""
    poll(lambda: backlog(live).waiting == 0)


def post(live: Live, coral: CoralServer, coral_id: str, text: str, *, status: str = "SYSTEM_WITHHELD") -> None:
    """Have Coral ask about a comment and store it."""
    at = live.services.now()
    ask(live, text)
    coral.keep(coral_id, text, status=status, at=at)


def appear(live: Live, coral_id: str) -> None:
    """Have Coral tell that it withholds a comment, and wait until we have looked at it."""
    assert tell(live, "ENTERED", comment=coral_id, status="SYSTEM_WITHHELD").status_code == 204
    settled(live)
