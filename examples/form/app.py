"""A small website with one article, its comments, and a reply form that works without JavaScript.

Knows Winnow's address, an API key and the secret that signs webhooks; nothing else of Winnow. Copy it, replace the
article, and keep the rest. Settings come from the environment: see README.md.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, Response, current_app, flash, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from itsdangerous import URLSafeSerializer
from reply_form import AWAY, EXPIRED, TOO_LONG, TRAP, ReplyForm, errors_of, is_already_sent
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from thread import Thread
from winnow_api import Refused, Unavailable, Winnow

MOST_REMEMBERED = 5  # Comments of a reader that wait for a moderator and are shown to that reader alone.
FORM_BYTES = 256 * 1024
bp = Blueprint("site", __name__)
log = logging.getLogger("site")


@dataclass(frozen=True, slots=True)
class Site:
    """What the views need.

    Attributes:
        address: Where readers find this website, without a trailing slash.
        avatars: Where readers' browsers find Winnow's pictures of authors.
    """

    winnow: Winnow
    thread: Thread
    signer: URLSafeSerializer
    webhook_secret: str
    address: str
    avatars: str

    @property
    def permalink(self) -> str:
        """Return the public address of the article, under which its comments are kept."""
        return self.address + "/"


def create_app(environ: Mapping[str, str] = os.environ) -> Flask:
    """Return the website.

    Args:
        environ: COMMENTS_URL and COMMENTS_KEY are needed; README.md lists the rest.

    Raises:
        KeyError: If one that is needed is missing.
    """
    app = Flask(__name__)
    app.secret_key = environ.get("SITE_SECRET") or secrets.token_hex(32)
    app.config.update(MAX_CONTENT_LENGTH=FORM_BYTES, SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_NAME="reader")
    winnow = Winnow(environ["COMMENTS_URL"].rstrip("/"), environ["COMMENTS_KEY"])
    app.extensions["site"] = Site(
        winnow=winnow,
        thread=Thread(winnow, cache_seconds=float(environ.get("COMMENTS_CACHE_SECONDS", "60"))),
        signer=URLSafeSerializer(app.secret_key, salt="reply-form"),
        webhook_secret=environ.get("COMMENTS_WEBHOOK_SECRET", ""),
        address=environ.get("SITE_URL", "http://127.0.0.1:8001").rstrip("/"),
        avatars=environ.get("COMMENTS_PUBLIC_URL", winnow.url).rstrip("/"),
    )
    app.jinja_env.filters["moment"] = moment
    app.register_blueprint(bp)
    app.register_error_handler(413, too_long)
    _log_to_standard_output()
    return app


def _log_to_standard_output() -> None:
    log.setLevel(logging.INFO)
    if not log.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log.addHandler(handler)


def site() -> Site:
    """Return what the running website was set up with."""
    found: Site = current_app.extensions["site"]
    return found


@bp.get("/")
def show_article() -> ResponseReturnValue:
    """Show the article with its comments and an empty form."""
    return page(ReplyForm.fresh())


def page(form: ReplyForm, status: int = 200) -> ResponseReturnValue:
    """Show the article with a form, whatever state it is in."""
    comments = site().thread.comments(site().permalink)
    body = render_template(
        "article.html",
        comments=comments,
        waiting=waiting({one["id"] for one in comments or ()}),
        form=form,
        token=form.token(site().signer),
        trap=TRAP,
        avatars=site().avatars,
    )
    return body, status


def waiting(shown: set[str]) -> list[dict[str, Any]]:
    """Return this reader's own comments that wait for a moderator; forget the decided ones."""
    found = [one for one in map(own_comment, session.get("mine", [])) if one is not None and one["id"] not in shown]
    if "mine" in session:
        session["mine"] = [one["id"] for one in found]
    return found


def own_comment(comment_id: str) -> dict[str, Any] | None:
    """Return a comment if it still waits for a moderator."""
    try:
        comment = site().winnow.comment(comment_id)
    except (Refused, Unavailable):
        return None
    return comment if comment["status"] == "pending" else None


@bp.post("/reply")
def reply() -> ResponseReturnValue:
    """Send a reader's comment to Winnow and tell the reader what became of it."""
    form = ReplyForm.parse(request.form, site().signer)
    if not form.nonce:
        return page(form.with_errors({"": EXPIRED}), 400)
    submission = form.submission(
        permalink=site().permalink, user_ip=request.remote_addr, user_agent=request.headers.get("User-Agent", "")
    )
    try:
        comment = site().winnow.submit(submission, idempotency_key=form.idempotency_key)
    except Refused as refused:
        if is_already_sent(refused):
            return back("again")
        return page(form.with_errors(errors_of(refused)), 422)
    except Unavailable:
        return page(form.with_errors({"": AWAY}), 503)
    remember(comment)
    return back(comment["status"])


def remember(comment: dict[str, Any]) -> None:
    """Show a comment that was approved at once to everybody, and one that waits to its author."""
    if comment["status"] == "approved":
        site().thread.forget(site().permalink)
    if comment["status"] == "pending":
        others = [one for one in session.get("mine", []) if one != comment["id"]]
        session["mine"] = [*others, comment["id"]][-MOST_REMEMBERED:]


def back(notice: str) -> ResponseReturnValue:
    """Return to the article, so that reloading the page does not send the form again."""
    flash(notice)
    return redirect("/#notice", 303)


def too_long(_: Exception) -> ResponseReturnValue:
    """Say kindly that a form was too large to be read."""
    return page(ReplyForm.fresh().with_errors({"comment": TOO_LONG}), 413)


@bp.post("/webhooks/winnow")
def receive_webhook() -> ResponseReturnValue:
    """Take Winnow's message that a comment was decided on, so that the next reader sees it as it is now."""
    try:
        event = Webhook(site().webhook_secret).verify(request.get_data(), dict(request.headers))
    except (WebhookVerificationError, ValueError, RuntimeError):
        log.warning("webhook refused: its signature is not right")
        return "", 401
    if event["type"].startswith("comment."):  # Other types, such as winnow.test, are only acknowledged.
        site().thread.forget(event["data"]["permalink"])
    log.info("webhook verified: %s %s", event["type"], event["data"].get("id", ""))
    return "", 204


def moment(text: str) -> str:
    """Return a time of the API as readers like it."""
    at = datetime.fromisoformat(text)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


@bp.after_app_request
def with_policy(response: Response) -> Response:
    """Allow this page's own style and pictures, the avatars, and nothing else."""
    own = f"default-src 'none'; style-src 'self'; img-src 'self' {site().avatars}"
    response.headers["Content-Security-Policy"] = f"{own}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    return response
