"""Perspective's protocol: ``comments:analyze``, ``comments:suggestscore``, the discovery document, and a batch of ours.

Analysing needs no store: a website that this process knows is answered while the store is away. Nothing analysed is
kept. Scores are the model's own; an attribute that it lacks is refused or left out, never made up.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from moderation.core.comment import Submission
from moderation.core.errors import ModelUnavailable, RateLimited, StoreUnavailable, Unauthenticated
from moderation.core.identity import forget_all
from moderation.scoring import Scored
from moderation.service.sites import Caller
from moderation.store.connection import RETRY_AFTER_SECONDS
from moderation.web.auth import services
from moderation.web.bodies import rendered
from moderation.web.perspective import discovery
from moderation.web.perspective.parsing import (
    ATTRIBUTES,
    BATCH_MAX,
    Analysis,
    analysis_of,
    attributes_of,
    base_name,
    coral_feedback_of,
    object_of,
    suggestions_of,
    text_of,
)
from moderation.web.perspective.problems import KEY_INVALID, Refused, problem, refusal

bp = Blueprint("perspective", __name__)
BODY_BYTES = 1024 * 1024
SENTENCES_MAX = 200  # Beyond it the rest of the text is one span.
SCORE_DIGITS = 6
_SENTENCE = re.compile(r"[^.!?\n。！？]*[.!?\n。！？]*")
View = Callable[[Caller, dict[str, Any]], Response]


def method(path: str, view: View) -> None:
    """Register one of Perspective's methods."""

    def answer() -> Response:
        request.max_content_length = BODY_BYTES
        try:
            return view(_caller(), object_of(request.get_data(cache=False)))
        except Unauthenticated:
            return problem(400, KEY_INVALID)
        except RateLimited as error:
            response = problem(429, "Quota exceeded: too many requests with keys that are not valid.")
            response.headers["Retry-After"] = str(error.retry_after_seconds)
            return response
        except RequestEntityTooLarge:
            return refusal(Refused("Comment text too long.", "COMMENT_TOO_LONG"))
        except Refused as error:
            return refusal(error)
        except (StoreUnavailable, ModelUnavailable):
            response = problem(503, "The service is currently unavailable.")
            response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
            return response

    bp.add_url_rule(path, path.rsplit(":", 1)[-1], answer, methods=["POST"], strict_slashes=False)


def _caller() -> Caller:
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
    key = request.args.get("key") or request.headers.get("X-Goog-Api-Key") or bearer
    try:
        caller = services().sites.authenticate(key.strip().lower())
        with suppress(StoreUnavailable):  # Scoring needs no store: a website known already is answered all the same.
            caller = services().sites.refreshed(caller)
    except Unauthenticated:
        services().guesses.wrong(request.remote_addr)
        raise
    g.site = caller.site.name
    return caller


def analyze(caller: Caller, given: dict[str, Any]) -> Response:
    """Score one text."""
    return rendered(_answer(_analysis(caller, given)))


def batch_analyze(caller: Caller, given: dict[str, Any]) -> Response:
    """Score up to 100 texts; an extension of ours."""
    requests = given.get("requests")
    if not isinstance(requests, list) or not 1 <= len(requests) <= BATCH_MAX:
        raise Refused(f"A batch has 1 to {BATCH_MAX} requests.")
    analyses = [_analysis(caller, one if isinstance(one, dict) else {}) for one in requests]
    scored = services().scorer.score_many([_submission(one.text) for one in analyses])
    return rendered({"responses": [_rendered(*pair) for pair in zip(analyses, scored, strict=True)]})


def _analysis(caller: Caller, given: dict[str, Any]) -> Analysis:
    model = services().scorer.model
    known = attributes_of([*model.labels, *model.derived])
    return analysis_of(given, known=known, drops_unknown=caller.site.policy.allowed_attributes == "lenient")


def _submission(text: str) -> Submission:
    return Submission(content=text, permalink="", author_name="")


def _answer(analysis: Analysis) -> dict[str, Any]:
    return _rendered(analysis, services().scorer.score(_submission(analysis.text)))


def _rendered(analysis: Analysis, scored: Scored) -> dict[str, Any]:
    values = _values(scored)
    told = {name: least for name, least in analysis.attributes.items() if values[base_name(name)] >= least}
    scores: dict[str, dict[str, Any]] = {name: {"summaryScore": _score(values[base_name(name)])} for name in told}
    if analysis.wants_spans and told:
        for name, spans in _span_scores(analysis.text, list(told)).items():
            scores[name]["spanScores"] = spans
    languages = list(analysis.languages) or ["und"]
    answer: dict[str, Any] = {"attributeScores": scores, "languages": languages, "model": scored.model}
    return answer if analysis.client_token is None else {**answer, "clientToken": analysis.client_token}


def _values(scored: Scored) -> dict[str, float]:
    """Return the value of each attribute that the classifier can score."""
    scores = {**scored.scores, **services().scorer.model.derive(scored.scores)}
    return {name: _of_any([scores[label] for label in ATTRIBUTES[name]]) for name in attributes_of(scores)}


def _of_any(probabilities: list[float]) -> float:
    """Return the probability that at least one of some labels holds, taken as independent."""
    if len(probabilities) == 1:
        return probabilities[0]
    return 1 - math.prod(1 - one for one in probabilities)


def _score(value: float) -> dict[str, Any]:
    return {"value": round(value, SCORE_DIGITS), "type": "PROBABILITY"}


def _span_scores(text: str, names: list[str]) -> dict[str, list[dict[str, Any]]]:
    spans = list(_sentences(text))
    scored = services().scorer.score_many([_submission(text[start:end]) for start, end in spans])
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for (start, end), one in zip(spans, scored, strict=True):
        values, begin = _values(one), _utf16_length(text[:start])
        place = {"begin": begin, "end": begin + _utf16_length(text[start:end])}
        for name in names:
            found[name].append({**place, "score": _score(values[base_name(name)])})
    return found


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    start, count = 0, 0
    for match in _SENTENCE.finditer(text):
        if not match.group().strip():
            continue
        count += 1
        if count == SENTENCES_MAX:
            yield match.start(), len(text)
            return
        start = match.start()
        yield start, match.end()


def _utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def suggest_score(caller: Caller, given: dict[str, Any]) -> Response:
    """Keep what people said about a text as a training label; saying it again, or otherwise, replaces it."""
    text, said = (
        forget_all(text_of(given)),
        suggestions_of(given),
    )  # Whose text it is, and so whose address, nobody says.
    labels = _labels(said)
    if labels is not None and not _is_heard(caller, given, text, said):
        community = str(given.get("communityId", ""))[:255]
        key = services().keyring.keys[-1].derive("suggestion")
        digest = hmac.digest(key, f"{community}\0{text}".encode(), hashlib.sha256)[:16].hex()
        row = {"text": text, "labels": labels, "source": f"site:{caller.site.name}:suggested"}
        row["at"] = services().now().isoformat(timespec="seconds")
        services().feedback.label(caller.site, f"suggested-{digest}", row)
    token = given.get("clientToken")
    return rendered({"clientToken": token} if isinstance(token, str) else {})


def _is_heard(caller: Caller, given: dict[str, Any], text: str, said: dict[str, int]) -> bool:
    """Tell our queue what Coral's moderators decided; True if that teaches no more than the decision itself."""
    feedback = coral_feedback_of(given, said)
    if feedback is None:
        return False
    return services().coral.heard(
        caller.site,
        text,
        coral_id=feedback.comment_id,
        parent_id=feedback.parent_id,
        status="APPROVED" if feedback.is_approved else "REJECTED",
    )


def _labels(said: dict[str, int]) -> dict[str, int | None] | None:
    """Return the training label of a suggestion, or None where it says nothing that the model learns.

    A comment that is not likely to be rejected is neither spam nor toxic; one that is could be either.
    """
    severe = said.get("SEVERE_TOXICITY") or None  # Not severe may still be toxic.
    spam, toxic = said.get("SPAM"), said.get("TOXICITY", severe)
    if said.get("LIKELY_TO_REJECT") == 0:
        spam, toxic = spam or 0, toxic or 0
    return None if spam is None and toxic is None else {"spam": spam, "toxic": toxic}


@bp.get("/$discovery/rest")
def discover() -> Response:
    """Return the discovery document."""
    root = services().settings.public_url or request.url_root.rstrip("/")
    return rendered(discovery.document(f"{root}/"))


method("/v1alpha1/comments:analyze", analyze)
method("/v1alpha1/comments:batchAnalyze", batch_analyze)
method("/v1alpha1/comments:suggestscore", suggest_score)
