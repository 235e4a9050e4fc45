"""How good scores are, with intervals: rates, AUC, calibration and what happens at a threshold.

Pure functions of arrays of scores and truths; knows no files, no models and no words of comments.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]
Truth = npt.NDArray[np.bool_]

Z_95: Final = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""
BIN_COUNT: Final = 10
CURVE_POINTS: Final = 200


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of how many, with Wilson's 95 % interval.

    Attributes:
        count: Cases that happened.
        of: Cases that could have happened; 0 gives a share of ``None``.

    Source: Wilson 1927; Brown, Cai, DasGupta 2001 recommend it for rates near 0.
    """

    count: int
    of: int

    @property
    def share(self) -> float | None:
        """The observed share in [0, 1], or ``None`` without cases."""
        return self.count / self.of if self.of else None

    @property
    def low(self) -> float:
        """Lower bound in [0, 1]; 0 without cases."""
        return self._bound(-1.0)

    @property
    def high(self) -> float:
        """Upper bound in [0, 1]; 1 without cases."""
        return self._bound(1.0)

    def _bound(self, side: float) -> float:
        if not self.of:
            return 0.0 if side < 0 else 1.0
        share, size = self.count / self.of, Z_95**2 / self.of
        spread = Z_95 * math.sqrt((share * (1 - share) + size / 4) / self.of)
        return min(1.0, max(0.0, (share + size / 2 + side * spread) / (1 + size)))


@dataclass(frozen=True, slots=True)
class Judged:
    """Rows of one label with their scores, as columns of equal length.

    Attributes:
        scores: Probabilities in [0, 1].
        truth: Whether the label is 1.
        links: Whether the text has a link.
    """

    scores: Scores
    truth: Truth
    links: Truth

    def only(self, kept: Truth) -> "Judged":
        """Return the rows for which ``kept`` is true."""
        return Judged(self.scores[kept], self.truth[kept], self.links[kept])


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows whose score lies in [low, high): how many, what they were given, and what came true."""

    low: float
    high: float
    mean_score: float
    positives: Rate


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """What happens if scores at or above a threshold are acted on.

    Attributes:
        ham, link_ham: Negatives acted on, all and those with a link.
        missed: Positives not acted on.
    """

    threshold: float
    ham: Rate
    link_ham: Rate
    missed: Rate


def rate(happened: Truth) -> Rate:
    """Count the true values of an array."""
    return Rate(int(happened.sum()), int(happened.size))


def auc(scores: Scores, truth: Truth) -> Estimate | None:
    """Return the probability that a positive scores above a negative, ties half, with DeLong's 95 % interval.

    Args:
        scores: Shape (rows,).
        truth: Shape (rows,).

    Returns:
        ``None`` unless there are rows of both classes.

    Source: DeLong, DeLong, Clarke-Pearson 1988, by mid-ranks as Sun and Xu 2014.
    """
    positives, negatives = scores[truth], scores[~truth]
    if not positives.size or not negatives.size:
        return None
    ranks = _midranks(np.concatenate([positives, negatives]))
    above = (ranks[: positives.size] - _midranks(positives)) / negatives.size
    below = 1.0 - (ranks[positives.size :] - _midranks(negatives)) / positives.size
    value = float(above.mean())
    spread = Z_95 * math.sqrt(_variance_of_mean(above) + _variance_of_mean(below))
    return Estimate(value, max(0.0, value - spread), min(1.0, value + spread))


def average_precision(scores: Scores, truth: Truth) -> float | None:
    """Return the area under the precision-recall steps, or ``None`` without positives."""
    if not truth.any():
        return None
    precision, recall, _ = precision_recall(scores, truth)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def precision_recall(scores: Scores, truth: Truth) -> tuple[Scores, Scores, Scores]:
    """Return precision, recall and threshold at each distinct score, from the highest down; recall rises."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order])
    last = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)
    precision = hits[last] / (last + 1.0)
    recall = hits[last] / max(1, int(truth.sum()))
    return precision, recall, scores[order][last]


def thin(*columns: Scores, points: int = CURVE_POINTS) -> tuple[Scores, ...]:
    """Keep at most ``points`` rows of equally long columns, the first and last among them."""
    size = columns[0].size
    if size <= points:
        return columns
    kept = np.unique(np.linspace(0, size - 1, points).astype(np.int64))
    return tuple(column[kept] for column in columns)


def brier(scores: Scores, truth: Truth) -> float | None:
    """Return the mean squared error of the probabilities: 0 is perfect, 0.25 is what 0.5 for all would get."""
    return float(np.mean((scores - truth) ** 2)) if scores.size else None


def reliability(scores: Scores, truth: Truth) -> tuple[Bin, ...]:
    """Return ten bins of equal width with what was said and what came true; empty bins are left out."""
    places = np.minimum((scores * BIN_COUNT).astype(np.int64), BIN_COUNT - 1)
    bins = []
    for place in range(BIN_COUNT):
        inside = places == place
        if inside.any():
            mean = float(scores[inside].mean())
            bins.append(Bin(place / BIN_COUNT, (place + 1) / BIN_COUNT, mean, rate(truth[inside])))
    return tuple(bins)


def calibration_error(bins: tuple[Bin, ...]) -> float | None:
    """Return the mean distance between what was said and what came true, weighted by rows."""
    total = sum(part.positives.of for part in bins)
    if not total:
        return None
    return sum(abs(part.mean_score - (part.positives.share or 0.0)) * part.positives.of for part in bins) / total


def at_threshold(threshold: float, judged: Judged) -> AtThreshold:
    """Return what happens at one threshold."""
    acted, truth = judged.scores >= threshold, judged.truth
    return AtThreshold(threshold, rate(acted[~truth]), rate(acted[~truth & judged.links]), rate(~acted[truth]))


def _midranks(values: Scores) -> Scores:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    middles: Scores = np.cumsum(counts) - (counts - 1) / 2.0
    return middles[inverse]


def _variance_of_mean(values: Scores) -> float:
    return float(values.var(ddof=1) / values.size) if values.size > 1 else 0.0
