"""Training from a site's own decisions on top of a base model: ``w = delta + alpha * w_base``.

``delta`` is fitted on the site's labels alone (balanced classes, weak penalty); ``alpha``, the fraction of the base
that is added, is chosen on rows left out of the fit and shrinks as labels grow. The result is one weight vector,
as fast as the base. Measured alternatives, such as the base's logit as one more feature, trust it too much (DESIGN §8).
"""

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from model import hashing as h
from model.artifact import load_model, read_manifest, save_model
from model.calibration import fit_platt
from model.corpus import UNKNOWN, Corpus, build_corpus
from model.dataset import LABELS, SCORE_OF_LABEL, DatasetError
from model.metrics import auc
from model.recipe import DataSet, Recipe, Training, own_labels
from model.serving import Model, Thresholds
from model.solver import Design, decide, design, fit_logistic
from model.thresholds import solve_spam
from model.train import row_costs, trainable

ALPHAS: Final = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
ALPHA_PRIOR: Final = 0.2
ROUNDS: Final = 4
FOLDS: Final = 5
COST: Final = 100.0
EPOCHS: Final = 20
HAM_FOR_OWN_THRESHOLDS: Final = 600

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Combined:
    """One label of a site's model: weights, bias and multipliers as the artifact has them, and how they came about."""

    slots: Floats
    bias: float
    multipliers: Floats
    thresholds: Thresholds
    alpha: float
    auc_unseen: float | None
    rows: tuple[int, int]


def train_local(
    labels: Path,
    base: Path,
    output: Path,
    *,
    version: str,
    report: Callable[[str, int], None] = lambda stage, percent: None,
) -> dict[str, Any]:
    """Train a site's model from a file of its labels on top of a base. Return its manifest's own part.

    Labels that the site has too few of keep the base's weights.

    Raises:
        DatasetError: The file cannot be read, or a row does not parse.
        TrainingError: No label has enough rows.
        ModelRefused: The base cannot be loaded.
    """
    model, manifest = load_model(base), read_manifest(base)
    own = DataSet("labels", labels.name, own_labels(), licence="the site's own")
    training = replace(Training(), cost=dict.fromkeys(LABELS, COST), balance=True, epochs=EPOCHS)
    recipe = Recipe(version, (own,), training)
    with tempfile.TemporaryDirectory() as scratch:
        corpus = build_corpus(recipe, labels.parent, Path(scratch))
        names = trainable(corpus)
        combined = {}
        for name in [label for label in LABELS if label in names or SCORE_OF_LABEL[label] in model.labels]:
            report(f"Fitting {name}", 0)
            score = SCORE_OF_LABEL[name]
            combined[score] = combine(corpus, name, model, recipe) if name in names else _base_label(model, score)
            report(f"Fitting {name}", 100)
    made = describe(recipe, corpus, combined, manifest)
    save_model(output, made, np.column_stack([part.slots for part in combined.values()]).astype(np.float16))
    return made


def version_of_labels(labels: Path) -> str:
    """Return a version for a model of these labels, the same for the same file.

    Raises:
        DatasetError: The file cannot be read.
    """
    try:
        digest = hashlib.sha256(labels.read_bytes()).hexdigest()
    except OSError as error:
        raise DatasetError(f"{labels} cannot be read: {error.strerror}.") from error
    return f"local-{digest[:10]}"


def combine(corpus: Corpus, name: str, model: Model, recipe: Recipe) -> Combined:
    """Fit one label on the site's rows and add the best fraction of the base."""
    start = _base_label(model, SCORE_OF_LABEL[name])
    truth = corpus.truth[name]
    rows = np.flatnonzero(truth != UNKNOWN)
    costs = row_costs(corpus, name, recipe.training, truth != UNKNOWN)
    ready = design(corpus.rows, start.multipliers, counts=truth != UNKNOWN)
    own = _fit(ready, truth, costs)
    from_base = _logits(ready, rows, start.slots)
    unseen = [_unseen(ready, truth, costs, turn)[rows] for turn in range(ROUNDS)]
    alpha = choose_alpha(unseen, from_base, truth[rows])
    logits = np.mean(unseen, axis=0) + alpha * from_base
    slope, offset = fit_platt(logits, truth[rows], np.ones(rows.size))
    calibrated = slope * logits + offset
    return Combined(
        slots=own[: h.SLOT_COUNT] + alpha * start.slots,
        bias=slope * float(own[h.SLOT_COUNT]) + offset,
        multipliers=slope * start.multipliers,
        thresholds=_thresholds(name, calibrated[truth[rows] == 0], start.thresholds, recipe),
        alpha=alpha,
        auc_unseen=round(auc(calibrated[truth[rows] == 1], calibrated[truth[rows] == 0]), 4),
        rows=(int((truth == 1).sum()), int((truth == 0).sum())),
    )


def choose_alpha(unseen: list[Floats], from_base: Floats, truth: npt.NDArray[np.int8]) -> float:
    """Return the fraction of the base with the best AUC on rows left out, pulled towards 0.2 when labels are few."""

    def merit(alpha: float) -> float:
        areas = [auc((own + alpha * from_base)[truth == 1], (own + alpha * from_base)[truth == 0]) for own in unseen]
        doubt = abs(np.log((alpha + 0.02) / (ALPHA_PRIOR + 0.02))) / truth.size
        return float(np.mean(areas)) - 0.25 * float(doubt)

    return max(ALPHAS, key=merit)


def _base_label(model: Model, score: str) -> Combined:
    """Return a label of the base with multipliers relative to the first group, so that ``alpha = 1`` is the base."""
    if score not in model.labels:
        return Combined(np.zeros(h.SLOT_COUNT), 0.0, np.ones(h.GROUP_COUNT), Thresholds(0.5, None), 0.0, None, (0, 0))
    column = model.labels.index(score)
    multipliers = model.weights[h.SLOT_COUNT + 1 :, column].astype(np.float64)
    unit = float(multipliers[0]) or 1.0
    slots = model.weights[: h.SLOT_COUNT, column].astype(np.float64) * unit
    bias = float(model.weights[h.SLOT_COUNT, column])
    return Combined(slots, bias, multipliers / unit, model.thresholds[score], 1.0, None, (0, 0))


def _fit(ready: Design, truth: npt.NDArray[np.int8], costs: Floats) -> Floats:
    return fit_logistic(ready, np.maximum(truth, 0), costs, epochs=EPOCHS)[0].astype(np.float64)


def _logits(ready: Design, rows: npt.NDArray[np.int64], slots: Floats) -> Floats:
    weights = np.zeros(h.SLOT_COUNT + 1, np.float32)
    weights[: slots.size] = slots
    return decide(rows, ready, weights)


def _unseen(ready: Design, truth: npt.NDArray[np.int8], costs: Floats, turn: int) -> Floats:
    """Return the logit of each row from a fit on four fifths of the others."""
    folds = np.zeros(truth.size, np.int64)
    for value in (0, 1):
        own = np.random.default_rng([turn, value]).permutation(np.flatnonzero(truth == value))
        folds[own] = np.arange(own.size) % FOLDS
    logits = np.full(truth.size, np.nan)
    for fold in range(FOLDS):
        rows = np.flatnonzero((folds == fold) & (truth != UNKNOWN))
        logits[rows] = _logits(ready, rows, _fit(ready, truth, np.where(folds == fold, 0.0, costs)))
    return logits


def _thresholds(name: str, ham: Floats, start: Thresholds, recipe: Recipe) -> Thresholds:
    """Keep the base's thresholds until the site has enough ham to promise anything from its own."""
    if name != "spam" or ham.size < HAM_FOR_OWN_THRESHOLDS:
        return start
    return solve_spam([ham], [], recipe.training.promises)


def describe(
    recipe: Recipe, corpus: Corpus, combined: Mapping[str, Combined], base: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the manifest says of a site's model."""
    return {
        "version": recipe.version,
        "labels": list(combined),
        "bias": {score: part.bias for score, part in combined.items()},
        "multipliers": {
            group: {score: float(part.multipliers[index]) for score, part in combined.items()}
            for index, group in enumerate(h.GROUP_NAMES)
        },
        "thresholds": {score: asdict(part.thresholds) for score, part in combined.items()},
        "metrics": {score: {"auc": part.auc_unseen} for score, part in combined.items() if part.auc_unseen is not None},
        "training": {
            "base": base["version"],
            "base_sha256": base["files"]["weights.npy"]["sha256"],
            "labels_sha256": corpus.facts[0].sha256,
            "alpha": {score: part.alpha for score, part in combined.items()},
            "rows": {score: list(part.rows) for score, part in combined.items()},
        },
        "libraries": base["libraries"],
    }
