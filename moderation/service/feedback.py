"""Reports from websites: "this was spam after all", "this was not".

Owns matching a report to the comment that was checked before, and the training labels of texts that never were one.
"""

from __future__ import annotations

from typing import Any

from moderation.core.comment import Comment, RejectReason, Ruling, Submission
from moderation.core.errors import Conflict
from moderation.core.site import Site
from moderation.service.decisions import Decisions, Judgment
from moderation.service.submissions import Clock, Submissions
from moderation.store.archive import Archive
from moderation.store.comments import Comments

REPORT_ATTEMPTS = 3  # Two reports at once on one comment: the later one looks again.


class Feedback:
    """Takes reports; repeating one is harmless, and of contradicting ones the last wins."""

    def __init__(
        self, comments: Comments, submissions: Submissions, decisions: Decisions, archive: Archive, *, now: Clock
    ):
        self._comments = comments
        self._submissions = submissions
        self._decisions = decisions
        self._archive = archive
        self._now = now

    def report(
        self, site: Site, submission: Submission, *, is_spam: bool, who: str, note: str | None = None
    ) -> Comment:
        """Decide on the comment that a submission repeats, or on a new one where it was never checked.

        Args:
            site: Where.
            submission: The comment as the website sends it with its report; ``trace`` finds the earlier check.
            is_spam: What the website says.
            who: For the decision.
            note: For the decision.

        Raises:
            RateLimited, SiteChanged: As submitting does.
        """
        ruling = Ruling.REJECT if is_spam else Ruling.APPROVE
        reason = RejectReason.SPAM if is_spam else None
        comment = self._earlier(site, submission) or self._submissions.submit(site, submission).comment
        for attempt in range(REPORT_ATTEMPTS):
            decision = comment.decision
            if decision is not None and (decision.ruling, decision.reason) == (ruling, reason):
                return comment
            judgment = Judgment(
                ruling=ruling, reason=reason, moderator=who, note=note, version=comment.version, override=True
            )
            try:
                return self._decisions.decide(site, comment.id, judgment).comment
            except Conflict:
                if attempt == REPORT_ATTEMPTS - 1:
                    raise
                comment = self._comments.get(site.name, comment.id)
        return comment

    def _earlier(self, site: Site, submission: Submission) -> Comment | None:
        """Return the comment that a report is about; never one of somebody else who wrote the same under that name."""
        found = self._comments.find_by_trace(site.name, submission.trace) if submission.trace else None
        if found is None or not found.author_id or not submission.author.ids:
            return found
        return found if found.author_id in submission.author.ids else None

    def label(self, site: Site, label_id: str, row: dict[str, Any]) -> None:
        """Keep a training label for a text that is no comment of ours; the same id again replaces it."""
        self._archive.put_label(site.name, label_id, row, days=site.policy.labels_days, now=self._now())
