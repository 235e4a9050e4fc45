"""Writes an evaluation as one self-contained HTML page, with its numbers as JSON beside it.

Owns wording and layout; measures nothing (`model.evaluate` does) and draws nothing (`model.charts` does). The page
holds no comment text: mistakes are named by file and line.
"""

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from model.evaluate import Evaluation, LabelResult, positive_word, to_json
from model.measures import Estimate, Rate

PAGE: Final = "index.html"
NUMBERS: Final = "evaluation.json"
TEMPLATES: Final = Path(__file__).with_name("templates")
SHOWN_THRESHOLDS: Final = frozenset((0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99))


class ReportError(Exception):
    """A report cannot be written; the sentence says what is missing."""


def write(evaluation: Evaluation, directory: Path) -> Path:
    """Write ``index.html`` and ``evaluation.json`` and return the page's path; equal evaluations give equal bytes.

    Args:
        evaluation: What was measured.
        directory: Made if missing; files of those names are replaced.

    Raises:
        ReportError: matplotlib is not installed, or the directory cannot be written to.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise ReportError("Reports need matplotlib. Install it with: pip install 'winnow[report]'")
    page = render(evaluation)
    numbers = json.dumps(to_json(evaluation), indent=1, sort_keys=True, ensure_ascii=False)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / PAGE).write_text(page, encoding="utf-8")
        (directory / NUMBERS).write_text(numbers + "\n", encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{directory} cannot be written to: {error.strerror}.") from error
    return directory / PAGE


def render(evaluation: Evaluation) -> str:
    """Return the page."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(percent=percent, estimate=estimate, interval=interval)
    return environment.get_template("report.html").render(
        evaluation=evaluation, labels=[_label(evaluation, name) for name in evaluation.model.labels]
    )


def percent(share: float | None) -> str:
    """Return a share as a person reads it: two digits below one percent, one above; a dash for none."""
    if share is None:
        return "–"
    value = 100 * share
    return f"{value:.2f}\N{NO-BREAK SPACE}%" if 0 < value < 1 else f"{value:.1f}\N{NO-BREAK SPACE}%"


def interval(found: Rate) -> str:
    """Return the 95 % interval of a rate."""
    return f"{percent(found.low)} to {percent(found.high)}" if found.of else "no rows"


def estimate(found: Estimate | None) -> str:
    """Return an estimate to four digits."""
    return "–" if found is None else f"{found.value:.4f}"


def headline(result: LabelResult, positive: str) -> list[str]:
    """Return what an operator needs to know first, in sentences."""
    found = result.outcome
    sentences = []
    if found.ham_rejected.of:
        sentences.append(
            f"Of 1,000 honest comments, {_of_thousand(found.ham_rejected)} would be rejected and "
            f"{_of_thousand(found.ham_held)} would wait for a person."
        )
    if found.link_ham_rejected.of:
        sentences.append(
            f"Of 1,000 honest ones with a link, {_of_thousand(found.link_ham_rejected)} would be rejected."
        )
    if found.published.of:
        sentences.append(f"Of 1,000 {positive} comments, {_of_thousand(found.published)} would be published unseen.")
    return sentences


def _of_thousand(found: Rate) -> str:
    value = 1000 * (found.share or 0.0)
    return f"{value:.0f}" if value >= 10 or value == 0 else f"{value:.1f}"


def _label(evaluation: Evaluation, name: str) -> dict[str, Any]:
    from model import charts

    results = _same_label(evaluation, name)
    result = evaluation.model.labels[name]
    positive = positive_word(name)
    own = {result.thresholds.review, result.thresholds.reject}
    return {
        "name": name,
        "positive": positive,
        "result": result,
        "results": results,
        "headline": headline(result, positive),
        "shown": [row for row in result.table if row.threshold in SHOWN_THRESHOLDS | own],
        "own": own,
        "plots": (
            ("What happens at each threshold", charts.thresholds(result, positive)),
            ("Precision and recall", charts.precision_recall(results)),
            ("Do the scores keep their word?", charts.reliability(result)),
            ("How the scores lie", charts.histogram(result, positive)),
        ),
    }


def _same_label(evaluation: Evaluation, name: str) -> Mapping[str, LabelResult]:
    """Return the results of every model that scores a label; a version measured twice is told apart by its role."""
    found = {evaluation.model.version: evaluation.model.labels[name]}
    for role, other in (("baseline", evaluation.baseline), ("in use", evaluation.in_use)):
        if other and name in other.labels:
            found[f"{other.version} ({role})"] = other.labels[name]
    return found
