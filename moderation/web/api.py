"""The HTTP API, version 1: comments, decisions, the queue. One function a route: parse, call a use case, render.

``operation`` says what a route is for and what it takes and answers; ``openapi`` makes the document from that.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, request

from moderation.core.comment import RejectReason, Ruling, Status
from moderation.core.errors import Fault, InvalidInput
from moderation.core.identity import public_name
from moderation.service.decisions import Decided, Judgment
from moderation.service.submissions import Edit
from moderation.web import answers, intake, schemas
from moderation.web.answers import comment_answer, public_answer
from moderation.web.auth import cached_caller, current_site, metrics, services
from moderation.web.bodies import (
    CURSOR,
    IDEMPOTENCY_KEY,
    LIMIT,
    PAGE_MAX,
    REPLAYED,
    choice,
    idempotency,
    json_body,
    number,
    page,
    query,
    rendered,
)
from moderation.web.intake import Answer
from moderation.web.openapi import Parameter, operation
from moderation.web.parsing import parse_body

bp = Blueprint("api", __name__, url_prefix="/v1")
SORTS = {
    "oldest": {"by_risk": False, "descending": False},
    "newest": {"by_risk": False, "descending": True},
    "likely-fine": {"by_risk": True, "descending": False},
    "likely-spam": {"by_risk": True, "descending": True},
}
RATE_HEADERS = (("RateLimit-Policy", "The site's limit."), ("RateLimit", "What is left of it, and for how long."))


@bp.post("/comments")
@operation(
    summary="Submit a comment",
    body=schemas.SubmissionIn,
    answer=answers.CommentOut,
    status=HTTPStatus.CREATED,
    problems=(409, 429),
    parameters=(IDEMPOTENCY_KEY,),
    headers=(*RATE_HEADERS, REPLAYED, ("Location", "The comment.")),
)
def submit_comment() -> Response:
    """Accept one submission and return the comment with its verdict."""
    key = request.headers.get("Idempotency-Key")
    return _answered(intake.submit(services(), metrics(), cached_caller(), read=json_body, idempotency_key=key))


def _answered(answer: Answer) -> Response:
    return Response(answer.body, answer.status, answer.headers, content_type="application/json")


@bp.get("/comments/<comment_id>")
@operation(summary="One comment", answer=answers.CommentOut, problems=(404,))
def read_comment(comment_id: str) -> Response:
    """Return one comment of the calling site."""
    return rendered(comment_answer(services().comments.get(current_site().name, comment_id)))


@bp.put("/comments/<comment_id>")
@operation(
    summary="Edit a comment",
    detail="The new content is scored anew; an approval lapses only when the verdict does.",
    body=schemas.EditIn,
    answer=answers.CommentOut,
    problems=(404, 409, 429),
)
def edit_comment(comment_id: str) -> Response:
    """Replace a comment's content."""
    site = current_site()
    given = parse_body(schemas.EditIn, json_body())
    edit = Edit(
        content=given.content,
        content_type=given.content_type,
        author_name=public_name(given.author.strip()) if given.author else None,
        author_url=given.author_url,
        language=given.language,
        version=given.version,
    )
    return rendered(comment_answer(services().submissions.edit(site, comment_id, edit)))


@bp.delete("/comments/<comment_id>")
@operation(summary="Forget a comment", status=HTTPStatus.NO_CONTENT, problems=(404,))
def delete_comment(comment_id: str) -> Response:
    """Forget a comment and its label."""
    services().privacy.forget(current_site(), comment_id)
    return Response(status=HTTPStatus.NO_CONTENT)


@bp.get("/comments")
@operation(
    summary="The public view of a thread",
    detail="Oldest first, without verdicts and decisions. Without `permalink`, the whole site's comments.",
    answer=answers.ThreadOut,
    problems=(400, 422),
    parameters=(
        Parameter("permalink", {"type": "string", "maxLength": schemas.URL_MAX}, "The page."),
        Parameter("status", {"type": "string", "enum": [*Status], "default": "approved"}),
        LIMIT,
        CURSOR,
    ),
)
def list_comments() -> Response:
    """Return a page of a thread."""
    site = current_site()
    asked = query(permalink=str, status=choice(*Status), limit=number(1, PAGE_MAX), cursor=str)
    status, permalink = Status(asked.get("status", Status.APPROVED)), asked.get("permalink")
    return page(
        site,
        ["comments", status, permalink or ""],
        asked,
        fetch=lambda after, limit: services().queue.page(
            site.name, status, permalink=permalink, after=after, limit=limit
        ),
        render=public_answer,
    )


@bp.get("/queue")
@operation(
    summary="Comments that wait for a person",
    answer=answers.QueueOut,
    problems=(400, 422),
    parameters=(Parameter("sort", {"type": "string", "enum": [*SORTS], "default": "oldest"}), LIMIT, CURSOR),
)
def list_queue() -> Response:
    """Return a page of the review queue."""
    site = current_site()
    asked = query(sort=choice(*SORTS), limit=number(1, PAGE_MAX), cursor=str)
    sort = asked.get("sort", "oldest")
    return page(
        site,
        ["queue", sort],
        asked,
        fetch=lambda after, limit: services().queue.pending_page(site.name, after=after, limit=limit, **SORTS[sort]),
        render=comment_answer,
    )


@bp.post("/comments/<comment_id>/decision")
@operation(
    summary="Decide on a comment",
    detail="409 when `version` is stale, or when it is no longer pending and `override` is not true: `decision` in the "
    "problem says who decided what, and when.",
    body=schemas.DecisionIn,
    answer=answers.CommentOut,
    problems=(404, 409),
    parameters=(IDEMPOTENCY_KEY,),
    headers=(REPLAYED,),
)
def decide_comment(comment_id: str) -> Response:
    """Approve or reject a comment."""
    site, body = current_site(), json_body()
    given = parse_body(schemas.DecisionIn, body)
    if given.reason and given.decision == "approve":
        detail = "A reason goes with reject only."
        raise InvalidInput("The request has invalid fields.", [Fault("/reason", "not-with-approve", detail)])
    judgment = Judgment(
        ruling=Ruling(given.decision),
        reason=RejectReason(given.reason) if given.reason else None,
        moderator=public_name(given.moderator.strip()),
        note=given.note,
        version=given.version,
        override=given.override,
    )
    decided = services().decisions.decide(site, comment_id, judgment, idempotency=idempotency(body))
    if not decided.is_replay:
        metrics().decided(given.decision)
    return _decided(decided)


@bp.post("/comments/<comment_id>/undo")
@operation(
    summary="Take the last decision back",
    body=schemas.UndoIn,
    is_body_required=False,
    answer=answers.CommentOut,
    problems=(404, 409),
    parameters=(IDEMPOTENCY_KEY,),
    headers=(REPLAYED,),
)
def undo_decision(comment_id: str) -> Response:
    """Restore what a comment was before its last decision."""
    site = current_site()
    body = json_body() if request.get_data() else b"{}"
    given = parse_body(schemas.UndoIn, body)
    who = public_name(given.moderator.strip())
    decided = services().decisions.undo(site, comment_id, who=who, version=given.version, idempotency=idempotency(body))
    return _decided(decided)


def _decided(decided: Decided) -> Response:
    headers = {"Idempotent-Replayed": "true"} if decided.is_replay else None
    return rendered(comment_answer(decided.comment), headers=headers)


@bp.post("/check")
@operation(
    summary="Judge up to 100 submissions without storing them",
    detail="Authors' histories and earlier copies are not looked at.",
    body=schemas.CheckIn,
    answer=answers.VerdictsOut,
)
def check_comments() -> Response:
    """Return verdicts and store nothing."""
    return _answered(intake.check(services(), cached_caller(), read=json_body))
