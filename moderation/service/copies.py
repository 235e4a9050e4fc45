"""Groups of near-identical comments, kept up to date as comments come and go.

The measure: a comment's min-hash sketch has 16 places (``model.sketch``, normalised five-character pieces, disguises
undone); the share of equal places estimates Jaccard's measure with a standard error of at most 0.125. Two comments are
copies when at least 13 of 16 places are equal, about 0.8. Refuses to chain: every member is alike to the group's first
one, so that a group cannot drift from one text to another.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass, field

PLACES = 16
ALIKE_PLACES = 13
BANDS = 4  # With at most three places unequal, at least one of four bands of four places is equal.
CLOSE_PLACES = 15  # Close enough not to look for a closer group.
CANDIDATES = 16  # Groups looked at for each band, so that hostile texts cannot make joining slow.

Sketch = tuple[int, ...]


@dataclass(slots=True)
class Group:
    """Comments that are copies of one another; ``members`` keeps how many places agree with the first one's sketch."""

    sketch: Sketch
    members: dict[str, int] = field(default_factory=dict)


class CopyGroups:
    """The groups among the comments that were added; not safe for threads."""

    def __init__(self) -> None:
        self._group_of: dict[str, Group] = {}
        self._bands: dict[tuple[int, Sketch], list[Group]] = {}

    def add(self, comment_id: str, sketch: Sketch | None) -> None:
        """Put a comment into the group it is most alike to, or into one of its own."""
        if sketch is None or not any(sketch):
            return
        group, agreeing = self._nearest(sketch)
        if group is None:
            group, agreeing = self._open(sketch), PLACES
        group.members[comment_id] = agreeing
        self._group_of[comment_id] = group

    def _nearest(self, sketch: Sketch) -> tuple[Group | None, int]:
        best: Group | None = None
        most = ALIKE_PLACES - 1
        for group in self._candidates(sketch):
            agreeing = agreement(sketch, group.sketch)
            if agreeing > most:
                best, most = group, agreeing
            if agreeing >= CLOSE_PLACES:
                break
        return best, most

    def _candidates(self, sketch: Sketch) -> list[Group]:
        found: dict[int, Group] = {}
        for band in _bands(sketch):
            for group in self._bands.get(band, ())[:CANDIDATES]:
                found[id(group)] = group
        return list(found.values())

    def _open(self, sketch: Sketch) -> Group:
        group = Group(sketch)
        for band in _bands(sketch):
            self._bands.setdefault(band, []).append(group)
        return group

    def remove(self, comment_id: str) -> None:
        """Take a comment out; a group that is empty then goes."""
        group = self._group_of.pop(comment_id, None)
        if group is None:
            return
        del group.members[comment_id]
        if group.members:
            return
        for band in _bands(group.sketch):
            self._bands[band].remove(group)
            if not self._bands[band]:
                del self._bands[band]

    def members(self, comment_id: str) -> dict[str, int]:
        """Return the copies of a comment, itself included, each with how many of 16 places agree with the first."""
        group = self._group_of.get(comment_id)
        return group.members if group else {comment_id: PLACES}


def agreement(one: Sketch, other: Sketch) -> int:
    """Return how many places of two sketches are equal."""
    return sum(map(operator.eq, one, other))


def _bands(sketch: Sketch) -> Iterator[tuple[int, Sketch]]:
    width = PLACES // BANDS
    for band in range(BANDS):
        yield band, sketch[band * width : (band + 1) * width]
