"""Thresholds solved from promises about ham of sources the model has not seen.

A promise about rejections is kept with confidence: the upper 95 % bound of the share must stay below it. Sources count
equally, whatever their size, because the next site resembles one of them and not their mixture. Nobody sees what is
rejected, so that promise holds for the source that fares worst, too. Owns the arithmetic; where the logits come from is
decided in `model.train`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from model.recipe import Promises
from model.serving import Thresholds, probability_of

CONFIDENCE_SCORE: Final = 1.6449  # One-sided 95 % point of the normal distribution.
ROWS_MIN: Final = 30
WORST_ROWS_MIN: Final = 100
STEP: Final = 0.05
Floats = npt.NDArray[np.float64]


def upper_bound(share: float, rows: float) -> float:
    """Return the one-sided upper 95 % confidence bound of a share (Wilson 1927)."""
    if rows <= 0:
        return 1.0
    square = CONFIDENCE_SCORE**2
    centre = share + square / (2.0 * rows)
    spread = CONFIDENCE_SCORE * np.sqrt(share * (1.0 - share) / rows + square / (4.0 * rows**2))
    return float((centre + spread) / (1.0 + square / rows))


def share_above(sources: Sequence[Floats], logit: float) -> tuple[float, float]:
    """Return the share of ham at or above a logit, every source counting equally, and its upper 95 % bound.

    The bound is that of the pooled number of rows that the equal weighting is worth (Kish's effective size).
    """
    kept = [source for source in sources if source.size >= ROWS_MIN] or [source for source in sources if source.size]
    if not kept:
        return 1.0, 1.0
    shares = [float((source >= logit).mean()) for source in kept]
    worth = len(kept) ** 2 / sum(1.0 / source.size for source in kept)
    share = sum(shares) / len(shares)
    return share, upper_bound(share, worth)


def lowest_logit(sources: Sequence[Floats], promise: float, *, confident: bool) -> float:
    """Return the lowest logit at which the share of ham above it, or its upper bound, keeps a promise."""
    low, high = -60.0, 60.0
    for _ in range(60):
        middle = (low + high) / 2.0
        if share_above(sources, middle)[int(confident)] > promise:
            low = middle
        else:
            high = middle
    return high


def worst_share(sources: Sequence[Floats], logit: float) -> float:
    """Return the share of ham at or above a logit in the source that fares worst; tiny sources do not count."""
    return max((float((source >= logit).mean()) for source in sources if source.size >= WORST_ROWS_MIN), default=0.0)


def solve_spam(ham: Sequence[Floats], link_ham: Sequence[Floats], promises: Promises) -> Thresholds:
    """Return the thresholds of spam from calibrated logits of ham, one array a source."""
    reject = lowest_logit(ham, promises.ham_rejected, confident=True)
    if sum(source.size for source in link_ham) >= ROWS_MIN:
        reject = max(reject, lowest_logit(link_ham, promises.link_ham_rejected, confident=True))
    while (
        worst_share(ham, reject) > promises.ham_rejected or worst_share(link_ham, reject) > promises.link_ham_rejected
    ):
        reject += STEP
    review = min(lowest_logit(ham, promises.ham_held, confident=False), reject)
    return Thresholds(_probability(review), _probability(reject))


def solve_toxicity(ham: Sequence[Floats], promises: Promises) -> Thresholds:
    """Return the threshold of toxicity, which asks a person and never rejects by itself."""
    return Thresholds(_probability(lowest_logit(ham, promises.toxic_held, confident=False)), None)


def _probability(logit: float) -> float:
    return round(probability_of(logit), 6)
