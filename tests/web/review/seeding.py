"""Comments for the tests and screenshots of the review pages: written straight to the store, verdicts included."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from moderation.core.comment import Comment, Status, Verdict
from moderation.core.reasons import Action, Evidence, Reason, reason
from moderation.service.events import audit_entry
from moderation.service.services import Services
from moderation.store.writes import Addition

_numbers = itertools.count(1)
JANE = "k1." + "jane" * 8
MALLORY = "k1." + "m" * 32
MODEL = "base-test"


def evidence(text: str, stretch: str, weight: float) -> Evidence:
    """Return evidence for the first place where ``stretch`` stands in ``text``."""
    start = text.index(stretch)
    return Evidence(start, start + len(stretch), stretch, weight)


def model_reason(text: str, label: str, weight: float, *stretches: tuple[str, float]) -> Reason:
    """Return the classifier's reason for a label with its evidence."""
    verbs = {"spam": ("does not resemble", "resembles"), "toxicity": ("does not read like", "reads like")}
    found = tuple(evidence(text, stretch, own) for stretch, own in stretches)
    return reason(f"model-{label}", weight=weight, evidence=found, verb=verbs[label][weight > 0])


def comment_of(
    content: str,
    *,
    site: str = "site-a",
    name: str = "Jane",
    author_id: str = JANE,
    age: timedelta = timedelta(minutes=18),
    scores: dict[str, float] | None = None,
    reasons: tuple[Reason, ...] = (),
    permalink: str = "https://news.example/harbour-plan-part-two",
    status: Status = Status.PENDING,
    **fields: object,
) -> Comment:
    """Return a comment that is not stored yet."""
    at = datetime.now(UTC) - age
    action = {Status.PENDING: Action.REVIEW, Status.APPROVED: Action.APPROVE, Status.REJECTED: Action.REJECT}[status]
    scores = {"spam": 0.41, "toxicity": 0.02} if scores is None else scores
    plain = Comment(
        id=f"01K{next(_numbers):023d}",
        site=site,
        status=status,
        permalink=permalink,
        parent_id=None,
        external_id=None,
        author_id=author_id,
        author_name=name,
        author_url=None,
        content=content,
        content_type="text/plain",
        language="en",
        type="comment",
        created_at=at,
        updated_at=at,
        version=1,
        verdict=Verdict(action=action, scores=scores, reasons=reasons, model=MODEL),
    )
    return replace(plain, **fields)  # type: ignore[arg-type]


def add(services: Services, comment: Comment) -> Comment:
    """Store a comment as a submission would."""
    audit = audit_entry("submit", comment, who="api", at=comment.created_at)
    services.comments.add(Addition(comment=comment, audit=audit))
    return comment
