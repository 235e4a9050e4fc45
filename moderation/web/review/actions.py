"""Deciding and undoing: the two forms behind every button.

A press may touch comments of several sites. Then it is one act at each of them, every site is checked before anything
is changed, and one undo, which names all the acts, takes them back together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
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
BAN = "ban"  # Besides the kinds of acts: rejects as spam, and bans the authors.
SITES_AT_MOST = 50  # In one press.
_SITE = r"(?:([a-z0-9-]{1,63})/)?"
_ITEM = re.compile(_SITE + r"([0-9A-Za-z_-]{1,64}):([0-9]{1,9})(?::([0-9]{1,15}))?")
_ACT = re.compile(r"(?:([a-z0-9-]{1,63}):)?([0-9A-Za-z_-]{1,64})")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the last press did, for the top of the page; ``undo`` names what takes it back."""

    sentence: str
    undo: str


def items_of_form() -> dict[str, list[Item]]:
    """Return the comments that the form names, by site, each at the version that was shown.

    An item is ``SITE/ID:VERSION`` with the claim's number behind another colon; without a site it is the form's.

    Raises:
        InvalidInput: If one is malformed, or there are none.
    """
    texts = [one for field in request.form.getlist("item") for one in field.split(",") if one]
    matches = [_ITEM.fullmatch(one) for one in texts]
    if not all(matches) or len(texts) > MAX_ITEMS:
        raise InvalidInput(say("error.bad-form"))
    otherwise = request.form.get("site", "")
    found: dict[str, dict[str, Item]] = {}
    for match in matches:
        if match:
            found.setdefault(match[1] or otherwise, {})[match[2]] = Item(match[2], int(match[3]), match[4])
    if not found:
        raise InvalidInput(say("error.nothing-chosen"))
    return {site: list(items.values()) for site, items in found.items()}


def sites_of(names: Iterable[str]) -> dict[str, Site]:
    """Return sites that a press is about, all of which must be the moderator's.

    Raises:
        NotFound: If one is not.
        InvalidInput: If a name is missing, or they are too many.
    """
    wanted = list(names)
    if len(wanted) > SITES_AT_MOST or any(name in ("", gate.ALL_SITES) for name in wanted):
        raise InvalidInput(say("error.bad-form"))
    return {name: gate.site_of(name) for name in wanted}


@bp.post("/decide")
def decide() -> ResponseReturnValue:
    """Approve or reject exactly the comments that were shown."""
    gate.scope()
    kind = request.form.get("act", "")
    if kind not in KINDS and kind != BAN:
        raise InvalidInput(say("error.bad-form"))
    note = public_name(request.form.get("note", "").strip()[:NOTE_LENGTH]) or None
    override = request.form.get("override") == "1"
    items, me = items_of_form(), who().account.name
    sites = sites_of(items)
    if kind == BAN:
        ban = services().acts.reject_and_ban
        return answer({name: ban(site, items[name], who=me, override=override) for name, site in sites.items()})
    acts = {
        name: services().acts.decide(site, items[name], kind=kind, who=me, note=note, override=override)
        for name, site in sites.items()
    }
    return answer(acts)


@bp.post("/undo")
def undo() -> ResponseReturnValue:
    """Take back what one press did, or single decisions that the form names."""
    gate.scope()
    me = who().account.name
    if request.form.get("did"):
        named = _acts_named(request.form["did"], request.form.get("site", ""))
        sites = sites_of(named)
        return answer({name: services().acts.undo(sites[name], act_id, who=me) for name, act_id in named.items()})
    items = items_of_form()
    sites = sites_of(items)
    return answer({name: services().acts.undo_items(site, items[name], who=me) for name, site in sites.items()})


def _acts_named(text: str, otherwise: str) -> dict[str, str]:
    """Return the act of each site that a ``did`` names: ``SITE:ACT`` with commas between, or one act's bare id."""
    matches = [_ACT.fullmatch(one) for one in text.split(",")[:SITES_AT_MOST]]
    return {match[1] or otherwise: match[2] for match in matches if match}


def answer(acts: Mapping[str, Act]) -> ResponseReturnValue:
    """Answer a form: back to where it was sent from, or the facts for our script.

    Args:
        acts: What was done, by site; at least one.
    """
    if not gate.wants_json():
        return redirect(_with_outcome(request.form.get("back", ""), acts), HTTPStatus.SEE_OTHER)
    now, whole = services().now(), outcomes.joined(list(acts.values()))
    body = {
        "message": outcomes.sentence(whole, now),
        "undo": _undo_of(acts),
        "done": [[item.comment_id, item.version] for item in whole.done],
        "late": [[one.comment_id, one.kind, outcomes.late_sentence(one, now)] for one in whole.late],
        "waiting": sum(services().reviews.waiting(gate.scope()).values()),
    }
    status = HTTPStatus.OK if whole.done or not whole.late else HTTPStatus.CONFLICT
    return Response(json.dumps(body), status, content_type="application/json")


def _undo_of(acts: Mapping[str, Act]) -> str:
    """Return what names the acts that can be taken back, or nothing where none can."""
    return ",".join(f"{site}:{act.id}" for site, act in acts.items() if is_undoable(act))


def is_undoable(act: Act) -> bool:
    """Return whether there is something left of an act that could be taken back."""
    return bool(act.done) and act.kind != "undo" and not act.undone_by


def _with_outcome(back: str, acts: Mapping[str, Act]) -> str:
    """Return the way back with the acts in it, in place of earlier ones."""
    site = request.form.get("site", "") or next(iter(acts))
    path = gate.local_path(back, url_for("review.queue", site=site))
    base, _, query = path.partition("?")
    kept = [pair for pair in query.split("&") if pair and not pair.startswith(("did=", "after="))]
    did = ",".join(f"{name}:{act.id}" for name, act in acts.items())
    return f"{base}?{'&'.join([*kept, f'did={did}'])}"


def told() -> Outcome | None:
    """Return what the acts that the URL names did, where they are of the moderator's sites."""
    found: dict[str, Act] = {}
    for name, act_id in _acts_named(request.args.get("did", ""), "").items():
        if not who().may_see(name):
            continue
        with suppress(NotFound):
            found[name] = services().acts.get(services().sites.read(name), act_id)
    if not found:
        return None
    return Outcome(outcomes.sentence(outcomes.joined(list(found.values())), services().now()), _undo_of(found))


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
