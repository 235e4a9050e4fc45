"""Requests to Perspective's methods: lenient where Google was (fields, languages), strict where it was strict."""

from __future__ import annotations

import json
import math
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from moderation.web.perspective.problems import Refused

TEXT_MAX_BYTES = 65_536  # Google took 20 KB.
# Which of the classifier's labels an attribute is made of; a classifier that lacks one lacks the attribute.
ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "TOXICITY": ("toxicity",),
    "SEVERE_TOXICITY": ("severe_toxicity",),
    "SPAM": ("spam",),
    "LIKELY_TO_REJECT": ("spam", "toxicity"),
}
SCORE_TYPES = {"SCORE_TYPE_UNSPECIFIED", "PROBABILITY"}
TEXT_TYPES = {"TEXT_TYPE_UNSPECIFIED", "PLAIN_TEXT"}
BATCH_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What is asked about one text.

    Attributes:
        attributes: Name as asked for (with a version perhaps) -> least score to be told.
    """

    text: str
    attributes: Mapping[str, float]
    languages: tuple[str, ...]
    wants_spans: bool
    client_token: str | None


def object_of(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a body.

    Raises:
        Refused: If there is none.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused("Invalid JSON payload received.") from None
    if not isinstance(given, dict):
        raise Refused("Invalid JSON payload received.")
    return given


def attributes_of(labels: Iterable[str]) -> frozenset[str]:
    """Return the attributes that a classifier with these labels can score."""
    known = set(labels)
    return frozenset(name for name, needed in ATTRIBUTES.items() if known.issuperset(needed))


def analysis_of(given: Mapping[str, Any], *, known: Container[str], drops_unknown: bool) -> Analysis:
    """Return what a request asks for.

    Args:
        given: The request.
        known: Attributes that the classifier can score.
        drops_unknown: Leave out attributes that the model lacks, instead of refusing.

    Raises:
        Refused: As Google's service would.
    """
    text = text_of(given)
    _check_context(given.get("context"))
    asked = given.get("requestedAttributes")
    if not isinstance(asked, dict) or not asked:
        raise Refused("Missing requested_attributes", "NO_REQUESTED_ATTRIBUTES")
    token = given.get("clientToken")
    return Analysis(
        text=text,
        attributes=_attributes(asked, known, drops_unknown=drops_unknown),
        languages=_languages(given.get("languages")),
        wants_spans=given.get("spanAnnotations") is True,
        client_token=token if isinstance(token, str) else None,
    )


def text_of(given: Mapping[str, Any]) -> str:
    """Return the comment's text.

    Raises:
        Refused: If it is empty, too long, or not text.
    """
    comment = given.get("comment")
    if not isinstance(comment, dict):
        raise Refused("Comment must be non-empty.", "COMMENT_EMPTY")
    text = comment.get("text", "")
    if not isinstance(text, str):
        raise Refused("Invalid value at 'comment.text' (TYPE_STRING).")
    kind = comment.get("type", "PLAIN_TEXT")
    if kind == "HTML":
        raise Refused("Currently, only 'PLAIN_TEXT' comments are supported")
    if not isinstance(kind, str) or kind not in TEXT_TYPES:
        raise Refused("Unknown text type")
    text = text.replace("\0", "").encode("utf-8", "replace").decode()
    if not text.strip():
        raise Refused("Comment must be non-empty.", "COMMENT_EMPTY")
    if len(text.encode()) > TEXT_MAX_BYTES:
        raise Refused("Comment text too long.", "COMMENT_TOO_LONG")
    return text


def _check_context(context: object) -> None:
    if isinstance(context, dict) and context.get("entries") and context.get("articleAndParentComment"):
        message = "Context can have either entries or article_and_parent_comment, but both fields were populated."
        raise Refused(message)


def base_name(attribute: str) -> str:
    """Return an attribute's name without its version: ``TOXICITY@6`` is ``TOXICITY``."""
    return attribute.partition("@")[0]


def _attributes(asked: Mapping[str, Any], known: Container[str], *, drops_unknown: bool) -> dict[str, float]:
    found = {}
    for name, options in asked.items():
        if base_name(name) not in known:
            if drops_unknown:
                continue
            raise Refused(f"Unknown requested attribute: {name[:100]}")
        found[name] = _least_score(name, options)
    return found


def _least_score(name: str, options: object) -> float:
    if not isinstance(options, dict):
        return 0.0
    kind = options.get("scoreType", "PROBABILITY")
    if kind not in SCORE_TYPES:
        raise Refused(f"Requested score type {str(kind)[:40]} is not supported by attribute {name[:100]}")
    least = options.get("scoreThreshold", 0.0)
    if isinstance(least, bool) or not isinstance(least, int | float) or not math.isfinite(least):
        raise Refused("Invalid value at 'score_threshold' (TYPE_FLOAT).")
    return float(least)


def _languages(given: object) -> tuple[str, ...]:
    if not isinstance(given, list):
        return ()
    return tuple(one[:35] for one in given[:10] if isinstance(one, str))


def suggestions_of(given: Mapping[str, Any]) -> dict[str, int]:
    """Return what a suggestion says: base attribute name -> 0 or 1.

    Raises:
        Refused: If it says nothing, or not as a probability.
    """
    asked = given.get("attributeScores")
    if not isinstance(asked, dict) or not asked:
        raise Refused("Missing attribute_scores")
    return {base_name(name): int(_value(scores) >= 0.5) for name, scores in asked.items()}


def _value(scores: object) -> float:
    summary = scores.get("summaryScore") if isinstance(scores, dict) else None
    value = summary.get("value") if isinstance(summary, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise Refused("Invalid value at 'attribute_scores.summary_score.value' (TYPE_FLOAT).")
    return float(value)


@dataclass(frozen=True, slots=True)
class CoralFeedback:
    """What Coral adds to a suggested score about the comment that its moderators decided on.

    Attributes:
        comment_id: Coral's id of it.
        parent_id: Coral's id of the comment that it answers, or None.
    """

    comment_id: str
    parent_id: str | None
    is_approved: bool


def coral_feedback_of(given: Mapping[str, Any], said: Mapping[str, int]) -> CoralFeedback | None:
    """Return what Coral says with a suggestion, or None if it is not Coral that suggests.

    Args:
        given: The request.
        said: Its suggestions; Coral makes one, 0 for approved and 1 for rejected, whatever the attribute.
    """
    community = given.get("communityId")
    if not isinstance(community, str) or not community.startswith("Coral:"):
        return None
    try:
        facts = json.loads(given["context"]["entries"][0]["text"])
        comment, parent = facts.get("Coral_comment_id"), facts.get("reply_to_id_Coral_comment_id")
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError):
        return None
    return CoralFeedback(
        comment_id=comment if isinstance(comment, str) else "",
        parent_id=parent if isinstance(parent, str) and parent else None,
        is_approved=not any(said.values()),
    )
