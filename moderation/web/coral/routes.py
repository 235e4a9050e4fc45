"""Coral's external moderation phase (``/coral/phase/SITE``) and its webhooks (``/coral/webhook/SITE``).

Owns the answers: 204 where nothing speaks against a comment, else a status and flags in Coral's words. Both routes take
signed requests only. A store that does not answer is a 503, on which Coral goes on without us.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from flask import Blueprint, Response, g, request

from moderation.core.comment import Comment, Status
from moderation.core.errors import NotFound, SiteChanged, Unauthenticated
from moderation.core.policy import LABELS
from moderation.core.reasons import KINDS
from moderation.core.site import Site
from moderation.service.coral import STATUSES
from moderation.web.auth import metrics, services
from moderation.web.bodies import rendered
from moderation.web.coral.payloads import Event, event_of, object_of, writing_of
from moderation.web.coral.signature import REFUSED, check_signature

bp = Blueprint("coral", __name__, url_prefix="/coral")
FLAGS = {"spam": "COMMENT_DETECTED_SPAM", "toxicity": "COMMENT_DETECTED_TOXIC"}
REJECTION = {"status": "REJECTED", "rejectionReason": {"code": "SPAM"}}
ENTERED = "COMMENT_ENTERED_MODERATION_QUEUE"
LEFT = "COMMENT_LEFT_MODERATION_QUEUE"
WITHHELD_QUEUE = "PENDING"  # Holds what was withheld; a comment that is published goes into UNMODERATED.
APPEARED = {ENTERED, LEFT, "COMMENT_CREATED", "COMMENT_REPLY_CREATED"}
_log = structlog.get_logger(__name__)


@bp.post("/phase", defaults={"name": None}, strict_slashes=False)
@bp.post("/phase/<name>", strict_slashes=False)
def phase(name: str | None) -> Response:
    """Say what should become of a comment that somebody is posting in Coral."""
    site = _signed_site(name)
    try:
        comment = _judged(site)
    except SiteChanged:
        site = _signed_site(name)
        comment = _judged(site)
    if comment is None or comment.status is Status.APPROVED:
        return Response(status=HTTPStatus.NO_CONTENT)
    return rendered(_opinion(comment, site))


def _signed_site(name: str | None) -> Site:
    """Return the site, named in path or query, for which the request is signed."""
    try:
        site = services().sites.current(request.args.get("site", "") if name is None else name)
    except NotFound:
        raise Unauthenticated(REFUSED) from None
    signature = request.headers.get("X-Coral-Signature", "")
    check_signature(signature, request.get_data(), site=site, keyring=services().keyring)
    g.site = site.name
    return site


def _judged(site: Site) -> Comment | None:
    writing = writing_of(object_of(request.get_data()), site=site, keyring=services().keyring)
    if writing is None:
        return None
    comment = services().coral.judge(site, writing)
    metrics().submitted(comment.verdict.action)
    return comment


def _opinion(comment: Comment, site: Site) -> dict[str, Any]:
    """Return what Coral shall do, with the flags that its moderators see."""
    actions = [{"actionType": "FLAG", "reason": FLAGS[label]} for label in _labels_against(comment, site)]
    if comment.status is Status.REJECTED:
        return {"status": "REJECTED", "actions": actions, "moderationAction": REJECTION}
    return {"status": "SYSTEM_WITHHELD", "actions": actions}


def _labels_against(comment: Comment, site: Site) -> list[str]:
    """Return the labels for which the comment was held: by its score, or by a rule that holds without one."""
    limits = site.policy.effective(services().judge.thresholds())
    by_rule = {
        one.label for one in comment.verdict.reasons if KINDS[one.code].action is not None and one.code != "unscored"
    }
    by_score = {
        label
        for label, score in comment.verdict.scores.items()
        if (least := limits[label].review) is not None and score >= least
    }
    return [label for label in LABELS if label in by_rule | by_score]


@bp.post("/webhook", defaults={"name": None}, strict_slashes=False)
@bp.post("/webhook/<name>", strict_slashes=False)
def webhook(name: str | None) -> Response:
    """Keep our queue in step with Coral's: where we may ask it, by what it says of a comment, else by page and time."""
    site = _signed_site(name)
    event = event_of(object_of(request.get_data()))
    if event.comment:
        _keep_in_step(site, event)
    return Response(status=HTTPStatus.NO_CONTENT)


def _keep_in_step(site: Site, event: Event) -> None:
    coral = services().coral
    if event.kind == LEFT and event.status in STATUSES:
        is_found = coral.decided(site, event.comment, status=event.status)
        _log.info("coral-decided", site=site.name, found=is_found)
    if site.coral_access is not None:
        if event.kind in APPEARED:
            coral.appeared(site, event.comment, tenant=event.tenant)
    elif event.kind == ENTERED and event.queue == WITHHELD_QUEUE:
        at = event.at or services().now()
        is_found = coral.withheld(site, event.comment, story=event.story, at=at)
        _log.info("coral-withheld", site=site.name, found=is_found)
