"""Coral's comments: judging them in its moderation phase, and keeping its queue and ours in step.

Owns what follows from an event of Coral's, and what Coral is asked to do. Which comment is meant is
``coral_matching``'s; where it is not certain, nothing is done and ours waits for a person.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import structs

from moderation.core.comment import Comment, RejectReason, Ruling, Status, Submission
from moderation.core.errors import Conflict, NotFound
from moderation.core.site import Site
from moderation.service.coral_matching import Matches, Seen, origin_of
from moderation.service.decisions import Decisions, Judgment
from moderation.service.events import CORAL_SEEN, coral_message
from moderation.service.submissions import Clock, Edit, Submissions
from moderation.store.outbox import Outbox

MODERATOR = "coral"
NOTE = "Decided in Coral."
EDIT_WINDOW = timedelta(minutes=10)  # Coral lets people edit for 30 seconds unless it is set up otherwise.
STATUSES = {"APPROVED": Status.APPROVED, "REJECTED": Status.REJECTED}


@dataclass(frozen=True, slots=True)
class Writing:
    """A comment as Coral's phase tells of it.

    Attributes:
        submission: Its author's id is the pseudonym of Coral's user id.
        tenant: Coral's id of itself; one installation may serve several publishers.
        story: Coral's id of the page.
        is_edit: Its author has changed it.
    """

    submission: Submission
    tenant: str
    story: str
    is_edit: bool


class Coral:
    """Moderates for Coral; safe for threads."""

    def __init__(
        self,
        matches: Matches,
        submissions: Submissions,
        decisions: Decisions,
        outbox: Outbox,
        *,
        now: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self.matches = matches
        self._submissions = submissions
        self._decisions = decisions
        self._outbox = outbox
        self._now = now
        self._new_id = new_id

    def judge(self, site: Site, writing: Writing) -> Comment:
        """Judge and store a comment, or the new text of one that its author edits; durable on return.

        Raises:
            RateLimited, SiteChanged: As submitting does.
        """
        comment = self._edited(site, writing)
        if comment is None:
            new = writing.submission
            trace = self.matches.text_trace(new.content, new.content_type, new.parent_id)
            origin = origin_of(writing.tenant, writing.story)
            comment = self._submissions.submit(site, structs.replace(new, trace=trace, origin=origin)).comment
        if comment.status is Status.PENDING:  # Only what is withheld has to be found by its page later.
            self.matches.note_page(site, comment, writing.story)
        return comment

    def _edited(self, site: Site, writing: Writing) -> Comment | None:
        """Return the comment with its new text, or None if the author's latest one is not the one that is edited."""
        new = writing.submission
        if not writing.is_edit or not new.author.id:
            return None
        found = self.matches.latest_of(site, new.author.id)
        if found is None or (found.permalink, found.parent_id) != (new.permalink, new.parent_id):
            return None
        if found.created_at < self._now() - EDIT_WINDOW:
            return None
        with suppress(Conflict, NotFound):  # Somebody was faster: the text is judged all the same, as a new comment.
            return self._submissions.edit(site, found.id, Edit(content=new.content, content_type=new.content_type))
        return None

    def appeared(self, site: Site, coral_id: str, *, tenant: str) -> None:
        """Have the worker ask Coral about a comment that is new there, unless it is connected already; durable."""
        if self.matches.ours(site, coral_id) is None:
            facts = {"coral_id": coral_id, "tenant": tenant}
            message = coral_message(CORAL_SEEN, f"seen:{coral_id}", new_id=self._new_id, at=self._now(), **facts)
            self._outbox.put(site.name, message)

    def withheld(self, site: Site, coral_id: str, *, story: str, at: datetime) -> bool:
        """Connect a comment that Coral withholds with the one of ours that must be meant; see ``connect_by_time``."""
        return self.matches.connect_by_time(site, coral_id, story=story, at=at)

    def connect(self, site: Site, seen: Seen, *, status: str) -> bool:
        """Connect a comment that Coral showed us, and follow what was decided there meanwhile."""
        found = self.matches.connect(site, seen)
        decided = STATUSES.get(status)
        if found is not None and decided not in (None, found.status):  # What agrees may be our own verdict.
            self._follow(site, found, STATUSES[status])
        return found is not None

    def decided(self, site: Site, coral_id: str, *, status: str) -> bool:
        """Do here what was decided in Coral; False where no comment of ours on which nobody decided is connected.

        Coral's event about a decision that we told it changes nothing.
        """
        if self.matches.is_echo(site, coral_id, status):
            return False
        found = self.matches.ours(site, coral_id)
        return found is not None and self._follow(site, found, STATUSES[status])

    def heard(self, site: Site, text: str, *, coral_id: str, parent_id: str | None, status: str) -> bool:
        """Do here what Coral tells about a text by way of Perspective's feedback.

        Returns:
            Whether the decision is a label already, and Coral's word would teach the same again or a worse one: it says
            toxic of all that is rejected.
        """
        if self.matches.is_echo(site, coral_id, status):
            return True
        found = self.matches.by_text(site, text, parent_id)
        if found is None:
            return False
        if self._follow(site, found, STATUSES[status]):
            return status == "APPROVED"
        if found.decision is None or found.status is not STATUSES[status]:
            return False
        return status == "APPROVED" or found.decision.moderator != MODERATOR

    def _follow(self, site: Site, comment: Comment, status: Status) -> bool:
        """Decide as Coral's moderators did, also where the machine alone had spoken; a decision of ours stands."""
        if comment.decision is not None:
            return False
        # Coral does not say why it was rejected, so the decision teaches the classifier nothing.
        is_approved = status is Status.APPROVED
        judgment = Judgment(
            ruling=Ruling.APPROVE if is_approved else Ruling.REJECT,
            reason=None if is_approved else RejectReason.OTHER,
            moderator=MODERATOR,
            note=NOTE,
            version=comment.version,
            override=comment.status is not Status.PENDING,
            is_from_coral=True,
        )
        try:
            self._decisions.decide(site, comment.id, judgment)
        except (Conflict, NotFound):  # One of our moderators was faster; their word stands.
            return False
        return True
