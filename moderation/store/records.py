"""How values look inside the store: compact JSON in, values out.

Owns the translation; docs/storage.md lists the fields. Evidence keeps offsets only, since the text stands beside it.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from typing import Any

import msgspec

from moderation.core.comment import (
    Comment,
    Decision,
    Earlier,
    RejectReason,
    Ruling,
    Status,
    Verdict,
    from_milliseconds,
    to_milliseconds,
)
from moderation.core.reasons import KINDS, Action, Evidence, Reason

_DOCUMENT_FIELDS = {
    "c": "content",
    "ct": "content_type",
    "p": "permalink",
    "pa": "parent_id",
    "x": "external_id",
    "n": "author_name",
    "u": "author_url",
    "l": "language",
    "t": "type",
    "ip": "ip_id",
    "e": "edited",
    "cb": "callback",
    "o": "origin",
}
_DEFAULTS = {"content_type": "text/plain", "type": "comment", "edited": False}


_DOCUMENT_DEFAULTS = tuple(_DEFAULTS.get(name) for name in _DOCUMENT_FIELDS.values())
_document_values = operator.attrgetter(*_DOCUMENT_FIELDS.values())


def dump(value: Any) -> str:
    """Return compact JSON."""
    return msgspec.json.encode(value).decode()


def document(comment: Comment) -> str:
    """Return the part of a comment that only an edit changes."""
    values = zip(_DOCUMENT_FIELDS, _document_values(comment), _DOCUMENT_DEFAULTS, strict=True)
    return dump({short: value for short, value, default in values if value != default})


def verdict_json(verdict: Verdict) -> str:
    """Return a verdict without the text of its evidence."""
    reasons = [_reason_json(reason) for reason in verdict.reasons]
    return dump({"a": verdict.action, "s": verdict.scores, "m": verdict.model, "r": reasons})


def _reason_json(reason: Reason) -> dict[str, Any]:
    packed: dict[str, Any] = {"c": reason.code, "w": reason.weight}
    if reason.detail != KINDS[reason.code].detail:
        packed["d"] = reason.detail
    if reason.evidence:
        packed["e"] = [_evidence_json(evidence) for evidence in reason.evidence]
    return packed


def _evidence_json(evidence: Evidence) -> list[Any]:
    place = [evidence.start, evidence.end, evidence.weight]
    return place if evidence.field == "content" else [*place, evidence.field]


def decision_json(decision: Decision | None) -> str:
    """Return a decision, or an empty string for None."""
    if decision is None:
        return ""
    return dump(
        {
            "d": decision.ruling,
            "r": decision.reason,
            "m": decision.moderator,
            "at": to_milliseconds(decision.at),
            "n": decision.note,
        }
    )


def history_json(history: tuple[Earlier, ...]) -> str:
    """Return the earlier states, or an empty string for none."""
    return dump([[earlier.status, decision_json(earlier.decision)] for earlier in history]) if history else ""


def comment_of(site: str, comment_id: str, fields: Mapping[str, str]) -> Comment:
    """Return the comment that a stored hash describes."""
    packed = json.loads(fields["doc"])
    plain = {name: packed.get(short, _DEFAULTS.get(name)) for short, name in _DOCUMENT_FIELDS.items()}
    texts = {"content": plain["content"] or "", "author": plain["author_name"], "url": plain["author_url"] or ""}
    return Comment(
        id=comment_id,
        site=site,
        status=Status(fields["status"]),
        author_id=fields["author"],
        created_at=from_milliseconds(int(fields["created"])),
        updated_at=from_milliseconds(int(fields["updated"])),
        version=int(fields["version"]),
        verdict=_verdict_of(json.loads(fields["verdict"]), texts),
        decision=decision_of(fields.get("decision", "")),
        history=_history_of(fields.get("history", "")),
        **plain,
    )


def _verdict_of(packed: Mapping[str, Any], texts: Mapping[str, str]) -> Verdict:
    reasons = tuple(_reason_of(reason, texts) for reason in packed["r"])
    return Verdict(action=Action(packed["a"]), scores=packed["s"], reasons=reasons, model=packed["m"])


def _reason_of(packed: Mapping[str, Any], texts: Mapping[str, str]) -> Reason:
    kind = KINDS[packed["c"]]
    evidence = tuple(_evidence_of(place, texts) for place in packed.get("e", ()))
    return Reason(packed["c"], kind.label, packed["w"], packed.get("d", kind.detail), evidence)


def _evidence_of(place: list[Any], texts: Mapping[str, str]) -> Evidence:
    start, end, weight = place[:3]
    field = place[3] if len(place) > 3 else "content"
    return Evidence(start, end, texts[field][start:end], weight, field)


def decision_of(packed: str) -> Decision | None:
    """Return the decision that was stored, or None for an empty string."""
    if not packed:
        return None
    fields = json.loads(packed)
    return Decision(
        ruling=Ruling(fields["d"]),
        reason=RejectReason(fields["r"]) if fields["r"] else None,
        moderator=fields["m"],
        at=from_milliseconds(fields["at"]),
        note=fields["n"],
    )


def _history_of(packed: str) -> tuple[Earlier, ...]:
    if not packed:
        return ()
    return tuple(Earlier(Status(status), decision_of(decision)) for status, decision in json.loads(packed))
