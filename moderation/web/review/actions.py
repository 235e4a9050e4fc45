"""Deciding and undoing: the two forms behind every button."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from moderation.core.comment import Comment, Status
from moderation.core.errors import InvalidInput, NotFound
from moderation.core.identity import public_name
from moderation.core.site import Site
from moderation.service.acts import KINDS, MAX_ITEMS, Act, Item
from moderation.web.auth import services
from moderation.web.review import gate, outcomes, times
from moderation.web.review.gate import bp, who
from moderation.web.review.texts import say

NOTE_LENGTH = 1_000
_ITEM = re.compile(r"([0-9A-Za-z_-]{1,64}):([0-9]{1,9})(?::([0-9]{1,15}))?")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the last act did, for the top of the page."""

    sentence: str
    undo: str


def items_of_form() -> list[Item]:
    """Return the comments that the form names, each at the version that was shown.

    Raises:
        InvalidInput: If one is malformed, or there are none.
    """
    texts = [one for field in request.form.getlist("item") for one in field.split(",") if one]
    matches = [_ITEM.fullmatch(one) for one in texts]
    if not all(matches) or len(texts) > MAX_ITEMS:
        raise InvalidInput(say("error.bad-form"))
    found = {match[1]: Item(match[1], int(match[2]), match[3]) for match in matches if match}
    if not found:
        raise InvalidInput(say("error.nothing-chosen"))
    return list(found.values())


@bp.post("/decide")
def decide() -> ResponseReturnValue:
    """Approve or reject exactly the comments that were shown."""
    site = gate.current_site()
    kind = request.form.get("act", "")
    if kind not in KINDS:
        raise InvalidInput(say("error.bad-form"))
    note = public_name(request.form.get("note", "").strip()[:NOTE_LENGTH]) or None
    override = request.form.get("override") == "1"
    items, me = items_of_form(), who().account.name
    act = services().acts.decide(site, items, kind=kind, who=me, note=note, override=override)
    return answer(site, act)


@bp.post("/undo")
def undo() -> ResponseReturnValue:
    """Take back one whole act, or single decisions that the form names."""
    site = gate.current_site()
    act_id = request.form.get("did", "")
    me = who().account.name
    if act_id:
        return answer(site, services().acts.undo(site, act_id, who=me))
    return answer(site, services().acts.undo_items(site, items_of_form(), who=me))


def answer(site: Site, act: Act) -> ResponseReturnValue:
    """Answer a form: back to where it was sent from, or the facts for our script."""
    if not gate.wants_json():
        return redirect(_with_outcome(request.form.get("back", ""), site, act), HTTPStatus.SEE_OTHER)
    now = services().now()
    body = {
        "message": outcomes.sentence(act, now),
        "undo": act.id if _is_undoable(act) else "",
        "done": [[item.comment_id, item.version] for item in act.done],
        "late": [[one.comment_id, one.kind, outcomes.late_sentence(one, now)] for one in act.late],
        "waiting": services().queue.count(site.name),
    }
    status = HTTPStatus.OK if act.done or not act.late else HTTPStatus.CONFLICT
    return Response(json.dumps(body), status, content_type="application/json")


def _is_undoable(act: Act) -> bool:
    return bool(act.done) and act.kind != "undo" and not act.undone_by


def _with_outcome(back: str, site: Site, act: Act) -> str:
    """Return the way back with the act's id in it, in place of an earlier one's."""
    path = gate.local_path(back, url_for("review.queue", site=site.name))
    base, _, query = path.partition("?")
    kept = [pair for pair in query.split("&") if pair and not pair.startswith(("did=", "after="))]
    return f"{base}?{'&'.join([*kept, f'did={act.id}'])}"


def told(site: Site) -> Outcome | None:
    """Return what the act that the URL names did, if it is one of this site."""
    act_id = request.args.get("did", "")
    if not act_id:
        return None
    try:
        act = services().acts.get(site, act_id)
    except NotFound:
        return None
    return Outcome(outcomes.sentence(act, services().now()), act.id if _is_undoable(act) else "")


def has_left(comment: Comment | None) -> bool:
    """Return whether a comment that was on somebody's screen is not pending any more."""
    return comment is None or comment.status is not Status.PENDING


def became(comment: Comment | None, now: datetime) -> str:
    """Return what became of a comment that left the queue."""
    if comment is None:
        return say("late.gone")
    decision = comment.decision
    if decision is None:
        return say("late.status", what=say(f"what.{comment.status}"))
    what = say(f"what.{decision.reason or decision.ruling.value}")
    return say("late.became", who=decision.moderator, what=what, ago=times.ago(now - decision.at))
