"""Says what an evaluation found in tables for a terminal.

Owns their columns; `model.report` does the same for a page. Prints nothing itself: the caller has the console.
"""

from collections.abc import Iterator

from rich.table import Table

from model.evaluate import Evaluation, LabelResult, ModelResult, Outcome, positive_word
from model.measures import Estimate, Rate
from model.report import SHOWN_THRESHOLDS, estimate, interval, percent

SLICES_SHOWN = 12


def tables(evaluation: Evaluation) -> Iterator[Table]:
    """Yield the tables of an evaluation: outcome, thresholds, languages and sources of each label."""
    for name, result in evaluation.model.labels.items():
        yield _outcomes(evaluation, name)
        yield _thresholds(name, result)
        for title, slices in (("language", result.languages), ("source", result.sources)):
            if len(slices) > 1:
                yield _slices(name, title, [(part.name, part.outcome, part.auc) for part in slices[:SLICES_SHOWN]])


def _outcomes(evaluation: Evaluation, name: str) -> Table:
    positive = positive_word(name)
    others: list[tuple[str, ModelResult | None]] = [("baseline", evaluation.baseline), ("in use", evaluation.in_use)]
    compared = [(f"{model.version} ({role})", model) for role, model in others if model and name in model.labels]
    columns = [(evaluation.model.version, evaluation.model), *compared]
    table = Table(title=f"{name}: {evaluation.title}", title_justify="left")
    table.add_column("")
    for version, _ in columns:
        table.add_column(version, justify="right")
    results = [model.labels[name] for _, model in columns]
    for field, title in _FIELDS:
        rates = [getattr(result.outcome, field) for result in results]
        table.add_row(title.format(positive), *(_with_interval(found) for found in rates))
    table.add_row("AUC", *(estimate(result.auc) for result in results))
    table.add_row("Brier", *("–" if result.brier is None else f"{result.brier:.4f}" for result in results))
    table.add_row("review / reject at", *(_pair(result) for result in results))
    return table


_FIELDS = (
    ("ham_rejected", "ham rejected"),
    ("link_ham_rejected", "ham with a link rejected"),
    ("ham_held", "ham in review"),
    ("published", "{} published"),
    ("rejected", "{} rejected"),
)


def _thresholds(name: str, result: LabelResult) -> Table:
    own = {result.thresholds.review: "review", result.thresholds.reject: "reject"}
    table = Table(title=f"{name}: thresholds", title_justify="left")
    for title in ("threshold", "ham at or above", "… with a link", f"{positive_word(name)} below", ""):
        table.add_column(title, justify="right")
    for row in result.table:
        if row.threshold in SHOWN_THRESHOLDS | own.keys():
            shares = (percent(found.share) for found in (row.ham, row.link_ham, row.missed))
            table.add_row(f"{row.threshold:.3f}", *shares, own.get(row.threshold, ""))
    return table


def _slices(name: str, title: str, slices: list[tuple[str, Outcome, Estimate | None]]) -> Table:
    positive = positive_word(name)
    table = Table(title=f"{name}: by {title}", title_justify="left")
    table.add_column(title)
    for column in ("ham", positive, "ham rejected", "… with a link", "ham in review", f"{positive} published", "AUC"):
        table.add_column(column, justify="right")
    for label, found, auc in slices:
        rates = (found.ham_rejected, found.link_ham_rejected, found.ham_held, found.published)
        counts = f"{found.ham_rejected.of:,}", f"{found.published.of:,}"
        table.add_row(label, *counts, *(percent(each.share) for each in rates), estimate(auc))
    return table


def _with_interval(found: Rate) -> str:
    return f"{percent(found.share)} ({interval(found)})"


def _pair(result: LabelResult) -> str:
    pair = (result.thresholds.review, result.thresholds.reject)
    return " / ".join("never" if value is None else f"{value:.3f}" for value in pair)
