"""From scores and reasons to an action: monotonic, rounded as shown, and never surprising about thresholds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.core.errors import InvalidInput
from moderation.core.patterns import ListRules
from moderation.core.policy import (
    LABELS,
    Policy,
    RateLimit,
    Thresholds,
    action,
    adjusted,
    changed,
    logit,
    merge_thresholds,
    parse_rate_limit,
    sigmoid,
)
from moderation.core.reasons import KINDS, Action, Reason, reason

MODEL = {"spam": Thresholds(0.31, 0.97), "toxicity": Thresholds(0.8, None)}
PROBABILITY = st.floats(0, 1)
LIMIT = st.none() | PROBABILITY
THRESHOLDS = st.dictionaries(st.sampled_from(LABELS), st.builds(Thresholds, LIMIT, LIMIT))
NUMBERS = {"count": 3, "allowed": 1, "seconds": "1.0", "verb": "resembles"}
REASONS = st.lists(st.sampled_from([reason(code, **NUMBERS) for code in KINDS]), max_size=6)
HARD = [code for code, kind in KINDS.items() if kind.action is not None]


@given(PROBABILITY, PROBABILITY, PROBABILITY, REASONS, THRESHOLDS)
def test_raising_a_score_never_makes_the_action_milder(
    one: float, other: float, toxicity: float, reasons: list[Reason], thresholds: dict[str, Thresholds]
) -> None:
    low, high = sorted((one, other))

    before, after = (
        action(adjusted({"spam": score, "toxicity": toxicity}, reasons), reasons, thresholds) for score in (low, high)
    )

    assert after.severity >= before.severity


@given(PROBABILITY, REASONS, THRESHOLDS, st.sampled_from(HARD))
def test_a_hard_reason_never_makes_the_action_milder(
    score: float, reasons: list[Reason], thresholds: dict[str, Thresholds], code: str
) -> None:
    more = [*reasons, reason(code, **NUMBERS)]
    before, after = (action({"spam": score}, found, thresholds) for found in (reasons, more))

    assert after.severity >= before.severity
    assert after.severity >= KINDS[code].action.severity  # type: ignore[union-attr]


@given(PROBABILITY, REASONS)
def test_scores_stay_probabilities_of_four_digits(score: float, reasons: list[Reason]) -> None:
    found = adjusted({"spam": score, "toxicity": score}, reasons)

    assert set(found) == {"spam", "toxicity"}
    assert all(0.0 <= value <= 1.0 and round(value, 4) == value for value in found.values())
    assert found["toxicity"] == round(score, 4), "soft reasons speak about spam only"


@given(PROBABILITY)
def test_soft_reasons_move_the_score_by_their_weight_and_the_models_own_do_not(score: float) -> None:
    moved = adjusted({"spam": score}, [reason("disposable-email"), reason("model-spam", weight=9.0, verb="resembles")])

    assert moved["spam"] == round(sigmoid(logit(score) + KINDS["disposable-email"].weight), 4)


@given(st.floats(-20, 20))
def test_sigmoid_undoes_logit(value: float) -> None:
    assert logit(sigmoid(value)) == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize(
    "score, expected",
    [
        (0.3099, Action.APPROVE),
        (0.31, Action.REVIEW),
        (0.9699, Action.REVIEW),
        (0.97, Action.REJECT),
        (1.0, Action.REJECT),
    ],
)
def test_a_threshold_is_reached_at_its_value(score: float, expected: Action) -> None:
    assert action({"spam": score}, [], MODEL) is expected


def test_a_null_threshold_means_never() -> None:
    assert action({"toxicity": 1.0}, [], MODEL) is Action.REVIEW
    assert action({"spam": 1.0}, [], {"spam": Thresholds(None, None)}) is Action.APPROVE


def test_a_site_overrides_single_thresholds_and_follows_the_model_for_the_rest() -> None:
    policy = Policy(thresholds={"spam": {"reject": None}, "toxicity": {"review": 0.5}})

    assert policy.effective(MODEL) == {"spam": Thresholds(0.31, None), "toxicity": Thresholds(0.5, None)}


def test_null_in_place_of_a_label_goes_back_to_the_models_own() -> None:
    own = merge_thresholds({}, {"spam": {"review": 0.4}})
    own = merge_thresholds(own, {"spam": {"reject": None}, "toxicity": {"review": 0.1}})

    assert own == {"spam": {"review": 0.4, "reject": None}, "toxicity": {"review": 0.1}}
    assert merge_thresholds(own, {"spam": None}) == {"toxicity": {"review": 0.1}}


def test_merging_leaves_the_old_thresholds_alone() -> None:
    before = {"spam": {"review": 0.4}}

    merge_thresholds(before, {"spam": {"review": 0.1}})

    assert before == {"spam": {"review": 0.4}}


def test_every_fault_of_a_policy_is_named_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        changed(
            Policy(),
            MODEL,
            thresholds={"spam": {"review": 0.99}},
            block=ListRules(patterns=("(", "fine", "(?=x)")),
            hold=ListRules(patterns=("a*",)),
        )

    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [
        ("/block/patterns/0", "invalid-pattern"),
        ("/block/patterns/2", "invalid-pattern"),
        ("/hold/patterns/0", "empty-match"),
        ("/thresholds/spam/review", "review-above-reject"),
    ]


@pytest.mark.parametrize("text", ["1/second", "60/minute", "1000000/hour"])
def test_a_rate_limit_round_trips(text: str) -> None:
    assert str(parse_rate_limit(text)) == text


def test_off_is_no_rate_limit() -> None:
    assert parse_rate_limit("off") is None


@pytest.mark.parametrize(
    "text", ["", "60", "0/minute", "-1/minute", "60/day", "60/", "/minute", "1000001/hour", "٣/hour"]
)
def test_other_rate_limits_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="60/minute"):
        parse_rate_limit(text)


@given(st.integers(-10, 10_000))
def test_a_limit_that_is_reached_always_says_to_wait(reset_seconds: int) -> None:
    error = RateLimit(1, 60).reached(reset_seconds)

    assert error.retry_after_seconds >= 1
