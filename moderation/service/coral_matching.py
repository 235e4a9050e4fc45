"""Which comment of ours Coral means, and the other way round.

Coral asks about a comment before it has an id. Owns how the two are connected afterwards: by author, story, place and
text where Coral told them, else by page and time. What is remembered are keyed digests and Coral's ids. Refuses to act
on what it finds.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, unquote

from moderation.core.comment import Comment
from moderation.core.identity import Keyring, forget_all
from moderation.core.site import Site
from moderation.core.text import plain_text
from moderation.store.comments import Comments
from moderation.store.queue import Queue

ARRIVES_BEFORE = timedelta(seconds=5)  # The phase answers, then Coral stores the comment and writes the event.
CLOCKS_DIFFER = timedelta(seconds=1)
SAME_POST = timedelta(minutes=10)  # Between Coral's time of a comment and ours, clocks and slow phases included.
LATEST_OF_AUTHOR = 100
SAME_MOMENT = 10  # Comments that one page may get within those seconds; more are left to people.
ECHO_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Seen:
    """A comment as Coral shows it to who asks by its id.

    Attributes:
        at: When Coral took it, before its phases ran; None if it does not say.
    """

    id: str
    tenant: str
    story: str
    author: str
    parent: str
    body: str
    at: datetime | None


def author_key(tenant: str, user: str) -> str:
    """Return what a pseudonym is made of; nothing that is written like an address can be the same."""
    return f"coral\0{tenant}\0{user}"


def origin_of(tenant: str, story: str) -> str:
    """Return what a comment of ours keeps of the place where it stands in Coral."""
    parts = (quote(forget_all(one), safe="") for one in (tenant, story))  # Publishers choose the ids of their stories.
    return ":".join(("coral", *parts))


def place_of(origin: str) -> tuple[str, str]:
    """Return Coral's ids of itself and of the page."""
    _, tenant, story = origin.split(":")
    return unquote(tenant), unquote(story)


class Matches:
    """Connects comments; safe for threads and for several processes."""

    def __init__(self, comments: Comments, queue: Queue, keyring: Keyring) -> None:
        self._comments = comments
        self._queue = queue
        self._keyring = keyring
        self._key = keyring.newest.derive("coral-trace")

    def ours(self, site: Site, coral_id: str) -> Comment | None:
        """Return the comment that is connected with one of Coral's."""
        return self._comments.find_by_trace(site.name, self._trace("comment", coral_id))

    def theirs(self, site: Site, comment_id: str) -> str | None:
        """Return Coral's id of a comment of ours, or None if it is not known."""
        return self._comments.recall(site.name, self._trace("connected", comment_id))

    def by_id(self, site: Site, comment_id: str) -> Comment | None:
        """Return a comment of ours, or None if it is gone."""
        return next(iter(self._comments.get_many(site.name, [comment_id])), None)

    def by_text(self, site: Site, text: str, parent_id: str | None) -> Comment | None:
        """Return the latest comment with a text at a place."""
        return self._comments.find_by_trace(site.name, self.text_trace(text, "text/plain", parent_id))

    def latest_of(self, site: Site, author_id: str) -> Comment | None:
        """Return an author's latest comment."""
        return next(iter(self._of_author(site, [author_id], limit=1)), None)

    def connect(self, site: Site, seen: Seen) -> Comment | None:
        """Connect a comment of Coral's with ours and return that, or None if none fits.

        Ours has the same author, story, place and text. Of several the first is taken that is not connected yet and did
        not come before Coral took the comment: equal ones are paired in the order of their arrival. A comment that was
        connected with an earlier text is connected anew if we know the present one.
        """
        known = self.ours(site, seen.id)
        if known is not None and self.has_text(known, seen):
            return known
        for comment in self._fitting(site, seen):
            if self._connected(site, comment.id, seen.id):
                return comment
        return known

    def connect_by_time(self, site: Site, coral_id: str, *, story: str, at: datetime) -> bool:
        """Connect a comment of which nothing is known but page and time, where only one of ours can be meant.

        Args:
            site: Whose.
            coral_id: Coral's id of the comment.
            story: Coral's id of the page.
            at: When Coral wrote the event.

        Returns:
            Whether it is connected. Of those that wait on the page and came just before, one is not connected yet; if
            there are several, they are by one author and have one text, and the first is taken.
        """
        if self.ours(site, coral_id) is not None:
            return True
        latest = self._comments.find_by_trace(site.name, self._trace("story", story))
        if latest is None:
            return False
        since, until = at - ARRIVES_BEFORE, at + CLOCKS_DIFFER
        ids = self._queue.arrived(site.name, latest.permalink, since=since, until=until, limit=SAME_MOMENT + 1)
        free = [one for one in self._comments.get_many(site.name, ids) if self.theirs(site, one.id) is None]
        if len(ids) > SAME_MOMENT or len({(one.author_id, self._trace_of(one)) for one in free}) != 1:
            return False
        return any(self._connected(site, one.id, coral_id) for one in free)

    def note_page(self, site: Site, comment: Comment, story: str) -> None:
        """Remember on which page a comment waits, so that it can be found by time."""
        self._comments.remember(site.name, {self._trace("story", story): comment.id})

    def expect_echo(self, site: Site, coral_id: str, status: str) -> None:
        """Remember that Coral's next events of a decision are about our own: one for each queue that it leaves."""
        self._comments.remember_once(site.name, self._trace("echo", coral_id, status), "1", seconds=ECHO_SECONDS)

    def is_echo(self, site: Site, coral_id: str, status: str) -> bool:
        """Return whether an event is about a decision of ours."""
        return self._comments.recall(site.name, self._trace("echo", coral_id, status)) is not None

    def has_text(self, comment: Comment, seen: Seen) -> bool:
        """Return whether a comment of ours has the text and the place of one of Coral's."""
        return self._trace_of(comment) in self._texts(seen)

    def text_trace(self, content: str, content_type: str, parent_id: str | None) -> str:
        """Return what a text is found by; blanks do not count, since Coral and we turn HTML into other ones."""
        return self._trace("text", "".join(plain_text(content, content_type).split()), parent_id or "")

    def _connected(self, site: Site, comment_id: str, coral_id: str) -> bool:
        if not self._comments.remember_once(site.name, self._trace("connected", comment_id), coral_id):
            return False
        self._comments.remember(site.name, {self._trace("comment", coral_id): comment_id})
        return True

    def _fitting(self, site: Site, seen: Seen) -> list[Comment]:
        """Return the comments that can be meant, in the order of their arrival; what came too early comes last."""
        author_ids = self._keyring.author_ids(author_key(seen.tenant, seen.author), site=site.name)
        origin = origin_of(seen.tenant, seen.story)
        fitting = [
            one
            for one in self._of_author(site, author_ids, limit=LATEST_OF_AUTHOR)
            if one.origin == origin and self.has_text(one, seen) and _is_near(one, seen)
        ]
        return sorted(fitting, key=lambda one: (_is_early(one, seen), one.created_at, one.id))

    def _of_author(self, site: Site, author_ids: Sequence[str], *, limit: int) -> list[Comment]:
        pages = [self._queue.author_page(site.name, one, after=None, limit=limit) for one in author_ids]
        return self._comments.get_many(site.name, [one.comment_id for page in pages for one in page])

    def _texts(self, seen: Seen) -> set[str]:
        """Return the traces of a text; whether ``&lt;`` stands for itself depends on how Coral is set up."""
        content = forget_all(seen.body)
        return {self.text_trace(content, kind, seen.parent) for kind in ("text/html", "text/plain")}

    def _trace_of(self, comment: Comment) -> str | None:
        if comment.content is None:  # Retention took it.
            return None
        return self.text_trace(comment.content, comment.content_type, comment.parent_id)

    def _trace(self, *parts: str) -> str:
        message = "\0".join(parts).encode("utf-8", "replace")
        return hmac.digest(self._key, message, hashlib.sha256)[:16].hex()


def _is_near(comment: Comment, seen: Seen) -> bool:
    return seen.at is None or abs(comment.created_at - seen.at) <= SAME_POST


def _is_early(comment: Comment, seen: Seen) -> bool:
    return seen.at is not None and comment.created_at < seen.at - ARRIVES_BEFORE
