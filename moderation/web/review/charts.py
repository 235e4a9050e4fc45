"""Pictures of numbers as inline SVG: no script, no style attribute, colours from the style sheet, a table beside each.

Owns the geometry. Marks carry a ``title``, so that hovering tells the number; the table tells it to everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 720, 180
LEFT, RIGHT, TOP, BOTTOM = 40, 4, 10, 22
GAP = 2


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar; ``kind`` is its class in the style sheet."""

    kind: str
    value: int
    title: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar with its label on the axis, which may be empty."""

    label: str
    parts: Sequence[Part]

    @property
    def total(self) -> int:
        """Return the height of the bar."""
        return sum(part.value for part in self.parts)


def stacked(bars: Sequence[Bar], *, title: str) -> Markup:
    """Return stacked bars as an SVG image called ``title``."""
    top = nice_top(max((bar.total for bar in bars), default=0))
    inner = "".join([_grid(top), *(_bar(bar, i, len(bars), top) for i, bar in enumerate(bars))])
    frame = Markup('<svg class="chart" viewBox="0 0 {w} {h}" role="img" aria-label="{title}">{inner}</svg>')
    return frame.format(w=WIDTH, h=HEIGHT, title=title, inner=Markup(inner))  # noqa: S704  # Escaped piece by piece.


def nice_top(value: int) -> int:
    """Return an even round number at or above a value, at least 4."""
    step = 1
    while True:
        for factor in (4, 6, 8, 10, 20):
            if factor * step >= value:
                return factor * step
        step *= 10


def _y(value: float, top: int) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top), 1)


def _grid(top: int) -> str:
    line = Markup(
        '<line class="grid" x1="{x1}" x2="{x2}" y1="{y}" y2="{y}"/><text class="tick" x="{tx}" y="{ty}">{n}</text>'
    )
    marks = sorted({0, top // 2, top})
    return "".join(
        line.format(x1=LEFT, x2=WIDTH - RIGHT, y=_y(n, top), tx=LEFT - 6, ty=_y(n, top) + 4, n=f"{n:,}") for n in marks
    )


def _bar(bar: Bar, place: int, count: int, top: int) -> str:
    slot = (WIDTH - LEFT - RIGHT) / max(count, 1)
    x, width = round(LEFT + place * slot + GAP / 2, 1), round(slot - GAP, 1)
    pieces, below = [], 0
    rect = Markup('<rect class="{kind}" x="{x}" y="{y}" width="{w}" height="{h}"><title>{title}</title></rect>')
    for part in bar.parts:
        if part.value:
            y = _y(below + part.value, top)
            height = round(_y(below, top) - y, 1)
            pieces.append(rect.format(kind=part.kind, x=x, y=y, w=width, h=height, title=part.title))
            below += part.value
    if bar.label:
        text = Markup('<text class="label" x="{x}" y="{y}">{label}</text>')
        pieces.append(text.format(x=round(x + width / 2, 1), y=HEIGHT - 6, label=bar.label))
    return "".join(pieces)
