"""One author on one site: their comments, their standing, and everything of theirs that waits rejected in one act."""

from __future__ import annotations

import re
from http import HTTPStatus

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from moderation.core.comment import AuthorRecord, Comment, Status, to_milliseconds
from moderation.core.errors import InvalidInput, NotFound
from moderation.core.site import Site
from moderation.service.acts import MAX_ITEMS, Item
from moderation.store.queue import Position
from moderation.web.auth import services
from moderation.web.review import actions, cards, gate
from moderation.web.review.comment import note_of_form
from moderation.web.review.gate import bp, who
from moderation.web.review.texts import say

COMMENTS_A_PAGE = 30
STANDINGS = {"banned": "banned", "trusted": "trusted", "none": None}
_AUTHOR = re.compile(r"k[1-9][0-9]{0,5}\.[a-z2-7]{32}")
_PLACE = re.compile(r"([0-9.]{1,20})~([0-9A-Za-z_-]{1,64})")


def _record(site: Site, author_id: str) -> AuthorRecord:
    """Return what is known of an author.

    Raises:
        NotFound: If nothing is.
    """
    if not _AUTHOR.fullmatch(author_id):
        raise NotFound(say("error.no-author"))
    record = services().reviews.authors(site.name, [author_id])[author_id]
    if record == AuthorRecord():
        raise NotFound(say("error.no-author"))
    return record


@bp.get("/a/<site_name>/<author_id>")
def author(site_name: str, author_id: str) -> ResponseReturnValue:
    """Show what an author wrote on a site, newest first."""
    site = gate.site_of(site_name)
    record = _record(site, author_id)
    match = _PLACE.fullmatch(request.args.get("after", ""))
    after = Position(float(match[1]), match[2]) if match else None
    positions = services().queue.author_page(site.name, author_id, after=after, limit=COMMENTS_A_PAGE)
    comments = services().comments.get_many(site.name, [one.comment_id for one in positions])
    around = cards.surroundings(site.name, comments, me=who().account.name)
    views = [cards.card_view(one, around, budget=cards.LEAST_BYTES * 2, characters=700) for one in comments]
    last = positions[-1] if len(positions) == COMMENTS_A_PAGE else None
    return render_template(
        "review/author.html",
        site=site,
        author_id=author_id,
        author=record,
        name=_latest_name(comments),
        cards=views,
        notes=services().reviews.notes(site.name, author_ids=[author_id]).get(author_id, []),
        after=f"{last.score!r}~{last.comment_id}" if last else "",
        pending=[one for one in _pending(site, author_id) if one.status is Status.PENDING],
        here=request.path,
        outcome=actions.told(),
        did=request.args.get("now", "") if request.args.get("now", "") in STANDINGS else "",
    )


def _latest_name(comments: list[Comment]) -> str:
    return cards.plain_name(comments[0]) if comments else say("card.name-missing")


def _pending(site: Site, author_id: str) -> list[Comment]:
    """Return the author's latest comments that wait, as many as one act may hold."""
    positions = services().queue.author_page(site.name, author_id, after=None, limit=MAX_ITEMS)
    comments = services().comments.get_many(site.name, [one.comment_id for one in positions])
    return [one for one in comments if one.status is Status.PENDING]


@bp.post("/a/<site_name>/<author_id>/standing")
def set_standing(site_name: str, author_id: str) -> ResponseReturnValue:
    """Ban or trust an author, or neither."""
    site = gate.site_of(site_name)
    _record(site, author_id)
    standing = request.form.get("standing", "")
    if standing not in STANDINGS:
        raise InvalidInput(say("error.bad-form"))
    services().archive.set_standing(site.name, author_id, STANDINGS[standing])
    at = to_milliseconds(services().now())
    entry = {"at": at, "act": "standing", "author": author_id, "who": who().account.name, "standing": standing}
    services().reviews.record(site.name, entry)
    here = url_for("review.author", site_name=site.name, author_id=author_id, now=standing)
    return redirect(here, HTTPStatus.SEE_OTHER)


@bp.post("/a/<site_name>/<author_id>/reject")
def reject_author(site_name: str, author_id: str) -> ResponseReturnValue:
    """Reject as spam exactly the waiting comments of an author that the page counted."""
    site = gate.site_of(site_name)
    _record(site, author_id)
    own = {one.id for one in _pending(site, author_id)}
    named = actions.items_of_form().get(site.name, [])
    items = [Item(one.comment_id, one.version) for one in named if one.comment_id in own]
    act = services().acts.decide(site, items, kind="spam", who=who().account.name)
    return actions.answer({site.name: act})


@bp.post("/a/<site_name>/<author_id>/notes")
def add_author_note(site_name: str, author_id: str) -> ResponseReturnValue:
    """Keep a note on an author."""
    site = gate.site_of(site_name)
    _record(site, author_id)
    services().reviews.add_note(site.name, author_id=author_id, note=note_of_form())
    return redirect(url_for("review.author", site_name=site.name, author_id=author_id), HTTPStatus.SEE_OTHER)
