"""The machine's verdicts: what it rejected or approved by itself, to find the honest comment among the refused.

The cards, keys and undo of the queue; deciding here overrules the machine or agrees with it. Looks at the latest
``LOOKED_BACK`` comments of the last 30 days that no person has decided on. Refuses to show what people decided: that
is history.
"""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from moderation.core.comment import Comment, Status
from moderation.service.copies import PLACES
from moderation.service.desk import Card, entry_of
from moderation.service.filters import Filters, Sort, matching, sort_key
from moderation.web.auth import services
from moderation.web.review import actions, cards, gate, queue, texts
from moderation.web.review.gate import bp, who

LOOKED_BACK = 1_000
DOUBTFUL_FIRST = {Status.REJECTED: Sort.FINE, Status.APPROVED: Sort.SPAM}


@bp.get("/verdicts")
def verdicts() -> ResponseReturnValue:
    """Show what the machine rejected, the most likely fine first, or what it approved, the most likely spam first."""
    names = gate.scope()
    status = Status.APPROVED if request.args.get("verdict") == Status.APPROVED else Status.REJECTED
    filters = queue.filters_of_request(DOUBTFUL_FIRST[status])
    found = _found(names, status)
    wanted = _cards(found, filters)
    after = queue.place_of(request.args.get("after", ""))
    left = [card for card in wanted if after is None or card.place > after]
    page = left[: queue.CARDS_A_PAGE]
    scope = gate.scope_name(names)
    return render_template(
        "review/verdicts.html",
        site_name=scope,
        site_names=gate.site_names(),
        site_counts={},
        is_merged=len(names) > 1,
        status=status,
        filters=filters,
        query=lambda **changes: {"verdict": status.value, **_query(filters, scope, status), **changes},
        matched=len(wanted),
        looked_at=len(found),
        waiting=sum(services().reviews.waiting(names).values()),
        cards=cards.queue_cards(page, me=who().account.name, shows=_is_shown),
        after=queue.place_text(page[-1].place) if len(left) > len(page) else "",
        outcome=actions.told(),
        here=request.full_path.rstrip("?"),
        script_texts=texts.for_scripts(),
    )


def _query(filters: Filters, scope: str, status: Status) -> dict[str, str]:
    sort = "" if filters.sort is DOUBTFUL_FIRST[status] else filters.sort.value
    return queue.filter_query(filters, scope, sort=sort)


def _found(names: list[str], status: Status) -> list[Comment]:
    """Return the latest comments on whose status no person has decided."""
    each = max(queue.CARDS_A_PAGE, LOOKED_BACK // len(names))
    busiest = names[: LOOKED_BACK // queue.CARDS_A_PAGE]
    return [one for name in busiest for one in services().insight.by_machine(name, status, limit=each)]


def _is_shown(comment: Comment) -> bool:
    return comment.decision is None and comment.status is not Status.PENDING


def _cards(found: list[Comment], filters: Filters) -> list[Card]:
    """Return a card for each comment that passes the filters, in their order."""
    site_of = {one.id: one.site for one in found}
    key = sort_key(filters.sort)
    entries = sorted(matching((entry_of(one) for one in found), filters, {}), key=key)
    return [Card(site_of[one.id], key(one), one.id, ((one.id, PLACES),)) for one in entries]
