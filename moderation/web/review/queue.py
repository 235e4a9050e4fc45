"""The queue: the page of cards, the small answers that keep it live, and the marks of who reads what."""

from __future__ import annotations

import hashlib
import json
import re
from http import HTTPStatus

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue

from moderation.core.reasons import KINDS
from moderation.service.desk import Place
from moderation.service.filters import Filters, Sort
from moderation.store.queue import Claim
from moderation.web.auth import services
from moderation.web.review import actions, cards, gate, texts
from moderation.web.review.gate import bp, who

CARDS_A_PAGE = 20
POLL_IDS = 100
FILTER_LENGTH = 2_000
_PLACE = re.compile(r"(-?[0-9.e+-]{1,30})~([0-9A-Za-z]{1,40})")
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


def filters_of_request() -> Filters:
    """Return the filters that the URL holds; one that means nothing hides nothing."""
    given = {name: request.args.get(name, "")[:FILTER_LENGTH] for name in ("reason", "label", "author", "page", "text")}
    sort = request.args.get("sort", "")
    return Filters(**given, sort=Sort(sort) if sort in set(Sort) else Sort.OLDEST)


def filter_query(filters: Filters, site: str, **changes: str) -> dict[str, str]:
    """Return the query of the queue's URL for some filters, without what is empty."""
    values = {
        "site": site,
        "reason": filters.reason,
        "label": filters.label,
        "author": filters.author,
        "page": filters.page,
        "text": filters.text,
        "sort": "" if filters.sort is Sort.OLDEST else filters.sort.value,
        **changes,
    }
    return {name: value for name, value in values.items() if value}


def _place_of(text: str) -> Place | None:
    match = _PLACE.fullmatch(text)
    try:
        return (float(match[1]), match[2]) if match else None
    except ValueError:
        return None


@bp.get("/")
def queue() -> ResponseReturnValue:
    """Show the waiting comments of a site."""
    site = gate.current_site()
    filters = filters_of_request()
    thresholds = site.policy.effective(services().judge.thresholds())
    sheet = services().desk.sheet(
        site.name,
        filters,
        thresholds=thresholds,
        after=_place_of(request.args.get("after", "")),
        limit=CARDS_A_PAGE,
    )
    me = who().account.name
    after = f"{sheet.after[0]!r}~{sheet.after[1]}" if sheet.after else ""
    return render_template(
        "review/queue.html",
        site=site,
        site_names=gate.site_names(),
        filters=filters,
        query=lambda **changes: filter_query(filters, site.name, **changes),
        sheet=sheet,
        cards=cards.queue_cards(site.name, sheet.cards, me=me),
        after=after,
        outcome=actions.told(site),
        reason_codes=sorted(sheet.reasons.items(), key=lambda one: -one[1]),
        kinds=KINDS,
        here=request.full_path.rstrip("?"),
        script_texts=texts.for_scripts(),
    )


@bp.get("/live")
def live() -> ResponseReturnValue:
    """Say what became of some comments since; 304 where nothing did. Cheap enough to ask every few seconds."""
    site = gate.current_site()
    ids = [one for one in request.args.get("ids", "").split(",") if _ID.fullmatch(one)][:POLL_IDS]
    me = who().account.name
    holders = {one: name for one, name in services().queue.holders(site.name, ids).items() if name != me}
    position = services().reviews.position(site.name)
    state = json.dumps([position, sorted(holders.items()), ids])
    tag = hashlib.blake2b(state.encode(), digest_size=12).hexdigest()
    if request.if_none_match.contains_weak(tag):
        return _tagged(Response(status=HTTPStatus.NOT_MODIFIED), tag)
    found = {one.id: one for one in services().comments.get_many(site.name, ids)}
    now = services().now()
    body = {
        "waiting": services().queue.count(site.name),
        "position": position,
        "holders": holders,
        "gone": {one: actions.became(found.get(one), now) for one in ids if actions.has_left(found.get(one))},
        "versions": {one: comment.version for one, comment in found.items()},
    }
    return _tagged(Response(json.dumps(body), content_type="application/json"), tag)


def _tagged(response: Response, tag: str) -> Response:
    response.set_etag(tag, weak=True)
    response.headers["Cache-Control"] = "no-cache, private"
    return response


@bp.post("/claim")
def claim() -> ResponseReturnValue:
    """Mark an item as being read, and give up others; or only renew, or only give up."""
    site = gate.current_site()
    released, wanted = _claims(request.form.get("release", "")), request.form.get("item", "")
    if released:
        services().decisions.release(site, released)
    taken = services().decisions.claim(site, who().account.name, ids=[wanted]) if _ID.fullmatch(wanted) else []
    holder = ""
    if wanted and not taken:
        holder = services().queue.holders(site.name, [wanted]).get(wanted, "")
    body = {"fence": taken[0].fence if taken else "", "holder": holder}
    return Response(json.dumps(body), content_type="application/json")


def _claims(text: str) -> list[Claim]:
    pairs = (one.partition(":") for one in text.split(",") if one)
    return [Claim(one, fence) for one, _, fence in pairs if _ID.fullmatch(one) and fence.isdecimal()]
