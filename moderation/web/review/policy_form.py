"""The settings form: a policy as fields of text, and back.

Owns how a policy is written in a form. What is valid is decided by the model that the API uses (``schemas.PolicyIn``)
and by the core, so that form, API and command line agree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moderation.core.errors import Fault, InvalidInput
from moderation.core.policy import LABELS, Policy, changed
from moderation.core.site import Site, stored_policy
from moderation.web.auth import services
from moderation.web.parsing import parse_body
from moderation.web.review.texts import say
from moderation.web.schemas import PolicyIn

LISTS = ("block", "hold")
PARTS = ("words", "patterns", "domains")
LIMITS = ("review", "reject")
SWITCHES = ("hold_first_comment", "email_required")
NUMBERS = ("links_allowed", "trust_after_approved")
DAYS = ("rejected", "labels")
Form = Mapping[str, str]


def fields_of(policy: Policy) -> dict[str, str]:
    """Return a policy as the form's fields; an unticked box is empty."""
    document = stored_policy(policy)
    fields = {name: str(document[name]) for name in NUMBERS}
    fields |= {name: "on" if document[name] else "" for name in SWITCHES}
    fields |= {f"{one}_days": str(document["retention_days"][one]) for one in DAYS}
    fields |= {f"{one}.{part}": "\n".join(document[one][part]) for one in LISTS for part in PARTS}
    fields |= {
        f"{label}.{limit}": _threshold_text(document["thresholds"].get(label, {}), limit)
        for label in LABELS
        for limit in LIMITS
    }
    return fields | {"rate_limit": document["rate_limit"], "webhook_url": document["webhook_url"] or ""}


def _threshold_text(own: Mapping[str, float | None], limit: str) -> str:
    if limit not in own:
        return ""
    value = own[limit]
    return say("settings.never") if value is None else f"{value:g}"


def policy_of_form(site: Site, form: Form) -> Policy:
    """Return the policy that the form describes; whatever it does not show stays as it is.

    Raises:
        InvalidInput: With everything that is wrong.
    """
    faults: list[Fault] = []
    document = _document(form, faults)
    thresholds = _thresholds(form, faults)
    try:
        parsed = parse_body(PolicyIn, json.dumps(document).encode())
    except InvalidInput as error:
        raise InvalidInput(str(error), [*faults, *error.faults]) from None
    if faults:
        raise InvalidInput(say("error.bad-form"), faults)
    merged = services().sites.merged(site.policy, parsed.model_dump(exclude_unset=True))
    return changed(merged, services().judge.thresholds(), thresholds=thresholds)


def _document(form: Form, faults: list[Fault]) -> dict[str, Any]:
    document: dict[str, Any] = {name: _whole(form, name, faults) for name in NUMBERS}
    document |= {name: bool(form.get(name)) for name in SWITCHES}
    document["retention_days"] = {one: _whole(form, f"{one}_days", faults) for one in DAYS}
    for one in LISTS:
        document[one] = {part: _lines(form.get(f"{one}.{part}", "")) for part in PARTS}
    document["rate_limit"] = form.get("rate_limit", "").strip()
    document["webhook_url"] = form.get("webhook_url", "").strip() or None
    return document


def _whole(form: Form, name: str, faults: list[Fault]) -> int:
    text = form.get(name, "").strip()
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return int(text)
    faults.append(Fault(f"/{name}", "not-a-number", say("settings.bad-number")))
    return 1


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _thresholds(form: Form, faults: list[Fault]) -> dict[str, dict[str, float | None]]:
    found: dict[str, dict[str, float | None]] = {}
    for label in LABELS:
        for limit in LIMITS:
            text = form.get(f"{label}.{limit}", "").strip().lower()
            if not text:
                continue
            try:
                found.setdefault(label, {})[limit] = _score(text)
            except ValueError:
                faults.append(Fault(f"/thresholds/{label}/{limit}", "not-a-score", say("settings.bad-score")))
    return found


def _score(text: str) -> float | None:
    if text == say("settings.never"):
        return None
    score = float(text.replace(",", "."))
    if not 0 <= score <= 1:
        raise ValueError("out of range")
    return score


def save(site: Site, policy: Policy) -> None:
    """Make a policy the site's; a label whose thresholds were cleared goes back to the model's own first.

    Raises:
        InvalidInput, SiteChanged: As ``SiteDirectory.change_policy`` does.
    """
    document = stored_policy(policy)
    before = site.policy.thresholds
    cleared = {label: None for label in LABELS if set(before.get(label, ())) - set(policy.thresholds.get(label, ()))}
    if cleared:
        services().sites.change_policy(site.name, {"thresholds": cleared})
    services().sites.change_policy(site.name, document)
