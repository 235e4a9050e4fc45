"""Messages for Coral: telling it what was decided here, and asking it which comment an event is about.

Owns when there is nothing (more) to tell. What Coral is told is where the comment stands when the message goes out, and
only if Coral shows the same text that was decided on. Every message may be repeated: a decision that Coral has already
is not made again. Refuses to log anything but words and numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from moderation.core.comment import Comment, RejectReason, Status
from moderation.core.identity import Keyring
from moderation.core.site import Site
from moderation.service.coral import STATUSES, Coral
from moderation.service.coral_matching import Seen, place_of
from moderation.service.events import CORAL_SEEN
from moderation.store.outbox import Delivery
from moderation.webhooks.coral_access import CoralAccess, access_of
from moderation.webhooks.coral_api import CoralApi, CoralRefused, Remote
from moderation.webhooks.outcome import Outcome
from moderation.webhooks.schedule import retry_after_seconds
from moderation.webhooks.transport import Transport

WANTED = {status: name for name, status in STATUSES.items()}
REASONS = {RejectReason.SPAM: "SPAM", RejectReason.TOXIC: "ABUSIVE", RejectReason.OFF_TOPIC: "IRRELEVANT_CONTENT"}
NOT_YET = timedelta(minutes=15)  # A comment that Coral has not shown by then was never posted there.
LATER = timedelta(minutes=10)  # Comments that came to Coral this much earlier than ours end the search.


class CoralCourier:
    """Talks to Coral for the worker; safe for threads."""

    def __init__(self, coral: Coral, keyring: Keyring, transport: Transport, *, now: Callable[[], datetime]) -> None:
        self._coral = coral
        self._keyring = keyring
        self._api = CoralApi(transport)
        self._now = now

    def attempt(self, site: Site, delivery: Delivery) -> Outcome:
        """Do once what a message asks for; what Coral refuses is an outcome.

        Raises:
            WebhookRefused: If the access cannot be unsealed, or the guard does not let us call its address.
            NoAnswer: If no answer came.
        """
        started = time.monotonic()
        retry_after, is_done = 0.0, False
        try:
            result, is_done = self._done(site, delivery)
        except CoralRefused as error:
            result = error.result
            retry_after = retry_after_seconds(error.status, error.retry_after, now=self._now())
        return Outcome(result, time.monotonic() - started, is_delivered=is_done, retry_after=retry_after)

    def _done(self, site: Site, delivery: Delivery) -> tuple[str, bool]:
        access = access_of(site, self._keyring)
        if access is None:
            return "no-access", True  # It was taken away since.
        data = delivery.body["data"]
        if delivery.body["type"] == CORAL_SEEN:
            return self._look(site, access, data), True
        return self._tell(site, access, comment_id=data["comment"], mutation_id=delivery.id)

    def _look(self, site: Site, access: CoralAccess, data: dict[str, Any]) -> str:
        remote = self._api.fetch(access, data["coral_id"])
        if remote is None:
            return "gone"
        seen = _seen(remote, data["tenant"])
        return "connected" if self._coral.connect(site, seen, status=remote.status) else "unknown"

    def _tell(self, site: Site, access: CoralAccess, *, comment_id: str, mutation_id: str) -> tuple[str, bool]:
        comment = self._coral.matches.by_id(site, comment_id)
        if comment is None or comment.origin is None or comment.status not in WANTED:
            return "withdrawn", True  # Erased, or the decision was taken back.
        tenant, story = place_of(comment.origin)
        remote = self._remote(site, access, comment, place=(tenant, story))
        if remote is None:
            return "not-there", self._now() - comment.created_at > NOT_YET
        if remote.status == WANTED[comment.status]:
            return "told-before", True
        if comment.content is not None and not self._coral.matches.has_text(comment, _seen(remote, tenant)):
            return "edited-there", True  # Nobody has decided on that text.
        return self._moderate(site, access, comment, remote, mutation_id=mutation_id)

    def _moderate(
        self, site: Site, access: CoralAccess, comment: Comment, remote: Remote, *, mutation_id: str
    ) -> tuple[str, bool]:
        wanted = WANTED[comment.status]
        self._coral.matches.expect_echo(site, remote.id, wanted)
        if comment.status is Status.APPROVED:
            status = self._api.approve(access, remote, mutation_id=mutation_id)
        else:
            reason = comment.decision.reason if comment.decision else None
            code = REASONS.get(reason, "OTHER") if reason else "OTHER"
            status = self._api.reject(access, remote, mutation_id=mutation_id, reason=code)
        return ("told", True) if status == wanted else ("changed-meanwhile", False)

    def _remote(self, site: Site, access: CoralAccess, comment: Comment, *, place: tuple[str, str]) -> Remote | None:
        """Return the comment in Coral, searched for among the story's if no event has named it."""
        known = self._coral.matches.theirs(site, comment.id)
        if known is not None:
            return self._api.fetch(access, known)
        tenant, story = place
        found: dict[str, Remote] = {}
        for remote in self._api.latest(access, story):
            if remote.created_at is not None and remote.created_at < comment.created_at - LATER:
                break
            found[remote.id] = remote
        for remote in reversed(found.values()):  # Oldest first, as they arrived, so that equal ones are paired rightly.
            if self._coral.matches.has_text(comment, _seen(remote, tenant)):
                self._coral.matches.connect(site, _seen(remote, tenant))
        return found.get(self._coral.matches.theirs(site, comment.id) or "")


def _seen(remote: Remote, tenant: str) -> Seen:
    return Seen(
        id=remote.id,
        tenant=tenant,
        story=remote.story,
        author=remote.author,
        parent=remote.parent,
        body=remote.body,
        at=remote.created_at,
    )
