"""Akismet's answers, byte for byte: plain text without a newline, and headers that clients read."""

from __future__ import annotations

import uuid

from flask import Response
from ulid import ULID

from moderation.core.comment import Verdict

INVALID = "invalid"
THANKS = "Thanks for making the web a better place."
MISSING_BLOG = "Missing required field: blog."
_CLASSES_OF_BODY = {"true": "spam", "false": "ham"}
_CLASSES = {"approve": "ham", "review": "review", "reject": "spam"}


def text(body: str, status: int = 200, **headers: str) -> Response:
    """Return a plain text answer; underscores in header names become hyphens."""
    response = Response(body, status=status, content_type="text/plain; charset=utf-8")
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


def invalid(why: str = "The key is not one that this service knows.") -> Response:
    """Return the refusal of a key: 200, and never without its explanation, which some clients need to notice it.

    The error header says that a person must act: WordPress and Discourse then hold the comment for one, instead of
    trying again (as they do after a 503 or 429, which have no such header).
    """
    return text(INVALID, X_akismet_debug_help=why, X_akismet_error="invalid-key")


def verdict(body: str, *, guid: str, found: Verdict | None = None, is_classified: bool = False) -> Response:
    """Return ``true`` or ``false`` with a guid, and the reasons in a header of our own.

    No debug, alert or error header ever goes with a verdict: some clients throw when they see one.
    """
    response = text(body, X_akismet_guid=guid)
    if found is not None:
        reasons = (f"{reason.code}={reason.weight:+.2f}" for reason in found.reasons)
        response.headers["X-Winnow-Reasons"] = ", ".join(reasons)
        response.headers["X-Winnow-Model"] = found.model or "none"
    if is_classified:
        response.headers["X-Akismet-Classification"] = _CLASSES[found.action] if found else _CLASSES_OF_BODY[body]
    return response


def fresh_guid() -> str:
    """Return 32 hexadecimal digits."""
    return uuid.uuid4().hex


def guid_of(comment_id: str) -> str:
    """Return the guid of a stored comment: its id, which is a ULID, as 128 bits in hexadecimal."""
    guid: str = ULID.from_str(comment_id).hex
    return guid
