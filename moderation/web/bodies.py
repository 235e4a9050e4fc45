"""Bodies, queries and pages as the API's routes share them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from flask import Response, current_app, request

from moderation.core.comment import Comment, Idempotency
from moderation.core.errors import Fault, InvalidInput
from moderation.core.identity import public_name
from moderation.core.site import Site
from moderation.store.queue import Position
from moderation.web.auth import services
from moderation.web.cursors import Cursors
from moderation.web.errors import UnsupportedBody
from moderation.web.openapi import Parameter
from moderation.web.parsing import FIELD_NAME_SHOWN, parse_idempotency

PAGE_DEFAULT = 20
PAGE_MAX = 100
NUMBER_DIGITS = 9
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255},
    "Makes the request safe to repeat for 24 hours.",
    place="header",
)
LIMIT = Parameter(
    "limit", {"type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": PAGE_DEFAULT}, "Comments a page."
)
CURSOR = Parameter("cursor", {"type": "string"}, "From the page before.")
REPLAYED = ("Idempotent-Replayed", "`true` when the answer repeats an earlier one.")


def json_body() -> bytes:
    """Return the request's body.

    Raises:
        UnsupportedBody: If it is not JSON by its content type.
    """
    if request.mimetype != "application/json":
        raise UnsupportedBody("The body must be JSON: send `Content-Type: application/json`.")
    return request.get_data()


def rendered(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer."""
    return Response(msgspec.json.encode(body), status=status, headers=headers, content_type="application/json")


def idempotency(body: bytes) -> Idempotency | None:
    """Return the request's Idempotency-Key, or None."""
    header = request.headers.get("Idempotency-Key")
    if header is None:
        return None
    key = services().keyring.keys[-1].derive("idempotency")
    return parse_idempotency(header, route=f"{request.method} {request.path}", body=body, key=key)


def query(**allowed: Callable[[str], Any]) -> dict[str, Any]:
    """Return the request's query, each value parsed; an absent one is left out.

    Raises:
        InvalidInput: With every parameter that is unknown, repeated or wrong.
    """
    found, faults = {}, []
    for name, values in request.args.lists():
        if name not in allowed:
            shown = public_name(name)[:FIELD_NAME_SHOWN]
            faults.append(Fault(f"/{shown}", "unknown-parameter", "There is no such parameter."))
            continue
        if len(values) > 1:
            faults.append(Fault(f"/{name}", "repeated-parameter", "Give this parameter once."))
            continue
        try:
            found[name] = allowed[name](values[0])
        except ValueError as error:
            faults.append(Fault(f"/{name}", "invalid-parameter", str(error)))
    if faults:
        raise InvalidInput("The query has invalid parameters.", faults)
    return found


def number(least: int, most: int) -> Callable[[str], int]:
    """Return a parser of whole numbers within bounds."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or len(text) > NUMBER_DIGITS or not least <= int(text) <= most:
            raise ValueError(f"This is a whole number from {least} to {most}.")
        return int(text)

    return parse


def choice(*allowed: str) -> Callable[[str], str]:
    """Return a parser of one of some words."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"This is one of {', '.join(allowed)}.")
        return text

    return parse


def page(
    site: Site,
    listing: Sequence[str],
    asked: dict[str, Any],
    *,
    fetch: Callable[[Position | None, int], list[Position]],
    render: Callable[[Comment], dict[str, Any]],
) -> Response:
    """Return one page of a listing with its cursor.

    Args:
        site: Whose comments.
        listing: What the cursor is tied to.
        asked: ``limit`` and ``cursor`` of the query.
        fetch: Gives the positions after a position, at most so many.
        render: A comment as it is shown.
    """
    cursors: Cursors = current_app.extensions["winnow.cursors"]
    limit = asked.get("limit", PAGE_DEFAULT)
    names = [site.name, *listing]
    positions = fetch(cursors.read(names, asked.get("cursor")), limit + 1)
    has_more = len(positions) > limit
    comments = services().comments.get_many(site.name, [one.comment_id for one in positions[:limit]])
    cursor = cursors.make(names, positions[limit - 1]) if has_more else None
    return rendered({"comments": [render(one) for one in comments], "has_more": has_more, "cursor": cursor})
