"""Coral's comments: judging them in its moderation phase, and hearing what its moderators decided.

Owns how a comment of ours is found again although Coral's phase never says which comment it asks about. What is found
for certain is used; where two comments could be meant, nothing is done and ours waits for a person.
"""

from __future__ import annotations

import hashlib
import hmac
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from moderation.core.comment import Comment, RejectReason, Ruling, Status, Submission
from moderation.core.errors import Conflict, NotFound
from moderation.core.identity import Keyring
from moderation.core.site import Site
from moderation.core.text import plain_text
from moderation.service.decisions import Decisions, Judgment
from moderation.service.submissions import Clock, Edit, Submissions
from moderation.store.comments import Comments
from moderation.store.queue import Queue

MODERATOR = "coral"
NOTE = "Decided in Coral."
EDIT_WINDOW = timedelta(minutes=10)  # Coral lets people edit for 30 seconds unless it is set up otherwise.
ARRIVES_BEFORE = timedelta(seconds=5)  # The phase answers, then Coral stores the comment and writes the event.
CLOCKS_DIFFER = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Writing:
    """A comment as Coral's phase tells of it.

    Attributes:
        submission: Its author's id is the pseudonym of Coral's user id.
        story: Coral's id of the page.
        is_edit: Its author has changed it.
    """

    submission: Submission
    story: str
    is_edit: bool


class Coral:
    """Moderates for Coral; safe for threads."""

    def __init__(
        self,
        comments: Comments,
        queue: Queue,
        submissions: Submissions,
        decisions: Decisions,
        keyring: Keyring,
        *,
        now: Clock,
    ) -> None:
        self._comments = comments
        self._queue = queue
        self._submissions = submissions
        self._decisions = decisions
        self._key = keyring.newest.derive("coral-trace")
        self._now = now

    def judge(self, site: Site, writing: Writing) -> Comment:
        """Judge and store a comment, or the new text of one that its author edits; durable on return.

        Raises:
            RateLimited, SiteChanged: As submitting does.
        """
        comment = self._edited(site, writing)
        if comment is None:
            new = writing.submission
            trace = self._text_trace(new.content, new.content_type, new.parent_id)
            comment = self._submissions.submit(site, replace(new, trace=trace)).comment
        if comment.status is Status.PENDING:  # Only what is withheld has to be found by its page later.
            self._comments.remember(site.name, {self._trace("story", writing.story): comment.id})
        return comment

    def _edited(self, site: Site, writing: Writing) -> Comment | None:
        """Return the comment with its new text, or None if the author's latest one is not the one that is edited."""
        new = writing.submission
        if not writing.is_edit or not new.author.id:
            return None
        latest = self._queue.author_page(site.name, new.author.id, after=None, limit=1)
        found = next(iter(self._comments.get_many(site.name, [one.comment_id for one in latest])), None)
        if found is None or (found.permalink, found.parent_id) != (new.permalink, new.parent_id):
            return None
        if found.created_at < self._now() - EDIT_WINDOW:
            return None
        with suppress(Conflict, NotFound):  # Somebody was faster: the text is judged all the same, as a new comment.
            return self._submissions.edit(site, found.id, Edit(content=new.content, content_type=new.content_type))
        return None

    def withheld(self, site: Site, coral_id: str, *, story: str, at: datetime) -> bool:
        """Connect a comment that Coral withholds with the one of ours that must be meant.

        Args:
            site: Whose.
            coral_id: Coral's id of the comment.
            story: Coral's id of the page.
            at: When Coral wrote the event.

        Returns:
            Whether exactly one can be meant: of those that wait on that page, one came just before, and it is not
            connected yet.
        """
        named = self._trace("comment", coral_id)
        if self._comments.find_by_trace(site.name, named) is not None:
            return True
        latest = self._comments.find_by_trace(site.name, self._trace("story", story))
        if latest is None:
            return False
        ids = self._queue.arrived(site.name, latest.permalink, since=at - ARRIVES_BEFORE, until=at + CLOCKS_DIFFER)
        if len(ids) != 1 or self._comments.find_by_trace(site.name, self._trace("connected", ids[0])) is not None:
            return False
        self._comments.remember(site.name, {named: ids[0], self._trace("connected", ids[0]): ids[0]})
        return True

    def decided(self, site: Site, coral_id: str, *, is_approved: bool) -> bool:
        """Do in our queue what was decided in Coral's; False where no comment of ours that waits is connected."""
        found = self._comments.find_by_trace(site.name, self._trace("comment", coral_id))
        return found is not None and self._follow(site, found, is_approved=is_approved)

    def heard(self, site: Site, text: str, *, parent_id: str | None, is_approved: bool) -> bool:
        """Do in our queue what Coral tells about a text by way of Perspective's feedback; False as ``decided``."""
        found = self._comments.find_by_trace(site.name, self._text_trace(text, "text/plain", parent_id))
        return found is not None and self._follow(site, found, is_approved=is_approved)

    def _follow(self, site: Site, comment: Comment, *, is_approved: bool) -> bool:
        if comment.status is not Status.PENDING:
            return False
        # Coral does not say why it was rejected, so the decision teaches the classifier nothing.
        ruling = Ruling.APPROVE if is_approved else Ruling.REJECT
        reason = None if is_approved else RejectReason.OTHER
        judgment = Judgment(ruling=ruling, reason=reason, moderator=MODERATOR, note=NOTE, version=comment.version)
        try:
            self._decisions.decide(site, comment.id, judgment)
        except (Conflict, NotFound):  # One of our moderators was faster; their word stands.
            return False
        return True

    def _text_trace(self, content: str, content_type: str, parent_id: str | None) -> str:
        """Return what a text is found by; blanks do not count, since Coral and we turn HTML into other ones."""
        return self._trace("text", "".join(plain_text(content, content_type).split()), parent_id or "")

    def _trace(self, *parts: str) -> str:
        message = "\0".join(parts).encode("utf-8", "replace")
        return hmac.digest(self._key, message, hashlib.sha256)[:16].hex()
