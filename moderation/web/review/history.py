"""What was decided in the last 30 days, by whom, each with its undo; and the acts that did several at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeGuard

from flask import render_template, request
from flask.typing import ResponseReturnValue

from moderation.core.comment import Comment, to_milliseconds
from moderation.core.text import folded
from moderation.service.desk import entry_of
from moderation.store.queue import Position
from moderation.store.reviews import ACT_DAYS
from moderation.web.auth import services
from moderation.web.review import actions, gate, outcomes, queue
from moderation.web.review.gate import bp

ROWS_A_PAGE = 50
ROWS_READ = 1_000  # Decisions looked through for the wanted ones before the page ends.
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
    text = request.args.get("text", "")[: queue.FILTER_LENGTH]
    wanted = _Wanted(moderator, tuple(folded(text).split()))
    rows, last = ([], None) if is_acts else _decided(site.name, wanted, after)
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
        text=text,
        moderators=_moderators(site.name),
        after=f"{last.score!r}~{last.comment_id}" if last else "",
        here=request.full_path.rstrip("?"),
        outcome=actions.told(),
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Whose decisions to show, and which words name or text must hold; empty ones hide nothing."""

    moderator: str
    words: tuple[str, ...]

    def has(self, comment: Comment | None) -> TypeGuard[Comment]:
        """Return whether to show a comment, which must have a decision."""
        if comment is None or comment.decision is None or self.moderator not in ("", comment.decision.moderator):
            return False
        return not self.words or all(word in entry_of(comment).words for word in self.words)


def _decided(site: str, wanted: _Wanted, after: Position | None) -> tuple[list[Comment], Position | None]:
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
            if not wanted.has(comment):
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
