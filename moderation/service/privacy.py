"""Forgetting: single comments, whole persons, and what has outlived its time; export and import of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from msgspec import structs

from moderation.core.comment import Comment, Status
from moderation.core.errors import NotFound, StoreUnavailable
from moderation.core.site import Site
from moderation.service.events import audit_entry
from moderation.service.submissions import Clock
from moderation.store.archive import Archive
from moderation.store.comments import Comments
from moderation.store.queue import Position, Queue

PAGE = 500
REMOVE_ATTEMPTS = 5  # A comment whose status keeps changing while it is being removed.


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure removed."""

    comments: int
    labels: int
    authors: int


class Privacy:
    """Forgets what it is told to forget."""

    def __init__(self, comments: Comments, queue: Queue, archive: Archive, *, now: Clock) -> None:
        self._comments = comments
        self._queue = queue
        self._archive = archive
        self._now = now

    def forget(self, site: Site, comment_id: str, *, who: str = "api") -> int:
        """Forget one comment, its label included, and return how many labels went with it.

        Raises:
            NotFound: If the site has no such comment.
        """
        for _ in range(REMOVE_ATTEMPTS):
            comment = self._comments.get(site.name, comment_id)
            entry = audit_entry("forget", comment, who=who, at=self._now())
            removed = self._comments.remove(comment, audit=entry)
            if removed is not None:
                return removed
        raise StoreUnavailable("The comment keeps changing; try again in a second.")

    def erase(self, site: Site, author_ids: tuple[str, ...], *, who: str = "api") -> Erased:
        """Forget a person on one site: comments, labels, history. Repeating it is harmless.

        Args:
            site: Where.
            author_ids: The person's pseudonyms under every active key.
            who: For the audit trail.
        """
        comments = labels = authors = 0
        for author_id in author_ids:
            for comment in self._comments.get_many(site.name, self._archive.author_comment_ids(site.name, author_id)):
                with suppress(NotFound):  # Somebody else has forgotten it meanwhile.
                    labels += self.forget(site, comment.id, who=who)
                    comments += 1
            authors += self._archive.forget_author(site.name, author_id, now=self._now())
        if comments or authors:
            self._archive.rewrite_log()
        return Erased(comments, labels, authors)

    def purge_text(self, site: Site, *, limit: int = PAGE) -> int:
        """Take the text away from comments that were rejected longer ago than the site keeps them; return how many."""
        before = self._now() - timedelta(days=site.policy.rejected_days)
        ids = self._archive.rejected_before(site.name, before, limit=limit)
        return sum(
            self._archive.blank(site.name, _without_text(one)) for one in self._comments.get_many(site.name, ids)
        )

    def trim(self, site: Site) -> None:
        """Drop index entries of what has expired."""
        self._archive.trim(site.name, now=self._now(), labels_days=site.policy.labels_days)

    def export(self, site: Site, render: Callable[[Comment], dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield every comment of a site, oldest first within each status; bounded memory.

        Pending ones come first: one that is decided meanwhile comes twice rather than not at all.
        """
        for status in (Status.PENDING, Status.APPROVED, Status.REJECTED):
            after: Position | None = None
            while positions := self._queue.page(site.name, status, permalink=None, after=after, limit=PAGE):
                for comment in self._comments.get_many(site.name, [one.comment_id for one in positions]):
                    yield render(comment)
                after = positions[-1]

    def labels(self, site: Site) -> Iterator[Mapping[str, Any]]:
        """Yield the site's training labels, as ``winnow model train --labels`` reads them."""
        return self._archive.labels(site.name)


def _without_text(comment: Comment) -> Comment:
    reasons = tuple(structs.replace(reason, evidence=()) for reason in comment.verdict.reasons)
    verdict = structs.replace(comment.verdict, reasons=reasons)
    return replace(comment, content=None, author_name="", author_url=None, verdict=verdict)
