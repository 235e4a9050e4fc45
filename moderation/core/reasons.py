"""Why a verdict came out as it did: the codes, their sentences, and what each may do by itself.

Owns the vocabulary of reasons. A *hard* reason sets an action by itself; a *soft* one moves the spam score by its
weight in logit units; the model's own reasons report the score and move nothing again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec


class Action(StrEnum):
    """What the machine concluded."""

    APPROVE = "approve"
    REVIEW = "review"
    REJECT = "reject"

    @property
    def severity(self) -> int:
        """Return 0 for approve, 1 for review, 2 for reject."""
        return _SEVERITY[self]


_SEVERITY = {Action.APPROVE: 0, Action.REVIEW: 1, Action.REJECT: 2}


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """A stretch of the comment that spoke for or against a label; a struct, since ten are made of every comment.

    Attributes:
        start: First code point, counted from 0.
        end: One past the last code point.
        text: What stands there.
        weight: Signed, in logit units; positive speaks for the label.
        field: ``content``, ``author`` or ``url``.
    """

    start: int
    end: int
    text: str
    weight: float
    field: str = "content"


class Reason(msgspec.Struct, frozen=True):
    """One thing that moved the verdict.

    Attributes:
        code: Stable name, a key of ``KINDS``.
        label: The label it speaks about.
        weight: Signed, in logit units; 0 where a hard reason decides without a score.
        detail: A sentence for people.
        evidence: Where it was seen, strongest first.
    """

    code: str
    label: str
    weight: float
    detail: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """What a reason code means.

    Attributes:
        label: The label it speaks about.
        detail: The sentence shown to people; it may hold named places for numbers.
        action: The least action it asks for by itself, or None for a soft reason.
        weight: Logits that a soft reason adds to the score.
    """

    label: str
    detail: str
    action: Action | None = None
    weight: float = 0.0


KINDS: dict[str, Kind] = {
    "honeypot": Kind("spam", "A field that people cannot see was filled in.", Action.REJECT),
    "banned-author": Kind("spam", "The author is banned on this site.", Action.REJECT),
    "blocked-list": Kind("spam", "It matches the site's block list.", Action.REJECT),
    "held-list": Kind("spam", "It matches the site's hold list.", Action.REVIEW),
    "too-many-links": Kind("spam", "Links: {count}; the site allows {allowed}.", Action.REVIEW),
    "first-comment": Kind("spam", "It is the author's first comment, and the site holds those.", Action.REVIEW),
    "unscored": Kind("spam", "The classifier could not score it, so a person decides.", Action.REVIEW),
    "fast-form": Kind("spam", "The form was sent {seconds} s after it was shown.", weight=1.2),
    "malformed-email": Kind("spam", "The e-mail address is not one.", weight=0.7),
    "disposable-email": Kind("spam", "The e-mail address is of a throw-away provider.", weight=1.0),
    "copy-of-recent": Kind("spam", "Nearly the same text came {count} times in the last day.", weight=1.0),
    "obfuscated-text": Kind("spam", "Letters were disguised: {count} characters had to be undone.", weight=0.8),
    "shortener-link": Kind("spam", "A link hides its target behind a URL shortener.", weight=0.7),
    "author-trusted": Kind("spam", "The author is trusted on this site.", weight=-2.0),
    "author-rejected-before": Kind("spam", "Comments of the author that were rejected before: {count}.", weight=0.7),
    "model-spam": Kind("spam", "The text {verb} spam."),
    "model-toxicity": Kind("toxicity", "The text {verb} an insult or a threat."),
}


SOFT = frozenset(code for code, kind in KINDS.items() if kind.action is None and not code.startswith("model-"))
"""The codes that move a score by their weight."""


def reason(code: str, *, weight: float | None = None, evidence: tuple[Evidence, ...] = (), **values: object) -> Reason:
    """Return the reason ``code`` with its sentence filled in.

    Args:
        code: A key of ``KINDS``.
        weight: Logits, where they differ from the kind's own.
        evidence: Where it was seen.
        values: Numbers for the places in the sentence.

    Returns:
        The reason.

    Raises:
        KeyError: If the code, or a value that its sentence needs, is unknown.
    """
    kind = KINDS[code]
    return Reason(
        code=code,
        label=kind.label,
        weight=kind.weight if weight is None else weight,
        detail=kind.detail.format(**values),
        evidence=evidence,
    )
