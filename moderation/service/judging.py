"""Turning a submission into a verdict: rules, classifier and policy together.

Owns the promise that a broken classifier never makes up a verdict: the comment is held as ``unscored``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from moderation.core import policy as policies
from moderation.core import rules
from moderation.core.comment import Context, Submission, Verdict
from moderation.core.errors import ModelUnavailable
from moderation.core.policy import Policy, Thresholds
from moderation.core.reasons import KINDS, Reason, reason
from moderation.core.text import plain_text
from moderation.scoring import Scored, Scorer

_log = structlog.get_logger(__name__)


class Judge:
    """Reaches verdicts."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._last: tuple[Policy | None, object, dict[str, Thresholds]] = (None, None, {})

    def thresholds(self) -> Mapping[str, Thresholds]:
        """Return the model's own thresholds."""
        return self._scorer.thresholds()

    def verdict(self, submission: Submission, context: Context, policy: Policy) -> Verdict:
        """Return the verdict on one submission; it never fails for want of a classifier."""
        return self.weighed(submission, self.scored(submission), context, policy)

    def scored(self, submission: Submission) -> Scored | None:
        """Return what the classifier says, or None where it says nothing; never fails."""
        try:
            return self._scorer.score(submission)
        except Exception as error:  # Whatever breaks in the classifier, a person decides instead.
            _log_unscored(error)
            return None

    def weighed(self, submission: Submission, scored: Scored | None, context: Context, policy: Policy) -> Verdict:
        """Return the verdict on a submission of which ``scored`` has said what the classifier thinks."""
        plain = plain_text(submission.content, submission.content_type)
        found = rules.evaluate(submission, plain, context, policy)
        if scored is None:
            found = (*found, reason("unscored"))
            return _assembled({}, found, self._effective(policy, {}), None)
        found = (*found, *rules.obfuscation(scored.undone), *scored.reasons)
        return _assembled(scored.scores, found, self._effective(policy, scored.thresholds), scored.model)

    def verdicts(self, submissions: Sequence[Submission], policy: Policy) -> list[Verdict]:
        """Return the verdicts on a batch, without what the store knows about authors and copies."""
        scored: Sequence[Scored | None] = [None] * len(submissions)
        try:
            scored = self._scorer.score_many(submissions)
        except Exception as error:  # As above.
            _log_unscored(error)
        context = Context()
        return [self.weighed(one, found, context, policy) for one, found in zip(submissions, scored, strict=True)]

    def _effective(self, policy: Policy, own: Mapping[str, Thresholds]) -> Mapping[str, Thresholds]:
        """Return the thresholds in force; those of the last policy are kept, since requests come in runs."""
        last_policy, last_own, found = self._last
        if last_policy is not policy or last_own is not own:
            found = policy.effective(own)
            self._last = (policy, own, found)
        return found


def _log_unscored(error: Exception) -> None:
    level = _log.warning if isinstance(error, ModelUnavailable) else _log.exception
    level("unscored", error=type(error).__name__)


def _assembled(
    raw: Mapping[str, float], found: Sequence[Reason], thresholds: Mapping[str, Thresholds], model: str | None
) -> Verdict:
    scores = policies.adjusted(raw, found)
    action = policies.action(scores, found, thresholds)
    return Verdict(action=action, scores=scores, reasons=tuple(sorted(found, key=_rank)), model=model)


def _rank(one: Reason) -> tuple[int, float]:
    """Sort what decided before what moved the score, and the strong before the weak."""
    action = KINDS[one.code].action
    return (-(action.severity if action else 0), -abs(one.weight))
