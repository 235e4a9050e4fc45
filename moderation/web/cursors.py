"""Signed cursors: where a listing goes on, tied to the listing they were made for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from itsdangerous import BadData, URLSafeSerializer

from moderation.core.errors import InvalidCursor
from moderation.store.queue import Position

CURSOR_MAX = 512


class Cursors:
    """Makes and reads cursors.

    Args:
        keys: Secrets, newest first; the newest signs, all are accepted.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._serializer = URLSafeSerializer(list(reversed(keys)), salt="cursor")

    def make(self, listing: Sequence[str], position: Position) -> str:
        """Return a cursor that goes on after ``position`` in ``listing`` (site, route and filters)."""
        text = self._serializer.dumps([_digest(listing), position.score, position.comment_id])
        return text if isinstance(text, str) else text.decode()

    def read(self, listing: Sequence[str], cursor: str | None) -> Position | None:
        """Return the position of a cursor, or None where there is none.

        Raises:
            InvalidCursor: If it was tampered with, or made for another listing.
        """
        if not cursor:
            return None
        try:
            made_for, score, comment_id = self._serializer.loads(cursor[:CURSOR_MAX])
        except (BadData, ValueError, TypeError):
            raise InvalidCursor("The cursor is not one that this service made.") from None
        if made_for != _digest(listing):
            raise InvalidCursor("The cursor belongs to another listing; start again without it.")
        return Position(score, comment_id)


def _digest(listing: Sequence[str]) -> str:
    """Return a short stand-in for a listing: a permalink alone may be longer than any cursor should be."""
    return hashlib.blake2b(json.dumps(list(listing)).encode(), digest_size=12).hexdigest()
