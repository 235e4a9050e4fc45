"""The moderator's desk: the pending comments of a site, filtered, sorted, copies gathered into one card.

Owns a small index of each site's queue in this process. It follows the audit stream, so that a request reads only what
changed since the last one; the queue in the store stays the truth, and every decision is checked against that. Bounded:
at most ``MAX_ENTRIES`` of the oldest pending comments are indexed, and no request spends
``FILL_SECONDS`` or more on reading new ones.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from moderation.core.comment import Comment, Status, to_milliseconds
from moderation.core.errors import ModelUnavailable
from moderation.core.policy import Thresholds
from moderation.core.text import folded
from moderation.service.copies import CopyGroups, Sketch
from moderation.service.filters import Entry, Filters, matching, sort_key
from moderation.store.comments import Comments
from moderation.store.queue import Queue
from moderation.store.reviews import Reviews

MAX_ENTRIES = 20_000
FILL_SECONDS = 0.1  # What one request may spend on reading more of the queue into the index.
FILL_BATCH = 100
LEAST_BATCH = 10  # For each of many sites.
CHANGES = 5_000  # Changes followed one by one; beyond that the index starts afresh.
SEARCHED_CHARACTERS = 2_000  # Of each text, by the text filter.
GHOSTS = 50  # Entries beyond the queue's count that may be decisions of this very moment.
MEMBERS_SHOWN = 50  # Copies on one card; further ones make the next card.

SketchOf = Callable[[str], Sketch]
Place = tuple[float, str]  # Where a card stands in the order: the sort value and the id of its first comment.


@dataclass(frozen=True, slots=True)
class Card:
    """One comment, or several copies; ``members`` are (id, places of 16 that agree), the shown one first."""

    site: str
    place: Place
    comment_id: str
    members: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page of the desk.

    Attributes:
        waiting: Pending comments of the site, or of all the sites of a merged page.
        matched: Those of the indexed ones that pass the filters.
        indexed: How many were looked at; fewer than ``waiting`` while the index fills.
        reasons: How many of the indexed ones carry each reason code.
        labels: How many have reached the review threshold of each label.
        after: Place of the last card if there are more.
    """

    cards: tuple[Card, ...]
    waiting: int
    matched: int
    indexed: int
    reasons: dict[str, int]
    labels: dict[str, int]
    after: Place | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one site is asked for."""

    site: str
    filters: Filters
    thresholds: dict[str, Thresholds]
    after: Place | None
    limit: int


@dataclass(frozen=True, slots=True)
class _Reading:
    """Until when a request may read what is not indexed yet, and how much at a time; one batch a site in any case."""

    until: float
    batch: int


class SiteIndex:
    """What one process remembers of one site's queue; use it under its lock."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.entries: dict[str, Entry] = {}
        self.groups = CopyGroups()
        self.reasons: Counter[str] = Counter()
        self.position: str | None = None

    def put(self, entry: Entry, sketch: Sketch | None) -> None:
        """Remember a pending comment in place of its earlier version."""
        self.drop(entry.id)
        self.entries[entry.id] = entry
        self.reasons.update(entry.codes)
        self.groups.add(entry.id, sketch)

    def drop(self, comment_id: str) -> None:
        """Forget a comment that is not pending any more."""
        entry = self.entries.pop(comment_id, None)
        if entry is not None:
            self.reasons.subtract(entry.codes)
            self.groups.remove(comment_id)


class Desk:
    """Lays out pending comments; safe for threads.

    Args:
        sketch: Makes the sketch of a text; raises ModelUnavailable where that is not possible.
        timer: Seconds from any start, for keeping within ``FILL_SECONDS``.
    """

    def __init__(
        self, comments: Comments, queue: Queue, reviews: Reviews, *, sketch: SketchOf, timer: Callable[[], float]
    ) -> None:
        self._comments = comments
        self._queue = queue
        self._reviews = reviews
        self._sketch = sketch
        self._timer = timer
        self._indexes: dict[str, SiteIndex] = {}

    def merged(
        self, sites: Mapping[str, dict[str, Thresholds]], filters: Filters, *, after: Place | None, limit: int
    ) -> Sheet:
        """Return one page of the queues of several sites in one order; copies are gathered within each site.

        Args:
            sites: Which, each with the thresholds in force there.
            filters: What to show, and in which order.
            after: Place of the last card of the page before, or None for the first page.
            limit: Cards a page.
        """
        reading = _Reading(self._timer() + FILL_SECONDS, max(LEAST_BATCH, FILL_BATCH // max(1, len(sites))))
        pages = [
            self._sheet(_Asked(site, filters, thresholds, after, limit), reading) for site, thresholds in sites.items()
        ]
        cards = sorted((card for page in pages for card in page.cards), key=lambda card: card.place)
        has_more = len(cards) > limit or any(page.after for page in pages)
        return Sheet(
            cards=tuple(cards[:limit]),
            waiting=sum(page.waiting for page in pages),
            matched=sum(page.matched for page in pages),
            indexed=sum(page.indexed for page in pages),
            reasons=_summed(page.reasons for page in pages),
            labels=_summed(page.labels for page in pages),
            after=cards[:limit][-1].place if cards and has_more else None,
        )

    def sheet(
        self, site: str, filters: Filters, *, thresholds: dict[str, Thresholds], after: Place | None, limit: int
    ) -> Sheet:
        """Return one page of a site's queue.

        Args:
            site: Which.
            filters: What to show, and in which order.
            thresholds: In force at the site; a label counts from its review threshold on.
            after: Place of the last card of the page before, or None for the first page.
            limit: Cards a page.
        """
        reading = _Reading(self._timer() + FILL_SECONDS, FILL_BATCH)
        return self._sheet(_Asked(site, filters, thresholds, after, limit), reading)

    def _sheet(self, asked: _Asked, reading: _Reading) -> Sheet:
        index = self._indexes.setdefault(asked.site, SiteIndex(asked.site))
        key = sort_key(asked.filters.sort)
        with index.lock:
            waiting = self._queue.count(asked.site)
            self._refresh(index, waiting, reading)
            found = sorted(matching(index.entries.values(), asked.filters, asked.thresholds), key=key)
            page = list(itertools.islice(_cards(index, found, key, asked.after), asked.limit + 1))
            has_more = len(page) > asked.limit
            return Sheet(
                cards=tuple(page[: asked.limit]),
                waiting=waiting,
                matched=len(found),
                indexed=len(index.entries),
                reasons={code: n for code, n in index.reasons.items() if n},
                labels=_count_labels(index.entries.values(), asked.thresholds),
                after=page[asked.limit - 1].place if has_more else None,
            )

    def _refresh(self, index: SiteIndex, waiting: int, reading: _Reading) -> None:
        if index.position is not None and not self._follow(index):
            index.clear()
        if len(index.entries) > waiting + GHOSTS:
            index.clear()  # The store is another one than before: restored from a backup, say.
        if index.position is None or len(index.entries) < min(waiting, MAX_ENTRIES):
            self._fill(index, reading)

    def _follow(self, index: SiteIndex) -> bool:
        """Take up what changed since the last request; False if that is too much, or the store was replaced."""
        since = index.position or ""
        changes, position = self._reviews.changes(index.site, since, limit=CHANGES)
        if len(changes) >= CHANGES or (not changes and self._reviews.position(index.site) != since):
            return False
        changed = dict.fromkeys(change["comment"] for change in changes if "comment" in change)
        self._take(index, [one for one in changed if one in index.entries or len(index.entries) < MAX_ENTRIES])
        index.position = position
        return True

    def _take(self, index: SiteIndex, ids: list[str]) -> None:
        found = {comment.id: comment for comment in self._comments.get_many(index.site, ids)}
        for comment_id in ids:
            comment = found.get(comment_id)
            if comment is None or comment.status is not Status.PENDING:
                index.drop(comment_id)
                continue
            index.put(entry_of(comment), self._sketch_of(comment))

    def _fill(self, index: SiteIndex, reading: _Reading) -> None:
        if index.position is None:
            index.position = self._reviews.position(index.site)
        ids = self._reviews.pending_ids(index.site, limit=MAX_ENTRIES)
        missing = [one for one in ids if one not in index.entries]
        for start in range(0, len(missing), reading.batch):
            self._take(index, missing[start : start + reading.batch])
            if self._timer() > reading.until:
                return

    def _sketch_of(self, comment: Comment) -> Sketch | None:
        if not comment.content:
            return None
        try:
            return self._sketch(comment.content)
        except ModelUnavailable:
            return None  # Without a model comments are shown one by one.


def entry_of(comment: Comment) -> Entry:
    """Return what filters and orders go by."""
    words = f"{comment.author_name}\n{(comment.content or '')[:SEARCHED_CHARACTERS]}"
    return Entry(
        id=comment.id,
        created_ms=to_milliseconds(comment.created_at),
        scores=comment.verdict.scores,
        codes=tuple(reason.code for reason in comment.verdict.reasons),
        author_id=comment.author_id,
        permalink=comment.permalink,
        words=folded(words),
    )


def _cards(index: SiteIndex, found: list[Entry], key: Callable[[Entry], Place], after: Place | None) -> Iterator[Card]:
    """Yield the cards after a place, in the order of their first comments; copies that the filters hide stay hidden."""
    waiting = {entry.id for entry in found}
    for entry in found:
        if entry.id not in waiting:
            continue
        copies = index.groups.members(entry.id)
        others = _others(entry.id, copies, waiting) if len(copies) > 1 else []
        waiting.difference_update((entry.id, *others))
        place = key(entry)
        if after is None or place > after:
            yield Card(index.site, place, entry.id, tuple((one, copies[one]) for one in (entry.id, *others)))


def _others(first: str, copies: Mapping[str, int], waiting: set[str]) -> list[str]:
    return list(itertools.islice((one for one in copies if one in waiting and one != first), MEMBERS_SHOWN - 1))


def _count_labels(entries: Iterable[Entry], thresholds: dict[str, Thresholds]) -> dict[str, int]:
    limits = [(label, one.review) for label, one in thresholds.items() if one.review is not None]
    scores = [entry.scores for entry in entries]
    return {label: sum(one.get(label, 0.0) >= limit for one in scores) for label, limit in limits}


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(total)
