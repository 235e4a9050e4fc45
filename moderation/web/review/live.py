"""Keeping an open queue up to date: what became of the comments on somebody's screen, and who reads which.

Owns two ways to hear of it, which say the same. ``/events`` is a stream of server-sent events, ``/live`` one answer to
one question, for browsers behind something that holds streams back. Refuses to keep a thread for each viewer: a web
process holds on to one stream at a time, for ``HOLD_SECONDS``, and only if it has threads to spare; every other one
ends after its first words and is opened again by the browser. So one moderator hears of things within a second, and
twenty cost what twenty short questions every few seconds cost.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from flask import Response, request
from flask.typing import ResponseReturnValue

from moderation.core.errors import NotFound, StoreUnavailable
from moderation.service.services import Services
from moderation.store.queue import Claim
from moderation.web.auth import services
from moderation.web.review import actions, gate
from moderation.web.review.gate import bp, who
from moderation.web.review.texts import say

POLL_IDS = 100
HOLD_SECONDS = 3.0  # Less than gunicorn's grace of 4 s, so that a restart waits for no viewer.
LOOK_SECONDS = 0.5
AGAIN_SOON_SECONDS = 1.0
AGAIN_SECONDS = 5.0
SPARE_THREADS = 4  # A process with fewer threads holds on to no stream.
ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_held = threading.Lock()  # Of this process: whoever has it is the one stream that is held on to.


@dataclass(frozen=True, slots=True)
class Screen:
    """What somebody has before them: the sites of the queue, and the comments by site."""

    me: str
    sites: tuple[str, ...]
    ids: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Look:
    """A cheap look at what may have changed; ``tag`` is equal when nothing did."""

    tag: str
    position: str
    holders: dict[str, str]


def screen_of_request() -> Screen:
    """Return what the request says is on the screen.

    Raises:
        NotFound: If a site is not the moderator's.
    """
    names = gate.scope()
    ids: dict[str, list[str]] = {}
    for one in request.args.get("ids", "").split(",")[:POLL_IDS]:
        site, _, comment_id = one.rpartition("/")
        if (site or names[0]) not in names:
            raise NotFound(say("error.no-site"))
        if ID.fullmatch(comment_id):
            ids.setdefault(site or names[0], []).append(comment_id)
    return Screen(who().account.name, tuple(names), ids)


def position_of(found: Services, sites: tuple[str, ...]) -> str:
    """Return a short word that changes with every change at one of the sites."""
    positions = ",".join(found.reviews.positions(sites))
    return hashlib.blake2b(positions.encode(), digest_size=9).hexdigest()


def look(found: Services, screen: Screen) -> Look:
    """Look whether anything changed, in one or two round trips a site on the screen."""
    holders: dict[str, str] = {}
    for site, ids in screen.ids.items():
        held = found.queue.holders(site, ids)
        holders |= {one: name for one, name in held.items() if name != screen.me}
    position = position_of(found, screen.sites)
    state = json.dumps([position, sorted(holders.items()), screen.ids])
    return Look(hashlib.blake2b(state.encode(), digest_size=12).hexdigest(), position, holders)


def state_of(found: Services, screen: Screen, seen: Look) -> str:
    """Return as JSON what became of the comments on a screen."""
    comments = {one.id: one for site, ids in screen.ids.items() for one in found.comments.get_many(site, ids)}
    now, shown = found.now(), [one for ids in screen.ids.values() for one in ids]
    body = {
        "waiting": sum(found.reviews.waiting(screen.sites).values()),
        "position": seen.position,
        "holders": seen.holders,
        "gone": {one: actions.became(comments.get(one), now) for one in shown if actions.has_left(comments.get(one))},
        "versions": {one: comment.version for one, comment in comments.items()},
    }
    return json.dumps(body)


@bp.get("/live")
def live() -> ResponseReturnValue:
    """Say what became of some comments since; 304 where nothing did. Cheap enough to ask every few seconds."""
    screen = screen_of_request()
    seen = look(services(), screen)
    if request.if_none_match.contains_weak(seen.tag):
        return _tagged(Response(status=HTTPStatus.NOT_MODIFIED), seen.tag)
    return _tagged(Response(state_of(services(), screen, seen), content_type="application/json"), seen.tag)


def _tagged(response: Response, tag: str) -> Response:
    response.set_etag(tag, weak=True)
    response.headers["Cache-Control"] = "no-cache, private"
    return response


@bp.get("/events")
def events() -> ResponseReturnValue:
    """Say the same as a stream of server-sent events, which is held on to for a moment if no other one is."""
    screen, found = screen_of_request(), services()
    has_spare = found.settings.threads >= SPARE_THREADS
    stream = _stream(found, screen, since=request.args.get("since", "")[:64], may_hold=has_spare)
    response = Response(stream, content_type="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"  # nginx would keep the events until the stream ends.
    return response


def _stream(found: Services, screen: Screen, *, since: str, may_hold: bool) -> Iterator[str]:
    """Yield events until the time is over; the lock is taken here, so that a stream nobody reads never holds it."""
    is_held = may_hold and _held.acquire(blocking=False)
    until = time.monotonic() + (HOLD_SECONDS if is_held else 0)
    try:
        yield _event("again", "", f"{AGAIN_SOON_SECONDS if is_held else AGAIN_SECONDS:g}")
        while True:
            seen = look(found, screen)
            if seen.tag != since:
                since = seen.tag
                yield _event("state", seen.tag, state_of(found, screen, seen))
            if time.monotonic() + LOOK_SECONDS > until:
                return
            time.sleep(LOOK_SECONDS)
    except StoreUnavailable:
        return  # The headers are gone out; the browser asks again and is told with a status then.
    finally:
        if is_held:
            _held.release()


def _event(name: str, tag: str, data: str) -> str:
    return f"event: {name}\nid: {tag}\ndata: {data}\n\n" if tag else f"event: {name}\ndata: {data}\n\n"


@bp.post("/claim")
def claim() -> ResponseReturnValue:
    """Mark an item as being read, and give up others; or only renew, or only give up."""
    site = gate.current_site()
    released, wanted = _claims(request.form.get("release", "")), request.form.get("item", "")
    if released:
        services().decisions.release(site, released)
    taken = services().decisions.claim(site, who().account.name, ids=[wanted]) if ID.fullmatch(wanted) else []
    holder = ""
    if wanted and not taken:
        holder = services().queue.holders(site.name, [wanted]).get(wanted, "")
    body = {"fence": taken[0].fence if taken else "", "holder": holder}
    return Response(json.dumps(body), content_type="application/json")


def _claims(text: str) -> list[Claim]:
    pairs = (one.partition(":") for one in text.split(",") if one)
    return [Claim(one, fence) for one, _, fence in pairs if ID.fullmatch(one) and fence.isdecimal()]
