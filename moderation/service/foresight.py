"""What another policy would have made of comments that have their verdict already.

Owns looking at stored verdicts with other eyes. Scores stay what they were; the reasons that a policy itself gives are
found anew in the stored text: lists, links, first comments. Refuses to score again. What is not stored cannot be seen
again: the domain of an address (an earlier hit on it counts while the list names domains), and a text that is gone
(its earlier reasons count).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from moderation.core import policy as policies
from moderation.core import rules
from moderation.core.comment import AuthorRecord, Comment, Context, Ruling, Status, Submission
from moderation.core.policy import Policy, Thresholds
from moderation.core.reasons import Action, Reason
from moderation.core.text import plain_text

FOUND_ANEW = {"blocked-list", "held-list", "too-many-links", "first-comment"}
LIST_OF = {"blocked-list": "block", "held-list": "hold"}


@dataclass(frozen=True, slots=True)
class Move:
    """A comment that would have got another action."""

    comment: Comment
    new: Action

    @property
    def is_regretted(self) -> bool:
        """Return whether a person approved what would have been held or rejected."""
        decision = self.comment.decision
        return self.new is not Action.APPROVE and decision is not None and decision.ruling is Ruling.APPROVE


@dataclass(frozen=True, slots=True)
class Preview:
    """What another policy would have done.

    Attributes:
        looked_at: Verdicts that were looked at.
        moves: The comments that would have got another action.
    """

    looked_at: int
    moves: tuple[Move, ...]

    def difference(self, action: Action) -> int:
        """Return how many more comments, or fewer if negative, would have got an action."""
        gained = sum(one.new is action for one in self.moves)
        return gained - sum(one.comment.verdict.action is action for one in self.moves)

    def regretted(self, action: Action) -> int:
        """Return how many of those that would have got an action a person had approved."""
        return sum(one.new is action and one.is_regretted for one in self.moves)

    def examples(self, action: Action, *, limit: int) -> list[Comment]:
        """Return some that would have got an action: those that people approved first, then the latest."""
        found = [one for one in self.moves if one.new is action]
        found.sort(key=lambda one: (one.is_regretted, one.comment.created_at), reverse=True)
        return [one.comment for one in found[:limit]]


class Newcomers:
    """Who was new when: an author is known from their first comment on that is approved by now.

    Args:
        comments: Those that are looked at.
        authors: What is known of their authors now.
    """

    def __init__(self, comments: Iterable[Comment], authors: Mapping[str, AuthorRecord]) -> None:
        self._authors = authors
        self._approved: Counter[str] = Counter()
        self._first: dict[str, datetime] = {}
        for one in comments:
            if one.status is Status.APPROVED and one.author_id:
                self._approved[one.author_id] += 1
                earliest = self._first.get(one.author_id, one.created_at)
                self._first[one.author_id] = min(earliest, one.created_at)

    def knew(self, comment: Comment) -> bool:
        """Return whether the site knew the author when the comment came."""
        if any(one.code == "author-trusted" for one in comment.verdict.reasons):
            return True
        record = self._authors.get(comment.author_id, AuthorRecord())
        if record.approved > self._approved[comment.author_id]:
            return True  # Some of theirs were approved before the time that is looked at.
        first = self._first.get(comment.author_id)
        return first is not None and first < comment.created_at


def action_under(comment: Comment, policy: Policy, thresholds: Mapping[str, Thresholds], *, is_known: bool) -> Action:
    """Return the action that a comment would have got under a policy.

    Args:
        comment: With its verdict.
        policy: Whose lists, links and first comments count.
        thresholds: In force under it.
        is_known: Whether the site knew the author.
    """
    reasons = reasons_under(comment, policy, is_known=is_known)
    return policies.action(comment.verdict.scores, reasons, thresholds)


def reasons_under(comment: Comment, policy: Policy, *, is_known: bool) -> list[Reason]:
    """Return the reasons of a verdict with those that a policy gives in place of the ones it gave then."""
    before = comment.verdict.reasons
    kept = [one for one in before if one.code not in FOUND_ANEW]
    found = _found(comment, policy, is_known=is_known)
    codes = {one.code for one in found}
    return kept + found + [one for one in before if one.code not in codes and _counts_still(one, comment, policy)]


def _found(comment: Comment, policy: Policy, *, is_known: bool) -> list[Reason]:
    content = comment.content or ""
    submission = Submission(
        content=content,
        permalink=comment.permalink,
        author_name=comment.author_name,
        author_url=comment.author_url,
        content_type=comment.content_type,
    )
    context = Context(author=AuthorRecord(approved=int(is_known)))
    plain = plain_text(content, comment.content_type)
    return [one for one in rules.evaluate(submission, plain, context, policy) if one.code in FOUND_ANEW]


def _counts_still(reason: Reason, comment: Comment, policy: Policy) -> bool:
    """Return whether a reason of then counts although it was not found again: what it stood on is not stored."""
    if reason.code in LIST_OF:
        own = getattr(policy, LIST_OF[reason.code])
        is_gone = comment.content is None
        return bool(own.domains and not reason.evidence) or bool(is_gone and (own.words or own.patterns))
    return reason.code == "too-many-links" and comment.content is None
