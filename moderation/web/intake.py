"""Taking submissions and checks, whichever way a request came: through Flask, or the short way of ``express``.

Owns what the two busiest routes do between a body and an answer. Refuses to know Flask, so that both ways do the same.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

from msgspec import json

from moderation.core.comment import Comment
from moderation.core.errors import InvalidInput, SiteChanged
from moderation.core.policy import RateLimit
from moderation.service.services import Services
from moderation.service.sites import Caller
from moderation.service.submissions import Submitted
from moderation.web.answers import comment_answer
from moderation.web.errors import UnsupportedBody, rate_headers
from moderation.web.metrics import Metrics
from moderation.web.parsing import parse_batch, parse_idempotency, parse_submission

SUBMIT_PATH = "/v1/comments"
CHECK_PATH = "/v1/check"
_SUBMIT_ROUTE = f"POST {SUBMIT_PATH}"


class Answer(NamedTuple):
    """What goes back: a status, JSON, and the headers that belong to this answer alone."""

    status: int
    body: bytes
    headers: dict[str, str]


def submit(
    services: Services, metrics: Metrics, caller: Caller, *, read: Callable[[], bytes], idempotency_key: str | None
) -> Answer:
    """Accept one submission and return the comment with its verdict.

    Args:
        services: The use cases.
        metrics: Where it is counted.
        caller: The website as this process knows it, which may be outdated.
        read: Gives the body, and may refuse it.
        idempotency_key: The header of that name.
    """
    try:
        submitted = _submitted(services, caller, read, idempotency_key)
    except (SiteChanged, InvalidInput, UnsupportedBody):
        # The site as this process knew it may be outdated: then its key, or what it takes, may be different now.
        fresh = services.sites.refreshed(caller)
        if fresh is caller:
            raise
        caller, submitted = fresh, _submitted(services, fresh, read, idempotency_key)
    if not submitted.is_replay:
        metrics.submitted(submitted.comment.verdict.action)
    headers = _rate_headers(caller.site.policy.rate_limit, submitted)
    if submitted.is_replay:
        headers["Idempotent-Replayed"] = "true"
    headers["Location"] = f"/v1/comments/{submitted.comment.id}"
    return Answer(HTTPStatus.CREATED.value, submitted.shown, headers)


def _submitted(services: Services, caller: Caller, read: Callable[[], bytes], idempotency_key: str | None) -> Submitted:
    body = read()
    submission = parse_submission(body, site=caller.site, keyring=services.keyring)
    if idempotency_key is None:
        return services.submissions.submit(caller.site, submission, show=_shown)
    key = services.keyring.keys[-1].derive("idempotency")
    idempotency = parse_idempotency(idempotency_key, route=_SUBMIT_ROUTE, body=body, key=key)
    return services.submissions.submit(caller.site, submission, idempotency=idempotency, show=_shown)


def _shown(comment: Comment) -> bytes:
    return json.encode(comment_answer(comment))


def _rate_headers(limit: RateLimit | None, submitted: Submitted) -> dict[str, str]:
    if limit is None or submitted.is_replay:
        return {}
    left = max(0, limit.quota - submitted.rate_used)
    return rate_headers(limit.quota, limit.window_seconds, left=left, reset=submitted.rate_reset_seconds)


def check(services: Services, caller: Caller, *, read: Callable[[], bytes]) -> Answer:
    """Return verdicts and store nothing; ``caller`` and ``read`` as for ``submit``."""
    site = services.sites.refreshed(caller).site
    submissions = parse_batch(read(), site=site)
    verdicts = services.submissions.check(site, submissions)
    return Answer(HTTPStatus.OK.value, json.encode({"verdicts": verdicts}), {})
