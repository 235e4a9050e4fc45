"""What the past says: how another policy would have done, and how people and machine agree.

Computed from stored verdicts and decisions, never by scoring again, and bounded: at most ``LOOKED_AT`` comments of each
kind. Refuses to change anything.
"""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from moderation.core import policy as policies
from moderation.core.comment import Comment, Ruling, Status, to_milliseconds
from moderation.core.policy import Policy, Thresholds
from moderation.core.reasons import KINDS, Action
from moderation.service.foresight import Move, Newcomers, Preview, action_under
from moderation.service.submissions import Clock
from moderation.store.archive import Archive
from moderation.store.comments import Comments
from moderation.store.queue import Position, Queue
from moderation.store.reviews import Reviews

DAYS = 30
LOOKED_AT = 2_000  # Comments of each status, the latest first; about 100 ms.
PREVIEW_SECONDS = (
    2.0  # Of a preview; what is older than what it came to then is left out, and counted as not looked at.
)
BANDS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Day:
    """One day's counts; ``date`` is YYYY-MM-DD in UTC."""

    date: str
    verdicts: Mapping[str, int]
    approved: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Overruled:
    """How often a reason fired, was judged by a person, and was overruled."""

    code: str
    fired: int
    judged: int
    overruled: int


@dataclass(frozen=True, slots=True)
class Band:
    """What people did with comments whose score for a label lay in [low, high)."""

    low: float
    high: float
    approved: int
    rejected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Thirty days of a site.

    Attributes:
        median_wait_seconds: From submission to the first decision, over the latest decisions; None without any.
        bands: For each label.
        moderators: Decisions of each, most first.
    """

    days: Sequence[Day]
    reasons: Sequence[Overruled]
    bands: Mapping[str, Sequence[Band]]
    moderators: Sequence[tuple[str, int]]
    median_wait_seconds: float | None
    statuses: Mapping[Status, int]


class Insight:
    """Looks back; safe for threads."""

    def __init__(self, comments: Comments, queue: Queue, reviews: Reviews, archive: Archive, *, now: Clock) -> None:
        self._comments = comments
        self._queue = queue
        self._reviews = reviews
        self._archive = archive
        self._now = now

    def preview(self, site: str, policy: Policy, model: Mapping[str, Thresholds]) -> Preview:
        """Return what a policy would have made of the comments of the last 30 days.

        Args:
            site: Whose comments.
            policy: Which may differ from the site's in thresholds, lists, links and the hold of first comments.
            model: The model's own thresholds.
        """
        comments = self._recent(site)
        thresholds, started = policy.effective(model), self._now()
        authors = sorted({one.author_id for one in comments if one.author_id}) if policy.hold_first_comment else []
        newcomers = Newcomers(comments, self._reviews.authors(site, authors))
        moves: list[Move] = []
        looked_at = 0
        for one in comments:
            new = action_under(one, policy, thresholds, is_known=newcomers.knew(one))
            looked_at += 1
            if new is not one.verdict.action:
                moves.append(Move(one, new))
            if looked_at % 100 == 0 and (self._now() - started).total_seconds() > PREVIEW_SECONDS:
                break
        return Preview(looked_at, tuple(moves))

    def _recent(self, site: str) -> list[Comment]:
        """Return the comments of the last 30 days, at most ``LOOKED_AT`` of each status, the latest first."""
        since = self._now() - timedelta(days=DAYS)
        found: list[Comment] = []
        for status in Status:
            ids = self._reviews.recent_ids(site, status, since=since, limit=LOOKED_AT)
            found += self._comments.get_many(site, ids)
        return sorted(found, key=lambda one: one.created_at, reverse=True)

    def by_machine(self, site: str, status: Status, *, limit: int) -> list[Comment]:
        """Return the comments of the last 30 days that have a status without a person's decision, latest first.

        Args:
            site: Whose comments.
            status: Approved or rejected.
            limit: How many comments of the status are looked at.
        """
        since = self._now() - timedelta(days=DAYS)
        ids = self._reviews.recent_ids(site, status, since=since, limit=limit)
        return [one for one in self._comments.get_many(site, ids) if one.status is status and one.decision is None]

    def numbers(self, site: str) -> Numbers:
        """Return the counts of the last 30 days."""
        counted = self._archive.days(site, until=self._now(), days=DAYS)
        total: Counter[str] = Counter()
        for _, counters in counted:
            total.update(counters)
        decided = self._decided(site)
        return Numbers(
            days=[_day(date, counters) for date, counters in counted],
            reasons=[_overruled(code, total) for code in KINDS if total[f"fired:{code}"] or total[f"judged:{code}"]],
            bands={label: _bands(label, decided) for label in policies.LABELS},
            moderators=_moderators(total),
            median_wait_seconds=_median_wait(decided),
            statuses=self._archive.statuses(site),
        )

    def _decided(self, site: str) -> list[Comment]:
        least = to_milliseconds(self._now() - timedelta(days=DAYS))
        positions: list[Position] = self._queue.decided_page(site, after=None, limit=LOOKED_AT)
        return self._comments.get_many(site, [one.comment_id for one in positions if one.score >= least])


def _day(date: str, counters: Mapping[str, int]) -> Day:
    rejected = sum(n for name, n in counters.items() if name.startswith(f"decision:{Ruling.REJECT}"))
    verdicts = {action.value: counters.get(f"verdict:{action.value}", 0) for action in Action}
    return Day(date, verdicts, counters.get(f"decision:{Ruling.APPROVE}", 0), rejected)


def _overruled(code: str, total: Mapping[str, int]) -> Overruled:
    names = (f"{kind}:{code}" for kind in ("fired", "judged", "overruled"))
    return Overruled(code, *(total.get(name, 0) for name in names))


def _bands(label: str, decided: Iterable[Comment]) -> list[Band]:
    approved: Counter[int] = Counter()
    rejected: Counter[int] = Counter()
    for comment in decided:
        score = comment.verdict.scores.get(label)
        if score is None or comment.decision is None:
            continue
        band = min(int(score * 10), len(BANDS) - 2)
        (approved if comment.decision.ruling is Ruling.APPROVE else rejected)[band] += 1
    edges = list(itertools.pairwise(BANDS))
    return [Band(low, high, approved[i], rejected[i]) for i, (low, high) in enumerate(edges)]


def _median_wait(decided: Iterable[Comment]) -> float | None:
    waits = []
    for comment in decided:
        first = next((one.decision for one in comment.history if one.decision), comment.decision)
        if first is not None:
            waits.append((first.at - comment.created_at).total_seconds())
    return statistics.median(waits) if waits else None


def _moderators(total: Mapping[str, int]) -> list[tuple[str, int]]:
    named = ((name.removeprefix("by:"), n) for name, n in total.items() if name.startswith("by:") and n > 0)
    return sorted(named, key=lambda one: (-one[1], one[0]))
