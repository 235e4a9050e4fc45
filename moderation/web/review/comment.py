"""One comment with everything that is known of it, and the notes that moderators leave for one another."""

from __future__ import annotations

from http import HTTPStatus

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from moderation.core.comment import Status
from moderation.core.errors import InvalidInput, NotFound
from moderation.core.identity import public_name
from moderation.store.reviews import Note
from moderation.web.auth import services
from moderation.web.review import actions, cards, gate
from moderation.web.review.gate import bp, who
from moderation.web.review.texts import say

WHOLE_TEXT = 70_000  # Characters; the API takes fewer.
WHOLE_BYTES = 1_000_000
NOTE_LENGTH = 1_000


@bp.get("/c/<site_name>/<comment_id>")
def comment(site_name: str, comment_id: str) -> ResponseReturnValue:
    """Show one comment whole."""
    site = gate.site_of(site_name)
    found = services().comments.get(site.name, comment_id)
    around = cards.surroundings(site.name, [found], me=who().account.name)
    view = cards.card_view(found, around, budget=WHOLE_BYTES, characters=WHOLE_TEXT)
    return render_template(
        "review/comment.html",
        site=site,
        c=view,
        is_pending=found.status is Status.PENDING,
        here=request.path,
        outcome=actions.told(),
    )


def note_of_form() -> Note:
    """Return the note that the form holds; an address typed into it is masked.

    Raises:
        InvalidInput: If it is empty.
    """
    text = request.form.get("note", "").strip()[:NOTE_LENGTH]
    if not text:
        raise InvalidInput(say("error.bad-form"))
    return Note(services().now(), who().account.name, public_name(text))


@bp.post("/c/<site_name>/<comment_id>/notes")
def add_comment_note(site_name: str, comment_id: str) -> ResponseReturnValue:
    """Keep a note on a comment."""
    site = gate.site_of(site_name)
    if not services().reviews.add_note(site.name, comment_id=comment_id, note=note_of_form()):
        raise NotFound(say("error.no-comment"))
    return redirect(url_for("review.comment", site_name=site.name, comment_id=comment_id), HTTPStatus.SEE_OTHER)


@bp.get("/<path:rest>")
def nothing(rest: str) -> ResponseReturnValue:
    """Answer an address that means nothing with a page of ours."""
    raise NotFound(say("error.no-page"))
