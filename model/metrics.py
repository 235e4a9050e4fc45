"""What the manifest says of a model: measured on rows of sources that its fit had not seen.

The full evaluation of a model on files is `model.evaluate`; this is the part that training itself needs.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from model.corpus import UNKNOWN, Corpus
from model.serving import Thresholds

SIZE_MIN: Final = 20
Floats = npt.NDArray[np.float64]


def auc(positives: Floats, negatives: Floats) -> float:
    """Return the chance that a positive scores above a negative, ties counting half (Mann-Whitney)."""
    if positives.size == 0 or negatives.size == 0:
        return float("nan")
    ordered = np.sort(negatives)
    below = np.searchsorted(ordered, positives, "left") + np.searchsorted(ordered, positives, "right")
    return float(below.mean() / 2.0 / negatives.size)


def auc_interval(positives: Floats, negatives: Floats) -> tuple[float, float]:
    """Return the 95 % confidence interval of the AUC (Hanley and McNeil 1982)."""
    area = auc(positives, negatives)
    first, second = area / (2.0 - area), 2.0 * area**2 / (1.0 + area)
    n, m = positives.size, negatives.size
    variance = area * (1.0 - area) + (n - 1) * (first - area**2) + (m - 1) * (second - area**2)
    spread = 1.96 * float(np.sqrt(max(variance, 0.0) / (n * m)))
    return max(0.0, area - spread), min(1.0, area + spread)


def summarise(corpus: Corpus, name: str, unseen: Floats, thresholds: Thresholds) -> dict[str, Any]:
    """Return AUC with its interval, Brier score, and one line a set, from calibrated logits of unseen sources."""
    truth = corpus.truth[name]
    counts = truth != UNKNOWN
    chances = 1.0 / (1.0 + np.exp(-np.clip(unseen, -500.0, 500.0)))
    positives, negatives = chances[truth == 1], chances[truth == 0]
    return {
        "auc": _round(auc(positives, negatives)),
        "auc_interval": [_round(edge) for edge in auc_interval(positives, negatives)],
        "brier": _round(float(((chances[counts] - truth[counts]) ** 2).mean())),
        "rows": int(counts.sum()),
        "sources": [
            _source(facts.name, chances[own], truth[own], corpus.links[own], thresholds)
            for index, facts in enumerate(corpus.facts)
            if (own := counts & (corpus.sets == index)).any()
        ],
    }


def _source(
    name: str, chances: Floats, truth: npt.NDArray[np.int8], links: npt.NDArray[np.bool_], thresholds: Thresholds
) -> dict[str, Any]:
    reject = 2.0 if thresholds.reject is None else thresholds.reject
    review = 2.0 if thresholds.review is None else thresholds.review
    ham, linked, positive = chances[truth == 0], chances[(truth == 0) & links], chances[truth == 1]
    both = positive.size >= SIZE_MIN and ham.size >= SIZE_MIN
    return {
        "name": name,
        "positives": int(positive.size),
        "negatives": int(ham.size),
        "negatives_with_link": int(linked.size),
        "auc": _round(auc(positive, ham)) if both else None,
        "negatives_rejected": _share(ham, reject),
        "negatives_with_link_rejected": _share(linked, reject),
        "negatives_held": _share(ham, review),
        "positives_published": None if positive.size == 0 else _round(float((positive < review).mean())),
    }


def _share(chances: Floats, threshold: float) -> float | None:
    return _round(float((chances >= threshold).mean())) if chances.size else None


def _round(value: float) -> float:
    return round(value, 4)
