"""A loaded model: scores, judgements and explanations of comments.

Owns the Python side of serving. It reads no files (`model.artifact` does), imports neither scikit-learn nor SciPy,
keeps no state between calls and is safe to share among threads; all arrays are read-only for the workers forked after
loading.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from model import evidence, hashing
from model.batch import encode_one, encode_rows, score_rows
from model.sketch import sketch

LABEL_LIMIT: Final = 2
FIELDS: Final = ("content", "author", "url")
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Probabilities at which the action of a label changes; None means "never".

    Attributes:
        review: At or above it a person looks.
        reject: At or above it the comment is rejected.
    """

    review: float | None
    reject: float | None


class Span(NamedTuple):
    """A part of a comment and what it adds to a label's logit; a tuple, since ten are made of every comment.

    Attributes:
        field: ``content``, ``author`` or ``url``.
        start: Offset of the first code point in the original field.
        end: Offset after the last one.
        weight: Signed, in logit units, in a judgement rounded to thousandths; positive speaks for the label.
    """

    field: str
    start: int
    end: int
    weight: float


_span = partial(tuple.__new__, Span)  # In a third of the time that the constructor takes.


class LabelJudgement(NamedTuple):
    """One label's calibrated probability in [0, 1], its logit, and the strongest evidence of either sign first."""

    probability: float
    logit: float
    evidence: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the model says of one comment.

    Attributes:
        labels: By score name, ``spam`` and ``toxicity``.
        undone: Characters of disguise that normalisation had to undo.
    """

    labels: Mapping[str, LabelJudgement]
    undone: int


@dataclass(frozen=True, slots=True)
class LabelExplanation:
    """All that makes up one label's logit: ``bias + sum of spans + sum of shape == logit`` within 1e-3.

    Attributes:
        logit: As `Model.judge` reports it.
        probability: The logit through the logistic function.
        bias: What an empty comment of no shape would get.
        spans: Every word, in the order text, author, URL.
        shape: What is true of the text as a whole, by name: length, capitals, several links …
    """

    logit: float
    probability: float
    bias: float
    spans: tuple[Span, ...]
    shape: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Derived:
    """A score calibrated on another label's logit: it adds no weights and ranks comments as that label does.

    Attributes:
        label: The score it follows from.
        slope: What the label's calibrated logit is multiplied by.
        offset: Added to that.
    """

    label: str
    slope: float
    offset: float


@dataclass(frozen=True, slots=True)
class Model:
    """A linear model over hashed features, calibrated: one column of weights a label.

    Attributes:
        version: Name of the model, as stored in its manifest.
        labels: Names of the scores in the order of the columns.
        thresholds: By score name.
        weights: float32, (SLOT_COUNT + 1 + GROUP_COUNT, 2): slots, then the bias, then the groups' multipliers.
        tables: See `model.tables`.
        derived: Scores that follow from a label's, by name.
    """

    version: str
    labels: tuple[str, ...]
    thresholds: Mapping[str, Thresholds]
    weights: Floats
    tables: npt.NDArray[np.uint32]
    derived: Mapping[str, Derived] = field(default_factory=dict)

    def warm_up(self) -> None:
        """Compile, or load from numba's cache on disk, every kernel that serving calls."""
        self.score("warm", author="up", url="example.org")
        self.judge("warm", author="up", url="example.org")
        self.explain("warm", author="up", url="example.org")
        self.score_batch([("warm", "up", "example.org")])
        self.judge_batch([("warm", "up", "example.org")])
        self.sketch("warm")

    def score(self, text: str, *, author: str = "", url: str = "") -> dict[str, float]:
        """Return the calibrated probability in [0, 1] of each label; a few microseconds for a short comment."""
        encoded, lengths = encode_one(text, author, url)
        first, second = hashing.probabilities(encoded, lengths, self.tables, self.weights)
        labels = self.labels
        return {labels[0]: first, labels[1]: second} if len(labels) == LABEL_LIMIT else {labels[0]: first}

    def score_batch(self, rows: Sequence[tuple[str, str, str]]) -> npt.NDArray[np.float64]:
        """Return probabilities, shape (rows, labels), for rows of (text, author, url); equal to `score` one by one."""
        codes, lengths = encode_rows(rows)
        logits = score_rows(codes, lengths, self.tables, self.weights)[:, : len(self.labels)]
        scores: npt.NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(logits, -700.0, 700.0)))
        return scores

    def derive(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Return the derived scores, each in [0, 1], that follow from a comment's probabilities by label."""
        return {
            name: probability_of(of.slope * logit_of(scores[of.label]) + of.offset) for name, of in self.derived.items()
        }

    def judge(self, text: str, *, author: str = "", url: str = "", limit: int = 5) -> Judgement:
        """Score a comment and say which parts of it moved the scores.

        Args:
            text: The comment; code points beyond 65,536 are not read.
            author: Name shown with it.
            url: Address the author gave; ignored when the text contains it, so that it counts once.
            limit: How many spans a label.
        """
        return self.judge_batch([(text, author, url)], limit)[0]

    def judge_batch(self, rows: Sequence[tuple[str, str, str]], limit: int = 5) -> list[Judgement]:
        """Judge many comments; the same as `judge` one by one, in less time."""
        codes, lengths = encode_rows(rows)
        logits, undone, places, gains, ends = evidence.judge_rows(codes, lengths, self.tables, self.weights, limit)
        spans, start, judged = _spans(places, gains), 0, []
        for of_row, count, stops in zip(logits.tolist(), undone.tolist(), ends.tolist(), strict=True):
            parts = {}
            for label, logit, stop in zip(self.labels, of_row, stops, strict=False):
                parts[label] = LabelJudgement(probability_of(logit), logit, tuple(spans[start:stop]))
                start = stop
            judged.append(Judgement(parts, count))
            start = stops[-1]
        return judged

    def explain(self, text: str, *, author: str = "", url: str = "") -> dict[str, LabelExplanation]:
        """Return, for each label, all signed parts of its logit: every word, the shape of the text, and the bias."""
        encoded, lengths = encode_one(text, author, url)
        places, gains, by_shape = evidence.explain(encoded, lengths, self.tables, self.weights)
        return {
            label: self._explanation(column, _spans(places, gains[:, column]), by_shape[:, column])
            for column, label in enumerate(self.labels)
        }

    def _explanation(self, column: int, spans: Sequence[Span], by_shape: npt.NDArray[np.float64]) -> LabelExplanation:
        bias = float(self.weights[hashing.SLOT_COUNT, column])
        logit = bias + sum(span.weight for span in spans) + float(by_shape.sum())
        named = zip(hashing.SHAPE_NAMES, by_shape.tolist(), strict=True)
        shape = {name: gain for name, gain in named if gain != 0.0}
        return LabelExplanation(logit, probability_of(logit), bias, tuple(spans), shape)

    def sketch(self, text: str) -> tuple[int, ...]:
        """Return a min-hash sketch of 16 unsigned 32-bit numbers for finding near-copies.

        The share of equal places estimates Jaccard's measure of the two texts' sets of normalised five-character
        pieces, with a standard error of at most 0.125 (Broder 1997). Disguises are undone first.
        """
        encoded, lengths = encode_one(text, "", "")
        return tuple(sketch(encoded, lengths[0], self.tables).tolist())


def probability_of(logit: float) -> float:
    """Return the logistic function of a logit, without overflow."""
    if logit >= 0.0:
        return 1.0 / (1.0 + math.exp(-min(logit, 700.0)))
    grown = math.exp(max(logit, -700.0))
    return grown / (1.0 + grown)


def logit_of(probability: float) -> float:
    """Return the logit of a probability; 0 and 1 give the largest that a float tells apart from them."""
    kept = min(max(probability, 1e-15), 1.0 - 1e-15)
    return math.log(kept / (1.0 - kept))


def _spans(places: npt.NDArray[np.int64], gains: npt.NDArray[np.float64]) -> list[Span]:
    """Return spans from rows of (field, start, end), and what each adds."""
    fields = map(FIELDS.__getitem__, places[:, 0].tolist())
    return list(map(_span, zip(fields, places[:, 1].tolist(), places[:, 2].tolist(), gains.tolist(), strict=True)))
