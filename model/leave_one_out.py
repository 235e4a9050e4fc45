"""How a recipe does on sources it has never seen: each fold is left out in turn, and everything is solved without it.

Scores of a fold come from a fit without its rows, and its calibration and thresholds from the other folds' unseen
scores, so nothing of a source helps to judge it. That is the honest estimate for the next site; a random split
flatters. Fitting itself is `model.train`'s.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from model.corpus import UNKNOWN, Corpus, build_corpus
from model.dataset import SCORE_OF_LABEL
from model.evaluate import Evaluation, LabelResult, ModelResult, Outcome, Slice, measure, outcome
from model.evaluation_rows import Rows
from model.measures import Judged, Rate, auc
from model.recipe import Recipe
from model.serving import Thresholds
from model.train import calibrate, fit_label, solve, trainable

Report = Callable[[str, int], None]
Floats = npt.NDArray[np.float64]

FOLDS_MIN: Final = 4


class LeaveOneOutError(Exception):
    """The recipe has too few sources to leave one out."""


def leave_one_out(recipe: Recipe, data: Path, report: Report = lambda stage, percent: None) -> Evaluation:
    """Train without each fold of a recipe in turn and measure on it.

    Args:
        recipe: With at least four folds; sets of one fold are left out together.
        data: Where the recipe's files are.
        report: Told the stage and the percentage done.

    Returns:
        Outcomes add up over folds, each at thresholds solved without it; ``sources`` are the recipe's sets. The table
        and the plots use the thresholds of the whole. Mistakes are not listed.

    Raises:
        DatasetError: A file is missing or a row does not parse.
        TrainingError: No label has enough rows.
        LeaveOneOutError: There are fewer than four folds.
    """
    folds = {part.fold for part in recipe.datasets}
    if len(folds) < FOLDS_MIN:
        raise LeaveOneOutError(f"Leaving one source out needs at least {FOLDS_MIN} folds; the recipe has {len(folds)}.")
    with tempfile.TemporaryDirectory() as scratch:
        corpus = build_corpus(recipe, data, Path(scratch))
        found = {SCORE_OF_LABEL[name]: _label(corpus, name, recipe, report) for name in trainable(corpus)}
    title = f"sources left out in turn, {len(folds)} folds of the recipe"
    return Evaluation(title, corpus.weights.size, ModelResult(recipe.version, found))


def _label(corpus: Corpus, name: str, recipe: Recipe, report: Report) -> LabelResult:
    fitted = fit_label(corpus, name, recipe, report)
    score = SCORE_OF_LABEL[name]
    rows = _rows(corpus, name, score)
    chances = _chances(fitted.unseen)
    whole = measure(recipe.version, {score: fitted.thresholds}, rows, {score: chances}).labels[score]
    sources = _sources(corpus, name, recipe, fitted.unseen)
    total = _sum([part.outcome for part in sources])
    return replace(whole, outcome=total, sources=sources, worst_ham=(), worst_missed=())


def _sources(corpus: Corpus, name: str, recipe: Recipe, unseen: Floats) -> tuple[Slice, ...]:
    """Return each set at the calibration and thresholds of the folds that it is not in, largest first."""
    slices = []
    counts = corpus.truth[name] != UNKNOWN
    for fold in np.unique(corpus.folds[counts]):
        inside = corpus.folds == fold
        slope, offset, thresholds = _without(corpus, name, recipe, unseen, inside)
        for index in np.unique(corpus.sets[inside & counts]):
            own = counts & (corpus.sets == index)
            judged = Judged(_chances(slope * unseen[own] + offset), corpus.truth[name][own] == 1, corpus.links[own])
            area = auc(judged.scores, judged.truth)
            slices.append(Slice(corpus.facts[index].name, area, outcome(thresholds, judged)))
    return tuple(sorted(slices, key=lambda part: -(part.outcome.ham_rejected.of + part.outcome.published.of)))


def _without(
    corpus: Corpus, name: str, recipe: Recipe, unseen: Floats, left_out: npt.NDArray[np.bool_]
) -> tuple[float, float, Thresholds]:
    """Calibrate and solve as if a fold did not exist."""
    truth = np.where(left_out, np.int8(UNKNOWN), corpus.truth[name])
    rest = replace(corpus, truth={**corpus.truth, name: truth})
    slope, offset = calibrate(rest, name, recipe, unseen)
    return slope, offset, solve(rest, name, recipe, slope * unseen + offset)


def _chances(logits: Floats) -> Floats:
    chances: Floats = 1.0 / (1.0 + np.exp(-np.clip(logits, -500.0, 500.0)))
    return chances


def _rows(corpus: Corpus, name: str, score: str) -> Rows:
    names = np.array([facts.name for facts in corpus.facts], np.str_)[corpus.sets]
    nowhere = np.zeros(corpus.sets.size, np.int64)
    return Rows({score: corpus.truth[name]}, corpus.links, corpus.languages, names, names, nowhere)


def _sum(outcomes: list[Outcome]) -> Outcome:
    def add(field: str) -> Rate:
        rates = [getattr(each, field) for each in outcomes]
        return Rate(sum(each.count for each in rates), sum(each.of for each in rates))

    return Outcome(
        *(add(field) for field in ("ham_rejected", "link_ham_rejected", "ham_held", "published", "rejected"))
    )
