"""The queue: the page of cards that wait at one site, or at all the sites of a moderator in one order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from flask import render_template, request
from flask.typing import ResponseReturnValue

from moderation.core.policy import Thresholds
from moderation.service.desk import Place
from moderation.service.filters import Filters, Sort
from moderation.web.auth import services
from moderation.web.review import actions, cards, gate, live, texts
from moderation.web.review.gate import bp, who

CARDS_A_PAGE = 20
MERGED_SITES = 50  # Looked at together, those with most waiting comments.
FILTER_LENGTH = 2_000
_PLACE = re.compile(r"(-?[0-9.e+-]{1,30})~([0-9A-Za-z]{1,40})")


def filters_of_request(otherwise: Sort = Sort.OLDEST) -> Filters:
    """Return the filters that the URL holds; one that means nothing hides nothing.

    Args:
        otherwise: The order where the URL names none.
    """
    given = {name: request.args.get(name, "")[:FILTER_LENGTH] for name in ("reason", "label", "author", "page", "text")}
    sort = request.args.get("sort", "")
    return Filters(**given, sort=Sort(sort) if sort in set(Sort) else otherwise)


def filter_query(filters: Filters, site: str, **changes: str) -> dict[str, str]:
    """Return the query of the queue's URL for some filters, without what is empty."""
    values = {
        "site": site,
        "reason": filters.reason,
        "label": filters.label,
        "author": filters.author,
        "page": filters.page,
        "text": filters.text,
        "sort": "" if filters.sort is Sort.OLDEST else filters.sort.value,
        **changes,
    }
    return {name: value for name, value in values.items() if value}


def place_text(place: Place | None) -> str:
    """Return a place as a URL holds it; empty for none."""
    return f"{place[0]!r}~{place[1]}" if place else ""


def place_of(text: str) -> Place | None:
    """Return the place that a URL holds, or None where it holds none."""
    match = _PLACE.fullmatch(text)
    try:
        return (float(match[1]), match[2]) if match else None
    except ValueError:
        return None


@bp.get("/")
def queue() -> ResponseReturnValue:
    """Show the waiting comments of a site, or of all the moderator's sites in one order."""
    names = gate.scope()
    filters, position = filters_of_request(), live.position_of(services(), tuple(names))
    own = gate.site_names()
    counts = services().reviews.waiting(own)
    sheet = services().desk.merged(
        _thresholds(_busiest({name: counts[name] for name in names})),
        filters,
        after=place_of(request.args.get("after", "")),
        limit=CARDS_A_PAGE,
    )
    scope = gate.scope_name(names)
    return render_template(
        "review/queue.html",
        site_name=scope,
        site_names=own,
        site_counts=counts,
        is_merged=len(names) > 1,
        filters=filters,
        query=lambda **changes: filter_query(filters, scope, **changes),
        sheet=sheet,
        waiting=sum(counts[name] for name in names),
        position=position,
        cards=cards.queue_cards(sheet.cards, me=who().account.name),
        after=place_text(sheet.after),
        outcome=actions.told(),
        reason_codes=sorted(sheet.reasons.items(), key=lambda one: -one[1]),
        here=request.full_path.rstrip("?"),
        script_texts=texts.for_scripts(),
    )


def _busiest(counts: Mapping[str, int]) -> list[str]:
    """Return the sites that a merged queue shows: those where most comments wait."""
    waiting = [name for name, count in counts.items() if count]
    return sorted(waiting, key=lambda name: -counts[name])[:MERGED_SITES]


def _thresholds(names: Iterable[str]) -> dict[str, dict[str, Thresholds]]:
    """Return the thresholds in force at each of some sites."""
    own = services().judge.thresholds()
    return {name: services().sites.read(name).policy.effective(own) for name in names}
