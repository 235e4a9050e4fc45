"""Which pending comments a moderator wants to see, and in which order; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from moderation.core.policy import Thresholds
from moderation.core.text import folded


class Sort(StrEnum):
    """The orders of the queue."""

    OLDEST = "oldest"
    NEWEST = "newest"
    FINE = "fine"
    SPAM = "spam"


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show; an empty field hides nothing.

    Attributes:
        reason: A reason code.
        label: A label whose review threshold is reached.
        author: An author id.
        page: A permalink.
        text: Words that name or text must hold, compared as lists are.
    """

    reason: str = ""
    label: str = ""
    author: str = ""
    page: str = ""
    text: str = ""
    sort: Sort = Sort.OLDEST

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is hidden."""
        return not (self.reason or self.label or self.author or self.page or self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is remembered of one pending comment; ``words`` is its folded name and text."""

    id: str
    created_ms: int
    scores: Mapping[str, float]
    codes: tuple[str, ...]
    author_id: str
    permalink: str
    words: str


def matching(entries: Iterable[Entry], filters: Filters, thresholds: Mapping[str, Thresholds]) -> Iterator[Entry]:
    """Yield the entries that pass every filter."""
    tests = _tests(filters, thresholds)
    for entry in entries:
        if all(test(entry) for test in tests):
            yield entry


def _tests(filters: Filters, thresholds: Mapping[str, Thresholds]) -> list[Callable[[Entry], bool]]:
    tests: list[Callable[[Entry], bool]] = []
    if filters.reason:
        tests.append(lambda entry: filters.reason in entry.codes)
    if filters.label:
        limit = thresholds.get(filters.label, Thresholds()).review
        tests.append(lambda entry: limit is not None and entry.scores.get(filters.label, 0.0) >= limit)
    if filters.author:
        tests.append(lambda entry: entry.author_id == filters.author)
    if filters.page:
        tests.append(lambda entry: entry.permalink == filters.page)
    words = folded(filters.text).split()
    if words:
        tests.append(lambda entry: all(word in entry.words for word in words))
    return tests


def sort_key(sort: Sort) -> Callable[[Entry], tuple[float, str]]:
    """Return the key of an order; ids, which rise with time, part equals."""
    if sort is Sort.NEWEST:
        return lambda entry: (-entry.created_ms, entry.id)
    if sort is Sort.FINE:
        return lambda entry: (max(entry.scores.values(), default=1.0), entry.id)
    if sort is Sort.SPAM:
        return lambda entry: (-entry.scores.get("spam", 1.0), entry.id)
    return lambda entry: (entry.created_ms, entry.id)
