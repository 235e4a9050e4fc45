"""Bringing comments in from a file: of another installation, another service, or an earlier export.

Owns what an import may do to what is there: nothing. A comment that exists stays as it is, persons that were erased
stay erased, websites are not told, and running an import again, after it was broken off as well, leads to the same end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from moderation.core.comment import STATUS_OF_ACTION, Comment, Earlier
from moderation.core.errors import Conflict
from moderation.core.site import Site
from moderation.service.decisions import training_label
from moderation.service.events import audit_entry
from moderation.service.submissions import Clock
from moderation.store.archive import Archive
from moderation.store.comments import Comments
from moderation.store.writes import Addition, Change, Label

WHO = "import"


class Fate(StrEnum):
    """What became of a row."""

    IMPORTED = "imported"
    PRESENT = "present"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Imported:
    """A row that was read.

    Attributes:
        comment: As it shall be; its version counts anew.
        author_ids: The author's pseudonyms under every active key.
    """

    comment: Comment
    author_ids: tuple[str, ...]


class Importer:
    """Stores comments that were made elsewhere."""

    def __init__(self, comments: Comments, archive: Archive, *, now: Clock) -> None:
        self._comments = comments
        self._archive = archive
        self._now = now

    def store(self, site: Site, rows: Sequence[Imported]) -> list[Fate]:
        """Store what is not there yet; one or two round trips a row, durable on return.

        A comment whose decision was lost, because an earlier import was broken off in between, gets it now.
        """
        everybody = list(dict.fromkeys(one for row in rows for one in row.author_ids))
        erased = self._archive.erased_among(site.name, everybody)
        stored = {one.id: one for one in self._comments.get_many(site.name, [row.comment.id for row in rows])}
        fates = []
        for row in rows:
            fates.append(self._store(site, row, stored.get(row.comment.id), erased))
            stored.setdefault(row.comment.id, row.comment)
        return fates

    def _store(self, site: Site, row: Imported, there: Comment | None, erased: set[str]) -> Fate:
        wanted = row.comment
        if erased.intersection(row.author_ids):
            return Fate.ERASED
        first = _as_first_seen(wanted)
        if there is None:
            self._comments.add(Addition(comment=first, audit=audit_entry("import", first, who=WHO, at=self._now())))
        elif there.version > 1 or there.decision is not None or wanted.decision is None:
            return Fate.PRESENT
        if wanted.decision is not None:
            try:
                self._decide(site, there or first, wanted, wanted.decision.at)
            except Conflict:
                return Fate.PRESENT  # Somebody here decided meanwhile, and that counts.
        return Fate.IMPORTED

    def _decide(self, site: Site, before: Comment, wanted: Comment, at: datetime) -> None:
        history = wanted.history or (Earlier(before.status, None),)
        after = replace(wanted, history=history, version=before.version + 1, updated_at=at)
        self._comments.decide(
            Change(
                before=before,
                after=after,
                operation_id=f"import:{wanted.id}",
                audit=audit_entry("import", after, who=WHO, at=self._now()),
                label=self._label(site, after, at),
                counted_at=at,
            )
        )

    def _label(self, site: Site, comment: Comment, at: datetime) -> Label | None:
        """Return the training label for the rest of its time; an import must not make it young again."""
        label = training_label(site, comment)
        days_left = site.policy.labels_days - (self._now() - at).days
        return replace(label, days=days_left) if label is not None and days_left > 0 else None


def _as_first_seen(comment: Comment) -> Comment:
    """Return the comment as it was before people decided on it."""
    if comment.decision is None:
        return replace(comment, version=1, history=())
    status = comment.history[0].status if comment.history else STATUS_OF_ACTION[comment.verdict.action]
    return replace(comment, status=status, decision=None, history=(), version=1)
