"""What is told about a change: webhook messages to the site, entries to the audit trail.

Shapes follow the Standard Webhooks specification: ``{type, timestamp, data}``; thin, never the comment's text.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from moderation.core.comment import Comment, Decision, Status, to_milliseconds
from moderation.core.site import Site

EVENT_OF_STATUS = {
    Status.APPROVED: "comment.approved",
    Status.PENDING: "comment.pending",
    Status.REJECTED: "comment.rejected",
}
RESTORED = "comment.restored"
CORAL_DECIDED = "coral.decided"
CORAL_SEEN = "coral.seen"


def timestamp(at: datetime) -> str:
    """Return RFC 3339 in UTC with milliseconds, as ``2026-11-23T16:20:00.123Z``."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def decision_document(decision: Decision | None) -> dict[str, Any] | None:
    """Return a decision as the API and the webhooks show it."""
    if decision is None:
        return None
    return {
        "decision": decision.ruling.value,
        "reason": decision.reason.value if decision.reason else None,
        "moderator": decision.moderator,
        "note": decision.note,
        "at": timestamp(decision.at),
    }


def event_for(
    site: Site, kind: str, comment: Comment, *, new_id: Callable[[], str], at: datetime
) -> dict[str, object] | None:
    """Return the message about a change, or None where nobody is to be told.

    A comment that came with a callback is told to that; all others to the site's webhook, if it has one.
    """
    if comment.callback is None and site.policy.webhook_url is None:
        return None
    if comment.callback is not None and comment.status is Status.PENDING:
        return None  # A callback can say spam or ham only; that the comment waits, its client knows.
    event = webhook_event(kind, comment, message_id=new_id(), at=at)
    return event if comment.callback is None else {**event, "callback": comment.callback}


def coral_event(site: Site, comment: Comment, *, new_id: Callable[[], str], at: datetime) -> dict[str, object] | None:
    """Return the message that lets Coral know of a decision, or None where it is not to be told.

    It names the comment alone: what Coral is told is where the comment stands when the message goes out.
    """
    if comment.origin is None or site.coral_access is None or comment.status is Status.PENDING:
        return None  # Coral knows no way back to where nothing was decided.
    return coral_message(CORAL_DECIDED, f"coral:{comment.id}", new_id=new_id, at=at, comment=comment.id)


def coral_message(
    kind: str, chain: str, *, new_id: Callable[[], str], at: datetime, **facts: object
) -> dict[str, object]:
    """Return a message for Coral: messages of one chain go out one after the other."""
    body = {"type": kind, "timestamp": timestamp(at), "data": {"id": chain, **facts}}
    return {"id": f"msg_{new_id()}", "body": body, "coral": True}


def webhook_event(kind: str, comment: Comment, *, message_id: str, at: datetime) -> dict[str, object]:
    """Return a webhook message: its id and the body that is signed and sent."""
    body = {
        "type": kind,
        "timestamp": timestamp(at),
        "data": {
            "id": comment.id,
            "external_id": comment.external_id,
            "permalink": comment.permalink,
            "status": comment.status.value,
            "decision": decision_document(comment.decision),
        },
    }
    return {"id": f"msg_{message_id}", "body": body}


def audit_entry(act: str, comment: Comment, *, who: str, at: datetime, **facts: object) -> dict[str, object]:
    """Return an audit entry: who did what to which comment, and where it stands since."""
    return {
        "at": to_milliseconds(at),
        "act": act,
        "comment": comment.id,
        "who": who,
        "status": comment.status.value,
        **facts,
    }
