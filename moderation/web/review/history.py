"""What was decided in the last 30 days, by whom, each with its undo; and the acts that did several at once."""

from __future__ import annotations

import re
from datetime import timedelta

from flask import render_template, request
from flask.typing import ResponseReturnValue

from moderation.core.comment import Comment, to_milliseconds
from moderation.store.queue import Position
from moderation.store.reviews import ACT_DAYS
from moderation.web.auth import services
from moderation.web.review import actions, cards, gate, outcomes
from moderation.web.review.gate import bp

ROWS_A_PAGE = 50
ROWS_READ = 1_000  # Decisions looked through for one moderator's before the page ends.
ACTS_SHOWN = 100
_PLACE = re.compile(r"([0-9.]{1,20})~([0-9A-Za-z_-]{1,64})")


@bp.get("/history")
def history() -> ResponseReturnValue:
    """Show the decisions in force, latest first, or the acts."""
    site = gate.current_site()
    moderator = request.args.get("moderator", "")[:64]
    is_acts = request.args.get("view") == "acts"
    match = _PLACE.fullmatch(request.args.get("after", ""))
    after = Position(float(match[1]), match[2]) if match else None
    rows, last = ([], None) if is_acts else _decided(site.name, moderator, after)
    acts = services().acts.latest(site, limit=ACTS_SHOWN) if is_acts else []
    return render_template(
        "review/history.html",
        site=site,
        site_names=gate.site_names(),
        is_acts=is_acts,
        rows=rows,
        acts=[one for one in acts if not moderator or one.who == moderator],
        sentence=lambda act: outcomes.sentence(act, services().now()),
        moderator=moderator,
        moderators=_moderators(site.name),
        after=f"{last.score!r}~{last.comment_id}" if last else "",
        snippet=cards.snippet,
        plain_name=cards.plain_name,
        here=request.full_path.rstrip("?"),
        outcome=actions.told(),
    )


def _decided(site: str, moderator: str, after: Position | None) -> tuple[list[Comment], Position | None]:
    """Return one page of decided comments, and where the next one begins."""
    least = to_milliseconds(services().now() - timedelta(days=ACT_DAYS))
    found: list[Comment] = []
    for _ in range(ROWS_READ // ROWS_A_PAGE):
        positions = services().queue.decided_page(site, after=after, limit=ROWS_A_PAGE)
        recent = [one for one in positions if one.score >= least]
        by_id = {one.id: one for one in services().comments.get_many(site, [one.comment_id for one in recent])}
        for position in recent:
            comment = by_id.get(position.comment_id)
            after = position
            if comment is None or comment.decision is None or moderator not in ("", comment.decision.moderator):
                continue
            found.append(comment)
            if len(found) == ROWS_A_PAGE:
                return found, after
        if len(recent) < ROWS_A_PAGE:
            return found, None
    return found, after


def _moderators(site: str) -> list[str]:
    """Return who decided on a site within 30 days, by the day's counters."""
    days = services().archive.days(site, until=services().now(), days=ACT_DAYS)
    names = {name.removeprefix("by:") for _, counted in days for name in counted if name.startswith("by:")}
    return sorted(names)
