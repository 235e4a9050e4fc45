"""Rates, AUC and calibration agree with the textbooks and with scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.measures import (
    Judged,
    Rate,
    at_threshold,
    auc,
    average_precision,
    brier,
    calibration_error,
    precision_recall,
    reliability,
    thin,
)


@pytest.fixture
def scored():
    rng = np.random.default_rng(3)
    truth = rng.random(800) < 0.3
    # Rounding makes ties, which is where AUCs go wrong.
    return np.round(np.clip(rng.normal(0.4 + 0.25 * truth, 0.2), 0, 1), 2), truth


@pytest.mark.parametrize(
    "count, of, low, high",
    [(0, 100, 0.0, 0.0370), (5, 1000, 0.0021, 0.0117), (50, 100, 0.4038, 0.5962), (10, 10, 0.7225, 1.0)],
    ids=["none", "few", "half", "all"],
)
def test_wilson_intervals(count, of, low, high):
    found = Rate(count, of)

    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-4)


def test_no_cases_give_no_share_and_the_widest_interval():
    assert (Rate(0, 0).share, Rate(0, 0).low, Rate(0, 0).high) == (None, 0.0, 1.0)


@given(st.integers(0, 500), st.integers(1, 500))
def test_the_share_lies_in_its_interval(count, of):
    found = Rate(min(count, of), of)

    assert 0.0 <= found.low <= found.share + 1e-12
    assert found.share - 1e-12 <= found.high <= 1.0


@pytest.mark.slow
def test_auc_and_average_precision_agree_with_scikit_learn(scored):
    from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

    scores, truth = scored

    assert auc(scores, truth).value == pytest.approx(roc_auc_score(truth, scores))
    assert average_precision(scores, truth) == pytest.approx(average_precision_score(truth, scores))
    assert brier(scores, truth) == pytest.approx(brier_score_loss(truth, scores))


@pytest.mark.slow
def test_the_interval_of_auc_agrees_with_the_bootstrap(scored):
    from sklearn.metrics import roc_auc_score

    scores, truth = scored
    rng = np.random.default_rng(4)
    draws = [rng.integers(0, truth.size, truth.size) for _ in range(400)]

    low, high = np.quantile([roc_auc_score(truth[draw], scores[draw]) for draw in draws], [0.025, 0.975])

    assert (auc(scores, truth).low, auc(scores, truth).high) == pytest.approx((low, high), abs=0.01)


@pytest.mark.parametrize("truth", [[True, True], [False, False], []], ids=["only positives", "only negatives", "empty"])
def test_no_auc_without_both_classes(truth):
    assert auc(np.full(len(truth), 0.5), np.array(truth, bool)) is None


def test_no_average_precision_without_positives():
    assert average_precision(np.array([0.1, 0.2]), np.array([False, False])) is None


def test_recall_rises_to_one_and_thresholds_fall(scored):
    precision, recall, thresholds = precision_recall(*scored)

    assert recall[-1] == 1.0
    assert (np.diff(recall) >= 0).all()
    assert (np.diff(thresholds) < 0).all()
    assert precision[-1] == pytest.approx(scored[1].mean())


def test_perfect_probabilities_have_no_calibration_error():
    truth = np.array([False] * 8 + [True] * 2)

    assert calibration_error(reliability(np.full(10, 0.2), truth)) == pytest.approx(0.0)
    assert calibration_error(reliability(np.full(10, 0.9), truth)) == pytest.approx(0.7)


def test_every_row_is_in_one_bin(scored):
    bins = reliability(*scored)

    assert sum(part.positives.of for part in bins) == scored[0].size
    assert sum(part.positives.count for part in bins) == scored[1].sum()


def test_a_score_of_one_falls_in_the_last_bin():
    (only,) = reliability(np.array([1.0]), np.array([True]))

    assert (only.low, only.high) == (0.9, 1.0)


def test_a_row_at_the_threshold_is_acted_on():
    judged = Judged(np.array([0.5, 0.5, 0.4]), np.array([True, False, False]), np.array([False, True, True]))

    found = at_threshold(0.5, judged)

    assert (found.missed, found.ham, found.link_ham) == (Rate(0, 1), Rate(1, 2), Rate(1, 2))


def test_thinning_keeps_both_ends():
    kept, squared = thin(np.arange(5000.0), np.arange(5000.0) ** 2)

    assert kept.size <= 200
    assert (kept[0], kept[-1]) == (0.0, 4999.0)
    assert (squared == kept**2).all()
