"""What the API answers with: pydantic models for the documentation, and the mappings that are encoded and sent.

The mappings are built by hand, because that is several times faster; verdicts are encoded as the values they are. The
tests hold both against the models.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from moderation.core.comment import Comment
from moderation.service.events import decision_document, timestamp
from moderation.web.schemas import PolicyIn


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(extra="forbid")


class EvidenceOut(Answer):
    """A stretch of text that moved the score."""

    start: int = Field(description="First code point, counted from 0.")
    end: int
    text: str
    weight: float = Field(description="Signed, in logit units; positive speaks for the label.")
    field: Literal["content", "author", "url"] = "content"


class ReasonOut(Answer):
    """One thing that moved the verdict."""

    code: str
    label: str
    weight: float
    detail: str
    evidence: list[EvidenceOut]


class VerdictOut(Answer):
    """What the machine concluded."""

    action: Literal["approve", "review", "reject"]
    scores: dict[str, float]
    model: str | None
    reasons: list[ReasonOut]


class DecisionOut(Answer):
    """What a person did."""

    decision: Literal["approve", "reject"]
    reason: Literal["spam", "toxic", "off-topic", "other"] | None
    moderator: str
    note: str | None
    at: str


class AuthorOut(Answer):
    """Who wrote it: a pseudonym, never an address."""

    id: str | None
    name: str
    url: str | None
    avatar_url: str | None


class PublicCommentOut(Answer):
    """A comment as readers may see it."""

    id: str
    status: Literal["approved", "pending", "rejected"]
    permalink: str
    parent_id: str | None
    external_id: str | None
    author: AuthorOut
    content: str | None = Field(description="null once retention has taken the text of a rejected comment away.")
    content_type: Literal["text/plain", "text/html"]
    language: str | None
    type: str
    created_at: str
    updated_at: str
    version: int


class CommentOut(PublicCommentOut):
    """A comment as its website sees it."""

    verdict: VerdictOut
    decision: DecisionOut | None


class ThreadOut(Answer):
    """A page of a thread, oldest first."""

    comments: list[PublicCommentOut]
    has_more: bool
    cursor: str | None = Field(description="Pass it as `cursor` for the next page.")


class QueueOut(Answer):
    """A page of the review queue."""

    comments: list[CommentOut]
    has_more: bool
    cursor: str | None


class VerdictsOut(Answer):
    """One verdict for each submission, in order."""

    verdicts: list[VerdictOut]


class ThresholdsOut(Answer):
    """Scores at which the action changes; null means never."""

    review: float | None
    reject: float | None


class TriedOut(VerdictOut):
    """What would happen, and the thresholds in force."""

    thresholds: dict[str, ThresholdsOut]


class PolicyOut(PolicyIn):
    """A site's policy, with the thresholds in force."""


class ErasedOut(Answer):
    """What was forgotten."""

    comments: int
    labels: int
    authors: int


class DayOut(Answer):
    """One day's counts."""

    date: str
    verdicts: dict[str, int]
    decisions: dict[str, int]


class OverruleOut(Answer):
    """How often people decided against a reason."""

    reason: str
    fired: int
    judged: int
    overruled: int
    rate: float | None


class StatsOut(Answer):
    """Counts per day and verdict, decisions, and the overrule rate of each reason."""

    days: list[DayOut]
    reasons: list[OverruleOut]
    queue: dict[str, int]
    mean_wait_seconds: float | None


class FaultOut(Answer):
    """One thing wrong with one field."""

    pointer: str
    code: str
    detail: str


class ProblemOut(BaseModel):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FaultOut] | None = None


def comment_answer(comment: Comment) -> dict[str, Any]:
    """Return a comment as its website sees it."""
    answer = public_answer(comment)
    answer["verdict"] = comment.verdict  # Its fields are those of the answer, in their order.
    answer["decision"] = decision_document(comment.decision)
    return answer


def public_answer(comment: Comment) -> dict[str, Any]:
    """Return a comment as readers may see it: without verdict and decision."""
    author_id = comment.author_id or None
    created = timestamp(comment.created_at)
    return {
        "id": comment.id,
        "status": comment.status.value,
        "permalink": comment.permalink,
        "parent_id": comment.parent_id,
        "external_id": comment.external_id,
        "author": {
            "id": author_id,
            "name": comment.author_name,
            "url": comment.author_url,
            "avatar_url": f"/v1/authors/{author_id}/avatar.svg" if author_id else None,
        },
        "content": comment.content,
        "content_type": comment.content_type,
        "language": comment.language,
        "type": comment.type,
        "created_at": created,
        "updated_at": created if comment.updated_at is comment.created_at else timestamp(comment.updated_at),
        "version": comment.version,
    }
