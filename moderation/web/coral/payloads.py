"""What Coral sends, as far as we read it: its phase's question and its webhooks' events.

Owns the shapes. Fields that are unknown are left alone; an author is known by a pseudonym from here on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moderation.core.comment import AuthorIdentity, Submission
from moderation.core.errors import MalformedBody
from moderation.core.identity import Keyring, forget_all
from moderation.core.site import Site
from moderation.service.coral import Writing
from moderation.service.coral_matching import author_key
from moderation.web.akismet.form import CONTENT_MAX, MARKUP, URL
from moderation.web.schemas import URL_MAX

ID_MAX = 255
TRUSTED_ROLES = {"STAFF", "MODERATOR", "ADMIN"}


@dataclass(frozen=True, slots=True)
class Event:
    """One of Coral's webhook events.

    Attributes:
        kind: ``COMMENT_ENTERED_MODERATION_QUEUE`` and the like.
        queue: ``PENDING``, ``REPORTED``, ``UNMODERATED``, or nothing.
        status: Of the comment.
        at: When Coral wrote it; None if it does not say.
        tenant: Coral's id of itself.
    """

    kind: str
    comment: str
    story: str
    queue: str
    status: str
    at: datetime | None
    tenant: str


def object_of(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object in a body.

    Raises:
        MalformedBody: If it holds none.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise MalformedBody("The body must be a JSON object, as Coral sends it.")
    return given


def writing_of(given: Mapping[str, Any], *, site: Site, keyring: Keyring) -> Writing | None:
    """Return the comment that a phase's question is about, or None if it has no text (a mere rating, say)."""
    comment, author, story = (_part(given, name) for name in ("comment", "author", "story"))
    content = forget_all(_clean(comment.get("body"))[:CONTENT_MAX])
    if not content.strip():
        return None
    url = forget_all(_clean(story.get("url")))[:URL_MAX]
    user, tenant = _clean(author.get("id"))[:ID_MAX], _clean(given.get("tenantID"))[:ID_MAX]
    submission = Submission(
        content=content,
        permalink=url if URL.fullmatch(url) else site.url,
        author_name="",
        author=_author(user, tenant, site=site, keyring=keyring),
        content_type="text/html" if MARKUP.search(content) else "text/plain",
        parent_id=forget_all(_clean(comment.get("parentID")))[:ID_MAX] or None,
        author_is_trusted=author.get("role") in TRUSTED_ROLES,
    )
    return Writing(
        submission, tenant=tenant, story=_clean(story.get("id"))[:ID_MAX], is_edit=given.get("action") == "EDIT"
    )


def _author(user: str, tenant: str, *, site: Site, keyring: Keyring) -> AuthorIdentity:
    """Return the pseudonym of a Coral user."""
    if not user:
        return AuthorIdentity("", ())
    ids = keyring.author_ids(author_key(tenant, user), site=site.name)
    return AuthorIdentity(ids[0], ids)


def event_of(given: Mapping[str, Any]) -> Event:
    """Return a webhook's event."""
    data = _part(given, "data")
    named = {name: forget_all(_clean(data.get(name)))[:ID_MAX] for name in ("commentID", "storyID", "queue", "status")}
    return Event(
        kind=_clean(given.get("type"))[:ID_MAX],
        comment=named["commentID"],
        story=named["storyID"],
        queue=named["queue"],
        status=named["status"],
        at=_time(_clean(given.get("createdAt"))),
        tenant=forget_all(_clean(given.get("tenantID")))[:ID_MAX],
    )


def _part(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = given.get(name)
    return part if isinstance(part, dict) else {}


def _clean(value: object) -> str:
    return value.replace("\0", "").encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None
