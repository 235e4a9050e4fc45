"""Training a model from a recipe: fit, score what was left out, calibrate, solve thresholds, save.

Scores for calibration and thresholds come from rows the fit had not seen: whole folds of sets are left out in turn when
the recipe has several, single rows otherwise. Leaving out starts from the full fit and only unlearns, so it is cheap.
It reads texts once, through `model.corpus`, and keeps none.
"""

import platform
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from model import hashing as h
from model.artifact import save_model
from model.calibration import fit_platt, rate_weights
from model.card import write_card
from model.corpus import UNKNOWN, Corpus, build_corpus, set_files
from model.dataset import LABELS, SCORE_OF_LABEL
from model.metrics import auc, summarise
from model.recipe import Recipe, Training
from model.serving import Thresholds
from model.solver import Design, decide, design, fit_logistic
from model.thresholds import solve_spam, solve_toxicity

UNLEARN_EPOCHS: Final = 3
ROW_FOLDS: Final = 5
FOLDS_MIN: Final = 4
ROWS_MIN: Final = 20
CLASS_MIN: Final = 2
DERIVED_MIN: Final = 20

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Report = Callable[[str, int], None]


class TrainingError(Exception):
    """A model cannot be trained from these rows; the sentence says how many are needed."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """One label's fit.

    Attributes:
        slots: float16 (SLOT_COUNT).
        bias: Calibrated.
        slope: What calibration multiplied the logit by.
        unseen: Calibrated logit of each row from a fit without it; NaN for rows that do not count.
        thresholds: Solved on ``unseen``.
        metrics: Measured on ``unseen``.
    """

    slots: npt.NDArray[np.float16]
    bias: float
    slope: float
    unseen: Floats
    thresholds: Thresholds
    metrics: Mapping[str, Any]


def train(recipe: Recipe, data: Path, output: Path, report: Report = lambda stage, percent: None) -> dict[str, Any]:
    """Train a model from a recipe and save it to a directory. Return its manifest's own part.

    Raises:
        DatasetError: A file is missing or a row does not parse.
        TrainingError: No label has enough rows.
        OSError: The directory cannot be written.
    """
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        sizes = sum(path.stat().st_size for part in recipe.datasets for path in set_files(part, data))
        corpus = build_corpus(recipe, data, Path(scratch), lambda read: report("Reading", 100 * read // max(sizes, 1)))
        names = trainable(corpus)
        with ThreadPoolExecutor(len(names)) as pool:
            fits = pool.map(lambda name: fit_label(corpus, name, recipe, report), names)
            fitted = dict(zip(names, fits, strict=True))
    manifest = {**describe(recipe, corpus, fitted), "derived": derive(corpus, recipe, fitted)}
    save_model(output, manifest, np.column_stack([fitted[name].slots for name in names]))
    write_card(output)
    return manifest


def trainable(corpus: Corpus) -> list[str]:
    """Return the labels that have enough rows.

    Raises:
        TrainingError: None has; the sentence says what is needed.
    """
    counts = {name: (int((corpus.truth[name] == 0).sum()), int((corpus.truth[name] == 1).sum())) for name in LABELS}
    names = [name for name, both in counts.items() if sum(both) >= ROWS_MIN and min(both) >= CLASS_MIN]
    if not names:
        found = ", ".join(f"{name}: {both[0]} with 0 and {both[1]} with 1" for name, both in counts.items())
        raise TrainingError(f"A label needs at least {ROWS_MIN} rows, {CLASS_MIN} of each class; here are {found}.")
    return names


def fit_label(corpus: Corpus, name: str, recipe: Recipe, report: Report = lambda stage, percent: None) -> Fitted:
    """Fit, calibrate and solve one label."""
    training = recipe.training
    truth = corpus.truth[name]
    report(f"Fitting {name}", 0)
    costs = row_costs(corpus, name, training, truth != UNKNOWN)
    rows = design(corpus.rows, group_multipliers(training), counts=truth != UNKNOWN)
    state = fit_logistic(rows, np.maximum(truth, 0), costs, epochs=training.epochs)
    raw = unseen_logits(corpus, name, (training, rows, state), lambda share: report(f"Fitting {name}", share))
    slope, offset = calibrate(corpus, name, recipe, raw)
    unseen = slope * raw + offset
    slots = state[0][: h.SLOT_COUNT].astype(np.float16)
    thresholds = solve(corpus, name, recipe, unseen)
    bias = slope * float(state[0][h.SLOT_COUNT]) + offset
    return Fitted(slots, bias, slope, unseen, thresholds, summarise(corpus, name, unseen, thresholds))


def row_costs(corpus: Corpus, name: str, training: Training, counts: Flags) -> Floats:
    """Return the C of each row for a label; 0 for rows that do not count."""
    truth = corpus.truth[name]
    costs = np.where(counts, corpus.weights * training.cost[name], 0.0)
    if name == "spam" and training.language_spam < 1.0:
        costs *= _language_shares(corpus, truth, costs, training.language_spam)
    if not training.balance:
        return costs
    halves = [float(costs[truth == value].sum()) for value in (0, 1)]
    whole = sum(halves)
    return np.where(truth == 1, costs * whole / (2.0 * halves[1]), costs * whole / (2.0 * halves[0]))


def _language_shares(corpus: Corpus, truth: npt.NDArray[np.int8], costs: Floats, share: float) -> Floats:
    """Return by what to multiply costs so that spam is at most ``share`` of each language; else languages look guilty.

    Rows that do not say their language stay as they are.
    """
    factors = np.ones(truth.size)
    for language in set(np.unique(corpus.languages)) - {""}:
        own = corpus.languages == language
        spam, ham = (float(costs[own & (truth == value)].sum()) for value in (1, 0))
        if spam > 0.0:
            factors[own & (truth == 1)] = min(1.0, share / (1.0 - share) * ham / spam)
    return factors


def group_multipliers(training: Training) -> Floats:
    """Return the multipliers of the feature groups in their order."""
    return np.array([training.multipliers[name] for name in h.GROUP_NAMES], np.float64)


def unseen_logits(
    corpus: Corpus,
    name: str,
    fit: tuple[Training, Design, tuple[npt.NDArray[np.float32], Floats]],
    advance: Callable[[int], None] = lambda percent: None,
) -> Floats:
    """Return each row's logit from a fit that had not seen its fold; NaN for rows that do not count.

    Args:
        corpus: All rows.
        name: The label.
        fit: The settings, the rows as the solver reads them, and its result on all of them.
        advance: Told the percentage done.
    """
    training, ready, state = fit
    truth = corpus.truth[name]
    counts = truth != UNKNOWN
    folds = _folds(corpus, truth)
    logits = np.full(truth.size, np.nan)
    present = np.unique(folds[counts])
    for done, fold in enumerate(present, 1):
        left_out = counts & (folds == fold)
        rest = row_costs(corpus, name, training, counts & ~left_out)
        weights = fit_logistic(ready, np.maximum(truth, 0), rest, epochs=UNLEARN_EPOCHS, state=state)[0]
        rows = np.flatnonzero(left_out)
        logits[rows] = decide(rows, ready, weights)
        advance(100 * done // present.size)
    return logits


def _folds(corpus: Corpus, truth: npt.NDArray[np.int8]) -> npt.NDArray[np.int16]:
    """Return the folds of the recipe, or five random ones with equal shares of both classes if it has too few."""
    counts = truth != UNKNOWN
    if np.unique(corpus.folds[counts]).size >= FOLDS_MIN:
        return corpus.folds
    folds = np.zeros(truth.size, np.int16)
    for value in (0, 1):
        rows = np.random.default_rng(value).permutation(np.flatnonzero(truth == value))
        folds[rows] = np.arange(rows.size) % ROW_FOLDS
    return folds


def derive(corpus: Corpus, recipe: Recipe, fitted: Mapping[str, Fitted]) -> dict[str, dict[str, Any]]:
    """Return the derived scores: severe toxicity, calibrated on logits of toxicity where rows say it."""
    rows = corpus.severe != UNKNOWN
    truth = corpus.severe[rows]
    if "toxic" not in fitted or min(int((truth == value).sum()) for value in (0, 1)) < DERIVED_MIN:
        return {}
    logits = fitted["toxic"].unseen[rows]
    weights = rate_weights(truth, np.ones(truth.size), recipe.training.promises.severe_rate)
    slope, offset = fit_platt(logits, truth, weights)
    area = round(auc(logits[truth == 1], logits[truth == 0]), 4)
    return {"severe_toxicity": {"label": "toxicity", "slope": slope, "offset": offset, "auc": area}}


def calibrate(corpus: Corpus, name: str, recipe: Recipe, raw: Floats) -> tuple[float, float]:
    """Return Platt's numbers: on the sets that calibrate the label, or on all rows at the promised rate of spam."""
    truth = corpus.truth[name]
    chosen = [index for index, part in enumerate(recipe.datasets) if name in part.calibrates]
    rows = (truth != UNKNOWN) & (np.isin(corpus.sets, chosen) if chosen else True)
    weights = np.ones(int(rows.sum())) if chosen else corpus.weights[rows]
    is_broad = not chosen and np.unique(corpus.folds[truth != UNKNOWN]).size >= FOLDS_MIN
    if is_broad and name == "spam":
        weights = rate_weights(truth[rows], weights, recipe.training.promises.spam_rate)
    return fit_platt(raw[rows], truth[rows], weights)


def solve(corpus: Corpus, name: str, recipe: Recipe, unseen: Floats) -> Thresholds:
    promises = recipe.training.promises
    ham = (corpus.truth[name] == 0) & (corpus.weights > 0.0)
    chosen = [index for index, part in enumerate(recipe.datasets) if part.solves]
    sources = [unseen[ham & (corpus.sets == index)] for index in chosen]
    if name == "toxic":
        return solve_toxicity(sources, promises)
    linked = ham & corpus.links
    return solve_spam(sources, [unseen[linked & (corpus.sets == index)] for index in chosen], promises)


def describe(recipe: Recipe, corpus: Corpus, fitted: Mapping[str, Fitted]) -> dict[str, Any]:
    """Return what the manifest says of a trained model."""
    of_score = {SCORE_OF_LABEL[name]: fit for name, fit in fitted.items()}
    return {
        "version": recipe.version,
        "labels": list(of_score),
        "bias": {score: fit.bias for score, fit in of_score.items()},
        "multipliers": {
            group: {score: fit.slope * recipe.training.multipliers[group] for score, fit in of_score.items()}
            for group in h.GROUP_NAMES
        },
        "thresholds": {score: asdict(fit.thresholds) for score, fit in of_score.items()},
        "metrics": {score: dict(fit.metrics) for score, fit in of_score.items()},
        "training": {
            "seed": recipe.seed,
            "settings": _plain(asdict(recipe.training)),
            "datasets": [_plain(asdict(facts)) for facts in corpus.facts],
        },
        "libraries": {"python": platform.python_version(), "numpy": np.__version__, "numba": version_of("numba")},
    }


def _plain(value: Any) -> Any:
    """Return a value with plain dicts and lists only, as JSON has them."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
