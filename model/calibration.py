"""Calibration: turning a fitted logit into one whose logistic function is a probability.

Platt's two numbers, slope and offset, found by Newton's method on logits of rows the fit had not seen. They are folded
into the group multipliers and the bias, so calibrated evidence still adds up to the calibrated logit.

Source: Platt, Probabilistic outputs for support vector machines, 1999, with the smoothed targets of his section 2.2.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

STEPS: Final = 100
SLOPE_MIN: Final = 1e-3
Floats = npt.NDArray[np.float64]


def fit_platt(logits: Floats, truth: npt.NDArray[np.int8], weights: Floats) -> tuple[float, float]:
    """Return (slope, offset) that minimise the weighted log loss of ``sigmoid(slope * logit + offset)``.

    Args:
        logits: Of rows the fit had not seen.
        truth: 0 or 1.
        weights: Not negative; their sum over each class sets the rate of positives.
    """
    positive, negative = float(weights[truth == 1].sum()), float(weights[truth == 0].sum())
    if positive == 0.0 or negative == 0.0:
        return 1.0, 0.0
    targets = np.where(truth == 1, (positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0))
    design = np.column_stack([logits, np.ones_like(logits)])
    solution: Floats = np.array([1.0, np.log(positive / negative)])
    for _ in range(STEPS):
        step = _newton_step(design, targets, weights, solution)
        solution -= step
        if float(np.abs(step).max()) < 1e-9:
            break
    return max(float(solution[0]), SLOPE_MIN), float(solution[1])


def _newton_step(design: Floats, targets: Floats, weights: Floats, solution: Floats) -> Floats:
    chances = 1.0 / (1.0 + np.exp(-np.clip(design @ solution, -500.0, 500.0)))
    gradient: Floats = design.T @ (weights * (chances - targets)) + 1e-6 * solution
    curvature = weights * np.maximum(chances * (1.0 - chances), 1e-9)
    hessian: Floats = (design * curvature[:, None]).T @ design + 1e-6 * np.eye(2)
    step = np.asarray(np.linalg.solve(hessian, gradient), np.float64)
    step *= 5.0 / max(5.0, float(np.abs(step).max()))
    return step


def rate_weights(truth: npt.NDArray[np.int8], weights: Floats, rate: float) -> Floats:
    """Return weights under which positives make up ``rate`` of the whole, which stays as large as it was."""
    total = float(weights.sum())
    positive, negative = float(weights[truth == 1].sum()), float(weights[truth == 0].sum())
    if positive == 0.0 or negative == 0.0:
        return weights
    return np.where(truth == 1, weights * rate * total / positive, weights * (1.0 - rate) * total / negative)
