"""Draws the plots of an evaluation report as inline SVG.

Colours are names of CSS variables, so that a page decides how they look in light and in dark; nothing is read or
measured here. matplotlib is imported when a plot is drawn, since only reports need it.
"""

import io
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from model.evaluate import LabelResult
from model.measures import AtThreshold

SIZE_INCHES: Final = (5.6, 3.7)
INK, SOFT, HAM, LINK, MISSED, SECOND = "#010203", "#040506", "#070809", "#0a0b0c", "#0d0e0f", "#101112"
VARIABLES: Final[Mapping[str, str]] = {
    INK: "--ink", SOFT: "--line", HAM: "--ham", LINK: "--link", MISSED: "--missed", SECOND: "--second"
}  # fmt: skip
"""Colours that nobody would choose stand for CSS variables and are replaced in the finished SVG."""
ABOVE: Final[Mapping[str, Any]] = {
    "loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "ncols": 3, "frameon": False, "labelcolor": INK, "fontsize": 8
}  # fmt: skip
"""A legend above the plot, where no line runs."""
STEP: Final = 5
"""Percent a bar of the histogram."""


def precision_recall(results: Mapping[str, LabelResult]) -> str:
    """Draw precision over recall for each model; the first is the one in question, its thresholds are marked."""
    figure, axes = _axes("share of positives found", "share of findings that are right")
    styles = ((INK, "-"), (SECOND, "--"), (SECOND, ":"))
    for (version, result), (colour, dash) in zip(results.items(), styles, strict=False):
        points = [(1.0, 0.0), *((point[0], point[1]) for point in result.curve)]
        axes.plot(
            [point[1] for point in points],
            [point[0] for point in points],
            dash,
            color=colour,
            label=version.replace("$", r"\$"),
        )
    for name, row in _own_rows(next(iter(results.values()))):
        found, wrong = row.missed.of - row.missed.count, row.ham.count
        if found:
            axes.plot(found / row.missed.of, found / (found + wrong), "o", color=MISSED)
            axes.annotate(name, (found / row.missed.of, found / (found + wrong)), (-6, -14), textcoords="offset points",
                          ha="right", color=INK)  # fmt: skip
    axes.set(xlim=(0, 1.02), ylim=(0, 1.04))
    axes.legend(loc="lower left", frameon=False, labelcolor=INK)
    return _svg(figure, "Precision over recall")


def reliability(result: LabelResult) -> str:
    """Draw what came true over what was said, with 95 % intervals; points on the diagonal keep their word."""
    figure, axes = _axes("score", "share that was positive")
    axes.plot([0, 1], [0, 1], "--", color=SOFT)
    said = [part.mean_score for part in result.bins]
    true = [part.positives.share or 0.0 for part in result.bins]
    low = [value - part.positives.low for value, part in zip(true, result.bins, strict=True)]
    high = [part.positives.high - value for value, part in zip(true, result.bins, strict=True)]
    axes.errorbar(said, true, yerr=[_positive(low), _positive(high)], fmt="o-", color=INK, ecolor=SECOND, capsize=3)
    for x, y, part in zip(said, true, result.bins, strict=True):
        place = (6, -12) if y > 0.5 else (6, 6)
        axes.annotate(f"{part.positives.of:,}", (x, y), place, textcoords="offset points", color=SECOND, fontsize=8)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
    return _svg(figure, "Reliability of the scores")


def thresholds(result: LabelResult, positive: str) -> str:
    """Draw, over the threshold, the shares of ham acted on and of positives missed; own thresholds are lines."""
    figure, axes = _axes("threshold", "percent (square-root scale)")
    grid = [row.threshold for row in result.table]
    lines = (("ham", HAM, "ham at or above"), ("link_ham", LINK, "ham with a link at or above"))
    for field, colour, label in (*lines, ("missed", MISSED, f"{positive} below")):
        shares = [100 * (getattr(row, field).share or 0.0) for row in result.table]
        axes.plot(grid, shares, color=colour, label=label, linestyle="--" if field == "link_ham" else "-")
    axes.set_yscale("function", functions=(_root, _square))
    axes.set(xlim=(0, 1), ylim=(0, 100), yticks=[0, 1, 5, 10, 25, 50, 75, 100])
    for name, row in _own_rows(result):
        axes.axvline(row.threshold, color=SECOND, linestyle=":")
        axes.annotate(f"{name} {row.threshold:.2f}", (row.threshold, 96), (-4, 0), textcoords="offset points",
                      ha="right", va="top", rotation=90, color=SECOND, fontsize=8)  # fmt: skip
    axes.legend(**ABOVE)
    return _svg(figure, "What happens at each threshold")


def histogram(result: LabelResult, positive: str) -> str:
    """Draw how the scores of ham and positives lie, as shares of each."""
    figure, axes = _axes("score", "percent of each kind")
    edges = [row for row in result.table if round(row.threshold * 100, 6) % STEP == 0]
    left = [0.0, *(row.threshold for row in edges)]
    ham = _drops([1.0, *(row.ham.share or 0.0 for row in edges), 0.0])
    found = _drops([1.0, *(1.0 - (row.missed.share or 0.0) for row in edges), 0.0])
    width = STEP / 100 * 0.42
    axes.bar([x + STEP / 400 * 1.1 for x in left], ham, width, color=HAM, label="ham")
    axes.bar(
        [x + STEP / 400 * 3.0 for x in left], found, width, color=MISSED, label=positive, hatch="///", edgecolor=SOFT
    )
    axes.set_yscale("function", functions=(_root, _square))
    axes.set(xlim=(0, 1), ylim=(0, 100), yticks=[0, 1, 5, 10, 25, 50, 75, 100])
    axes.legend(**ABOVE)
    return _svg(figure, "How the scores lie")


def _drops(shares: list[float]) -> list[float]:
    return [100 * max(0.0, before - after) for before, after in pairwise(shares)]


def _own_rows(result: LabelResult) -> list[tuple[str, AtThreshold]]:
    own = {"review": result.thresholds.review, "reject": result.thresholds.reject}
    return [(name, row) for name, value in own.items() for row in result.table if row.threshold == value]


def _positive(values: list[float]) -> list[float]:
    return [max(0.0, value) for value in values]


def _root(values: Any) -> Any:
    import numpy as np

    return np.sqrt(np.maximum(values, 0.0))


def _square(values: Any) -> Any:
    return values**2


def _axes(x: str, y: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.tick_params(colors=INK, labelsize=8)
    axes.grid(color=SOFT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    for part in (figure, axes):
        part.patch.set_alpha(0.0)
    return figure, axes


def _svg(figure: Any, title: str) -> str:
    """Return the figure as an SVG element with the page's colours; equal figures give equal text."""
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": title, "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
    drawn = buffer.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    for colour, variable in VARIABLES.items():
        drawn = drawn.replace(colour, f"var({variable})")
    drawn = re.sub(r'<g id="[^"]*"', "<g", drawn)
    return re.sub(r"<svg ", f'<svg role="img" aria-label="{title}" class="plot" ', drawn, count=1)
