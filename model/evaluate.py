"""Measures a model on labelled comments: what an operator needs to know before promoting it.

Owns what is measured and its shape as JSON. Rows whose label is null or missing do not count for that label. It trains
nothing (`model.leave_one_out` does), draws nothing (`model.report` does), and keeps no text: mistakes are named by file
and line.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from model import measures
from model.evaluation_rows import Rows, read_scored
from model.measures import AtThreshold, Bin, Estimate, Judged, Rate, Scores, Truth
from model.serving import Model, Thresholds

GRID: Final = (
    *(round(0.01 * step, 2) for step in range(1, 100)),
    0.995, 0.999,
)  # fmt: skip
"""Thresholds of the full table; the model's own are added."""
MISTAKES: Final = 20
UNKNOWN: Final = "unknown"

Progress = Callable[[int], None]


class EvaluationError(Exception):
    """There is nothing to measure; the sentence says what is missing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the default thresholds do to rows of one label.

    Attributes:
        ham_rejected, link_ham_rejected: Negatives at or above the reject threshold, all and those with a link.
        ham_held: Negatives that a person has to look at.
        published: Positives that nobody would have looked at.
        rejected: Positives that no person has to look at.
    """

    ham_rejected: Rate
    link_ham_rejected: Rate
    ham_held: Rate
    published: Rate
    rejected: Rate


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows of one language or source."""

    name: str
    auc: Estimate | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Mistake:
    """A row on the wrong side, by file and line, with its score."""

    file: str
    line: int
    score: float


@dataclass(frozen=True, slots=True)
class LabelResult:
    """Everything measured for one label of one model.

    Attributes:
        thresholds: The model's own.
        outcome: At those thresholds.
        average_precision: Area under precision and recall.
        brier, calibration_error: Of the probabilities, lower is better.
        bins: For the reliability plot.
        curve: (precision, recall, threshold), at most 200 points, recall rising.
        table: At every threshold of ``GRID`` and the model's own, rising.
        languages, sources: Largest first.
        worst_ham, worst_missed: The highest-scored negatives at or above review, the lowest-scored positives below it.
    """

    thresholds: Thresholds
    outcome: Outcome
    auc: Estimate | None
    average_precision: float | None
    brier: float | None
    calibration_error: float | None
    bins: tuple[Bin, ...]
    curve: tuple[tuple[float, float, float], ...]
    table: tuple[AtThreshold, ...]
    languages: tuple[Slice, ...]
    sources: tuple[Slice, ...]
    worst_ham: tuple[Mistake, ...]
    worst_missed: tuple[Mistake, ...]


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One model's results by score name (``spam``, ``toxicity``)."""

    version: str
    labels: dict[str, LabelResult]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured, and on what.

    Attributes:
        title: What the rows are.
        rows: Rows read, labelled or not.
        model: The model in question.
        baseline, in_use: Others on the same rows, if asked for.
    """

    title: str
    rows: int
    model: ModelResult
    baseline: ModelResult | None = None
    in_use: ModelResult | None = None


def evaluate(
    files: Sequence[Path],
    model: Model,
    *,
    baseline: Model | None = None,
    in_use: Model | None = None,
    advance: Progress = lambda count: None,
) -> Evaluation:
    """Score labelled files with one to three models and measure each.

    Args:
        files: JSON Lines, plain or gzip; see `model.dataset`.
        model: The model in question.
        baseline: One to compare with.
        in_use: The one that serves now.
        advance: Told how many rows were read since the last call.

    Raises:
        DatasetError: A file cannot be read or a row does not parse.
        EvaluationError: No row has a label that the model scores.
    """
    models = [each for each in (model, baseline, in_use) if each is not None]
    rows, scores = read_scored(files, models, advance)
    found = iter(
        measure(each.version, each.thresholds, rows, dict(zip(each.labels, of.T, strict=True)))
        for each, of in zip(models, scores, strict=True)
    )
    title = ", ".join(path.name for path in files)
    result = Evaluation(
        title,
        len(rows.languages),
        next(found),
        next(found) if baseline else None,
        next(found) if in_use else None,
    )
    if not result.model.labels:
        raise EvaluationError(f"No row of {title} has a label that {model.version} scores ({', '.join(model.labels)}).")
    return result


def measure(version: str, thresholds: Mapping[str, Thresholds], rows: Rows, scores: dict[str, Scores]) -> ModelResult:
    """Measure scores that exist already.

    Args:
        version: Of the model that made them.
        thresholds: By score name.
        rows: What is known of the rows.
        scores: By score name, shape (rows,), probabilities.
    """
    labels = {}
    for name, of_label in scores.items():
        counted = rows.truth[name] >= 0
        if counted.any():
            labels[name] = _measure_label(thresholds[name], rows.only(counted), of_label[counted], name)
    return ModelResult(version, labels)


def _measure_label(thresholds: Thresholds, rows: Rows, scores: Scores, name: str) -> LabelResult:
    truth = rows.truth[name] == 1
    judged = Judged(scores, truth, rows.links)
    bins = measures.reliability(scores, truth)
    touched = scores >= _lowest(thresholds)
    return LabelResult(
        thresholds=thresholds,
        outcome=outcome(thresholds, judged),
        auc=measures.auc(scores, truth),
        average_precision=measures.average_precision(scores, truth),
        brier=measures.brier(scores, truth),
        calibration_error=measures.calibration_error(bins),
        bins=bins,
        curve=_curve(scores, truth),
        table=_table(thresholds, judged),
        languages=_slices(rows.languages, thresholds, judged),
        sources=_slices(rows.sources, thresholds, judged),
        worst_ham=_mistakes(rows, scores, ~truth & touched, -scores),
        worst_missed=_mistakes(rows, scores, truth & ~touched, scores),
    )


def outcome(thresholds: Thresholds, judged: Judged) -> Outcome:
    """Return what a model's thresholds do; a threshold of ``None`` is never reached."""
    rejected = judged.scores >= (np.inf if thresholds.reject is None else thresholds.reject)
    touched, truth = judged.scores >= _lowest(thresholds), judged.truth
    return Outcome(
        ham_rejected=measures.rate(rejected[~truth]),
        link_ham_rejected=measures.rate(rejected[~truth & judged.links]),
        ham_held=measures.rate((touched & ~rejected)[~truth]),
        published=measures.rate(~touched[truth]),
        rejected=measures.rate(rejected[truth]),
    )


def _lowest(thresholds: Thresholds) -> float:
    return min((each for each in (thresholds.review, thresholds.reject) if each is not None), default=np.inf)


def _curve(scores: Scores, truth: Truth) -> tuple[tuple[float, float, float], ...]:
    columns = measures.thin(*measures.precision_recall(scores, truth))
    return tuple(zip(*(column.tolist() for column in columns), strict=True))


def _table(thresholds: Thresholds, judged: Judged) -> tuple[AtThreshold, ...]:
    own = {each for each in (thresholds.review, thresholds.reject) if each is not None}
    return tuple(measures.at_threshold(each, judged) for each in sorted({*GRID, *own}))


def _slices(names: npt.NDArray[np.str_], thresholds: Thresholds, judged: Judged) -> tuple[Slice, ...]:
    labels, inverse, counts = np.unique(names, return_inverse=True, return_counts=True)
    found = []
    for place in np.argsort(-counts, kind="stable"):
        part = judged.only(inverse == place)
        name = str(labels[place]) or UNKNOWN
        found.append(Slice(name, measures.auc(part.scores, part.truth), outcome(thresholds, part)))
    return tuple(found)


def _mistakes(rows: Rows, scores: Scores, wrong: Truth, badness: Scores) -> tuple[Mistake, ...]:
    places = np.flatnonzero(wrong)
    worst = places[np.argsort(badness[places], kind="stable")[:MISTAKES]]
    return tuple(Mistake(str(rows.files[place]), int(rows.lines[place]), float(scores[place])) for place in worst)


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation as plain JSON values; rates have ``count``, ``of``, ``share``, ``low`` and ``high``."""
    return {
        "title": evaluation.title,
        "rows": evaluation.rows,
        "model": _model_json(evaluation.model),
        "baseline": evaluation.baseline and _model_json(evaluation.baseline),
        "in_use": evaluation.in_use and _model_json(evaluation.in_use),
    }


def _model_json(result: ModelResult) -> dict[str, Any]:
    labels = {name: _label_json(label, name) for name, label in result.labels.items()}
    return {"version": result.version, "labels": labels}


def _label_json(result: LabelResult, name: str) -> dict[str, Any]:
    return {
        "thresholds": asdict(result.thresholds),
        **_outcome_json(result.outcome, name),
        "auc": result.auc and asdict(result.auc),
        "average_precision": result.average_precision,
        "brier": result.brier,
        "calibration_error": result.calibration_error,
        "reliability": [_bin_json(part) for part in result.bins],
        "table": [_row_json(row, name) for row in result.table],
        "languages": [_slice_json(part, name) for part in result.languages],
        "sources": [_slice_json(part, name) for part in result.sources],
        "worst_ham": [asdict(each) for each in result.worst_ham],
        "worst_missed": [asdict(each) for each in result.worst_missed],
    }


def _outcome_json(found: Outcome, name: str) -> dict[str, Any]:
    positive = positive_word(name)
    return {
        "ham": found.ham_rejected.of,
        "ham_with_link": found.link_ham_rejected.of,
        positive: found.published.of,
        "ham_rejected": _rate_json(found.ham_rejected),
        "ham_with_link_rejected": _rate_json(found.link_ham_rejected),
        "ham_in_review": _rate_json(found.ham_held),
        f"{positive}_published": _rate_json(found.published),
        f"{positive}_rejected": _rate_json(found.rejected),
    }


def _bin_json(part: Bin) -> dict[str, Any]:
    return {"low": part.low, "high": part.high, "score": part.mean_score, "positive": _rate_json(part.positives)}


def _row_json(row: AtThreshold, name: str) -> dict[str, Any]:
    return {
        "threshold": row.threshold,
        "ham": _rate_json(row.ham),
        "ham_with_link": _rate_json(row.link_ham),
        f"{positive_word(name)}_missed": _rate_json(row.missed),
    }


def _slice_json(part: Slice, name: str) -> dict[str, Any]:
    return {"name": part.name, "auc": part.auc and asdict(part.auc), **_outcome_json(part.outcome, name)}


def _rate_json(found: Rate) -> dict[str, Any]:
    return {"count": found.count, "of": found.of, "share": found.share, "low": found.low, "high": found.high}


def positive_word(name: str) -> str:
    """Return what a row of label 1 is called: ``spam`` or ``toxic``."""
    return "toxic" if name == "toxicity" else name
