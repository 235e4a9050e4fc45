"""The HTTP API, version 1: the site itself, erasures, statistics, avatars."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import Blueprint, Response
from msgspec import to_builtins

from moderation.core.comment import Submission
from moderation.core.errors import InvalidInput, NotFound
from moderation.core.identicon import identicon
from moderation.core.policy import Policy
from moderation.core.reasons import KINDS, Action
from moderation.core.site import Site, policy_document
from moderation.web import answers, schemas
from moderation.web.auth import current_site, services
from moderation.web.bodies import json_body, number, query, rendered
from moderation.web.openapi import Parameter, operation
from moderation.web.parsing import author_ids, parse_body

bp = Blueprint("site_api", __name__, url_prefix="/v1")
STATS_DAYS_MAX = 366
AVATAR_SECONDS = 31_536_000
_AUTHOR_ID = re.compile(r"k[1-9][0-9]{0,5}\.[a-z2-7]{32}")


@bp.get("/site")
@operation(summary="The site's policy", answer=answers.PolicyOut)
def read_site() -> Response:
    """Return the policy with the thresholds in force."""
    return rendered(policy_document(current_site().policy, services().judge.thresholds()))


@bp.patch("/site")
@operation(
    summary="Change the site's policy",
    detail="What is left out stays as it is. `null` as a threshold means never; `null` for a label's thresholds goes "
    "back to the model's own.",
    body=schemas.PolicyIn,
    answer=answers.PolicyOut,
    problems=(409,),
)
def change_site() -> Response:
    """Merge a change into the policy."""
    name = current_site().name
    given = parse_body(schemas.PolicyIn, json_body())
    site = services().sites.change_policy(name, given.model_dump(exclude_unset=True))
    return rendered(policy_document(site.policy, services().judge.thresholds()))


@bp.post("/site/test")
@operation(
    summary="What would happen to a text, and why",
    body=schemas.SiteTestIn,
    answer=answers.TriedOut,
)
def test_site() -> Response:
    """Judge a text under the site's policy, or a changed one; nothing is stored."""
    site = current_site()
    given = parse_body(schemas.SiteTestIn, json_body())
    policy = _tried(site, given.policy)
    submission = Submission(
        content=given.content,
        permalink=site.url,
        author_name=given.author,
        author_url=given.author_url,
        content_type=given.content_type,
    )
    verdict = services().submissions.check_one(submission, policy)
    thresholds = policy_document(policy, services().judge.thresholds())["thresholds"]
    return rendered({**to_builtins(verdict), "thresholds": thresholds})


def _tried(site: Site, change: schemas.PolicyIn) -> Policy:
    try:
        return services().sites.merged(site.policy, change.model_dump(exclude_unset=True))
    except InvalidInput as error:
        faults = [replace(fault, pointer=f"/policy{fault.pointer}") for fault in error.faults]
        raise InvalidInput(str(error), faults) from None


@bp.post("/erasures")
@operation(
    summary="Forget a person",
    detail="Comments, labels and history of the address, under every active key, are gone when this returns.",
    body=schemas.ErasureIn,
    answer=answers.ErasedOut,
)
def erase_author() -> Response:
    """Forget everything of a person on the calling site."""
    site = current_site()
    given = parse_body(schemas.ErasureIn, json_body())
    erased = services().privacy.erase(site, author_ids(given.author_email, site=site, keyring=services().keyring))
    return rendered({"comments": erased.comments, "labels": erased.labels, "authors": erased.authors})


@bp.get("/stats")
@operation(
    summary="Counts per day, and how often people overruled each reason",
    answer=answers.StatsOut,
    problems=(422,),
    parameters=(Parameter("days", {"type": "integer", "minimum": 1, "maximum": STATS_DAYS_MAX, "default": 30}),),
)
def read_stats() -> Response:
    """Return the statistics of the last days, in UTC."""
    site = current_site()
    days = query(days=number(1, STATS_DAYS_MAX)).get("days", 30)
    return rendered(stats(site.name, services().now(), days))


def stats(site: str, until: datetime, days: int) -> dict[str, Any]:
    """Return a site's statistics as the API shows them."""
    counted = services().archive.days(site, until=until, days=days)
    total: dict[str, int] = {}
    for _, counters in counted:
        for name, count in counters.items():
            total[name] = total.get(name, 0) + count
    waited = total.get("waited", 0)
    return {
        "days": [_day(date, counters) for date, counters in counted],
        "reasons": [
            _overrule(code, total) for code in KINDS if total.get(f"fired:{code}") or total.get(f"judged:{code}")
        ],
        "queue": {status.value: count for status, count in services().archive.statuses(site).items()},
        "mean_wait_seconds": round(total.get("waited_ms", 0) / waited / 1000, 1) if waited > 0 else None,
    }


def _day(date: str, counters: dict[str, int]) -> dict[str, Any]:
    return {
        "date": date,
        "verdicts": {action.value: counters.get(f"verdict:{action}", 0) for action in Action},
        "decisions": {
            name.removeprefix("decision:"): count
            for name, count in sorted(counters.items())
            if name.startswith("decision:")
        },
    }


def _overrule(code: str, total: dict[str, int]) -> dict[str, Any]:
    judged, overruled = total.get(f"judged:{code}", 0), total.get(f"overruled:{code}", 0)
    rate = round(overruled / judged, 4) if judged > 0 else None
    return {
        "reason": code,
        "fired": total.get(f"fired:{code}", 0),
        "judged": judged,
        "overruled": overruled,
        "rate": rate,
    }


@bp.get("/authors/<author_id>/avatar.svg")
@operation(
    summary="An author's picture",
    detail="Drawn from the author id, so that no third party and no reversible hash is involved.",
    media_type="image/svg+xml",
    problems=(404,),
    needs_key=False,
)
def read_avatar(author_id: str) -> Response:
    """Return the identicon of an author id."""
    if not _AUTHOR_ID.fullmatch(author_id):
        raise NotFound("This is not an author id.")
    response = Response(identicon(author_id), content_type="image/svg+xml")
    response.headers["Cache-Control"] = f"public, max-age={AVATAR_SECONDS}, immutable"
    return response
