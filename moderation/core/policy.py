"""A site's policy, and how it turns scores and reasons into a verdict.

Owns ``Policy`` with its defaults, merging a change into it, and ``verdict``, which is pure and monotonic: raising a
score never makes the action milder.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from moderation.core import patterns
from moderation.core.errors import Fault, InvalidInput, RateLimited
from moderation.core.patterns import NO_RULES, ListRules
from moderation.core.reasons import KINDS, SOFT, Action, Reason

LABELS: Final = ("spam", "toxicity")
SCORE_DIGITS = 4  # A score is rounded before it is compared, so that what is shown is what decided.
LOGIT_LIMIT = 20.0  # Beyond it a probability is 0 or 1 at the precision that is shown.
WINDOW_SECONDS = {"second": 1, "minute": 60, "hour": 3600}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores at which the action changes; None means never."""

    review: float | None = None
    reject: float | None = None


_NEVER: Final = Thresholds()


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many submissions in each window of so many seconds."""

    quota: int
    window_seconds: int

    def reached(self, reset_seconds: int) -> RateLimited:
        """Return the error for a submission beyond the quota."""
        retry = max(1, reset_seconds)
        return RateLimited(quota=self.quota, window_seconds=self.window_seconds, retry_after_seconds=retry)

    def __str__(self) -> str:
        unit = next(name for name, seconds in WINDOW_SECONDS.items() if seconds == self.window_seconds)
        return f"{self.quota}/{unit}"


def parse_rate_limit(text: str) -> RateLimit | None:
    """Return the limit of ``60/minute``, or None for ``off``.

    Raises:
        ValueError: If it is neither.
    """
    if text == "off":
        return None
    quota, _, unit = text.partition("/")
    if (
        unit not in WINDOW_SECONDS
        or not quota.isascii()
        or not quota.isdecimal()
        or not 1 <= int(quota[:8]) <= 1_000_000
    ):
        raise ValueError("a rate limit is a number and a unit, such as 60/minute, or off")
    return RateLimit(int(quota), WINDOW_SECONDS[unit])


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a site wants.

    Attributes:
        thresholds: Per label, only what the site set; a name that is missing follows the model's own threshold.
        links_allowed: A comment with more links is held.
        trust_after_approved: Approvals, with no rejection, after which an author is trusted; 0 turns it off.
        rejected_days: Days after which a rejected comment loses its text.
        akismet_borderline: What a client of Akismet's protocol without a callback is told about a borderline comment.
        akismet_discard: Spam score from which such a client is told that it may drop the comment unseen; None is never.
        akismet_review_days: Days after which WordPress publishes by itself what nobody has looked at.
        labels_days: Days for which a training label is kept.
    """

    thresholds: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    links_allowed: int = 3
    hold_first_comment: bool = False
    email_required: bool = True
    rate_limit: RateLimit | None = RateLimit(60, 60)
    block: ListRules = NO_RULES
    hold: ListRules = NO_RULES
    trust_after_approved: int = 5
    rejected_days: int = 30
    labels_days: int = 730
    webhook_url: str | None = None
    allowed_attributes: str = "strict"
    akismet_borderline: str = "spam"
    akismet_discard: float | None = None
    akismet_review_days: int = 7

    def effective(self, model: Mapping[str, Thresholds]) -> dict[str, Thresholds]:
        """Return the thresholds in force: the model's, overridden by the site's."""
        return {label: _overridden(model.get(label, Thresholds()), self.thresholds.get(label, {})) for label in LABELS}


def _overridden(base: Thresholds, own: Mapping[str, float | None]) -> Thresholds:
    return Thresholds(review=own.get("review", base.review), reject=own.get("reject", base.reject))


def merge_thresholds(
    current: Mapping[str, Mapping[str, float | None]], change: Mapping[str, Mapping[str, float | None] | None]
) -> dict[str, dict[str, float | None]]:
    """Return the site's thresholds after a change; None in place of a label goes back to the model's own."""
    merged = {label: dict(own) for label, own in current.items()}
    for label, own in change.items():
        if own is None:
            merged.pop(label, None)
            continue
        merged[label] = {**merged.get(label, {}), **own}
    return merged


def changed(policy: Policy, model: Mapping[str, Thresholds], **changes: object) -> Policy:
    """Return the policy with some fields replaced.

    Raises:
        InvalidInput: If a pattern does not compile, a list is too large, or a review threshold lies above its reject
            threshold; all faults at once.
    """
    result = replace(policy, **changes)  # type: ignore[arg-type]
    found = patterns.faults(result.block, "/block") + patterns.faults(result.hold, "/hold")
    found += _threshold_faults(result.effective(model))
    if found:
        raise InvalidInput("The policy is not valid.", found)
    return result


def _threshold_faults(effective: Mapping[str, Thresholds]) -> list[Fault]:
    detail = "The review threshold must not lie above the reject threshold in force."
    return [
        Fault(f"/thresholds/{label}/review", "review-above-reject", detail)
        for label, limits in effective.items()
        if limits.review is not None and limits.reject is not None and limits.review > limits.reject
    ]


def logit(probability: float) -> float:
    """Return the log-odds, limited to ±20."""
    if probability <= 0.0:
        return -LOGIT_LIMIT
    if probability >= 1.0:
        return LOGIT_LIMIT
    return max(-LOGIT_LIMIT, min(LOGIT_LIMIT, math.log(probability / (1.0 - probability))))


def sigmoid(value: float) -> float:
    """Return the probability of log-odds."""
    return 1.0 / (1.0 + math.exp(-max(-700.0, min(700.0, value))))


def adjusted(scores: Mapping[str, float], reasons: Iterable[Reason]) -> dict[str, float]:
    """Return the model's probabilities after the soft reasons have moved their labels, rounded to four digits."""
    shift: dict[str, float] = {}
    for reason in reasons:
        if reason.code in SOFT:
            shift[reason.label] = shift.get(reason.label, 0.0) + reason.weight
    return {label: round(_shifted(p, shift.get(label, 0.0)), SCORE_DIGITS) for label, p in scores.items()}


def _shifted(probability: float, logits: float) -> float:
    return sigmoid(logit(probability) + logits) if logits else probability


def action(scores: Mapping[str, float], reasons: Iterable[Reason], thresholds: Mapping[str, Thresholds]) -> Action:
    """Return the severest action that a hard reason or a threshold asks for.

    Args:
        scores: Probability in [0, 1] for each label.
        reasons: What the rules found.
        thresholds: In force; ``reject`` at a score at or above it, else ``review`` likewise.
    """
    worst = Action.APPROVE
    for reason in reasons:
        worst = _worse(worst, KINDS[reason.code].action)
    for label, score in scores.items():
        worst = _worse(worst, _by_score(score, thresholds.get(label, _NEVER)))
    return worst


def _worse(one: Action, other: Action | None) -> Action:
    return one if other is None or one.severity >= other.severity else other


def _by_score(score: float, limits: Thresholds) -> Action:
    if limits.reject is not None and score >= limits.reject:
        return Action.REJECT
    if limits.review is not None and score >= limits.review:
        return Action.REVIEW
    return Action.APPROVE
