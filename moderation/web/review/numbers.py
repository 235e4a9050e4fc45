"""The numbers page: verdicts and decisions by day, how often people overruled the machine, who decided how much."""

from __future__ import annotations

from collections.abc import Sequence

from flask import render_template
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from moderation.service.insight import Band, Day, Numbers
from moderation.web.auth import services
from moderation.web.review import charts, gate, times
from moderation.web.review.charts import Bar, Part
from moderation.web.review.gate import bp
from moderation.web.review.texts import say

LABEL_EVERY = 7  # Days between dates on the axis.


@bp.get("/numbers")
def numbers() -> ResponseReturnValue:
    """Show the last 30 days of a site."""
    site = gate.current_site()
    found = services().insight.numbers(site.name)
    return render_template(
        "review/numbers.html",
        site=site,
        site_names=gate.site_names(),
        found=found,
        verdicts=_verdicts(found),
        decisions=_decisions(found),
        bands={label: _bands(label, bands) for label, bands in found.bands.items()},
        median=None if found.median_wait_seconds is None else times.span(found.median_wait_seconds),
        decided=sum(day.approved + day.rejected for day in found.days),
    )


def _label(place: int, day: Day, count: int) -> str:
    return day.date[5:] if (count - 1 - place) % LABEL_EVERY == 0 else ""


def _verdicts(found: Numbers) -> Markup:
    days = found.days
    bars = []
    for place, day in enumerate(days):
        parts = [
            Part(kind, day.verdicts[kind], f"{day.date}: {day.verdicts[kind]} {say(f'numbers.verdict.{kind}')}")
            for kind in ("approve", "review", "reject")
        ]
        bars.append(Bar(_label(place, day, len(days)), parts))
    return charts.stacked(bars, title=say("numbers.verdicts"))


def _decisions(found: Numbers) -> Markup:
    days = found.days
    bars = []
    for place, day in enumerate(days):
        parts = [
            Part("approve", day.approved, f"{day.date}: {day.approved} {say('numbers.approved')}"),
            Part("reject", day.rejected, f"{day.date}: {day.rejected} {say('numbers.rejected')}"),
        ]
        bars.append(Bar(_label(place, day, len(days)), parts))
    return charts.stacked(bars, title=say("numbers.decisions"))


def _bands(label: str, bands: Sequence[Band]) -> Markup:
    bars = []
    for band in bands:
        name = f"{band.low:.1f}\u2013{band.high:.1f}"
        parts = [
            Part("approve", band.approved, f"{name}: {band.approved} {say('numbers.approved')}"),
            Part("reject", band.rejected, f"{name}: {band.rejected} {say('numbers.rejected')}"),
        ]
        bars.append(Bar(name, parts))
    return charts.stacked(bars, title=say("numbers.bands", label=say(f"label.{label}")))
