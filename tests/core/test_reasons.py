"""The vocabulary of reasons: stable codes, sentences for people, hard and soft."""

from __future__ import annotations

import pytest

from moderation.core.policy import LABELS
from moderation.core.reasons import KINDS, Action, reason

HARD_IN_THE_DESIGN = {
    "honeypot": Action.REJECT,
    "banned-author": Action.REJECT,
    "blocked-list": Action.REJECT,
    "held-list": Action.REVIEW,
    "too-many-links": Action.REVIEW,
    "first-comment": Action.REVIEW,
    "unscored": Action.REVIEW,
}
SOFT_IN_THE_DESIGN = {
    "fast-form",
    "disposable-email",
    "copy-of-recent",
    "obfuscated-text",
    "shortener-link",
    "author-trusted",
    "author-rejected-before",
}
VALUES = {"count": 3, "allowed": 1, "seconds": "1.0", "verb": "resembles"}


def test_the_codes_are_those_that_other_programs_rely_on() -> None:
    hard = {code: kind.action for code, kind in KINDS.items() if kind.action is not None}
    soft = {code for code, kind in KINDS.items() if kind.action is None and kind.weight != 0}

    assert hard.items() >= HARD_IN_THE_DESIGN.items()
    assert soft >= SOFT_IN_THE_DESIGN
    assert set(KINDS) - set(hard) - soft == {"model-spam", "model-toxicity"}


@pytest.mark.parametrize("code", KINDS)
def test_every_reason_is_a_whole_sentence_about_a_known_label(code: str) -> None:
    made = reason(code, **VALUES)

    assert made.label in LABELS
    assert made.detail[0].isupper() or made.detail[0].isdigit()
    assert made.detail.endswith(".")
    assert "{" not in made.detail
    assert made.weight == KINDS[code].weight


def test_only_trust_speaks_for_an_author() -> None:
    assert {code for code, kind in KINDS.items() if kind.weight < 0} == {"author-trusted"}


def test_an_unknown_code_or_a_missing_number_is_a_bug() -> None:
    with pytest.raises(KeyError):
        reason("no-such-code")
    with pytest.raises(KeyError):
        reason("too-many-links", count=3)


def test_severity_orders_the_actions() -> None:
    assert sorted(Action, key=lambda action: action.severity) == [Action.APPROVE, Action.REVIEW, Action.REJECT]
