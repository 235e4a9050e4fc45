"""A site that uses Winnow, and the document form of its policy.

Owns ``Site`` and the one translation between ``Policy`` and the JSON shape that the API shows and the store keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moderation.core.patterns import ListRules
from moderation.core.policy import Policy, Thresholds, parse_rate_limit


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key of a site; only its keyed hash is known.

    Attributes:
        id: Short name to revoke it by.
    """

    id: str
    digest: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A registered site.

    Attributes:
        name: What it is called everywhere; lower-case letters, digits and hyphens.
        version: Rises with every change, so that caches notice.
        webhook_generation: Which of the site's derived webhook secrets is in use.
        webhook_disabled: Why deliveries stopped, or None.
        coral_secrets: With which Coral signs what it sends us, newest first; sealed.
        coral_access: Where decisions are told to Coral, and with which token; sealed, or None.
    """

    name: str
    url: str
    created_at: datetime
    version: int = 1
    policy: Policy = field(default_factory=Policy)
    keys: tuple[ApiKey, ...] = ()
    webhook_generation: int = 1
    webhook_disabled: str | None = None
    coral_secrets: tuple[str, ...] = ()
    coral_access: str | None = None


def policy_document(policy: Policy, model: Mapping[str, Thresholds]) -> dict[str, Any]:
    """Return the policy as the API shows it, with the thresholds in force."""
    document = stored_policy(policy)
    document["thresholds"] = {
        label: {"review": limits.review, "reject": limits.reject} for label, limits in policy.effective(model).items()
    }
    return document


def stored_policy(policy: Policy) -> dict[str, Any]:
    """Return the policy as the store keeps it: only the thresholds that the site set itself."""
    return {
        "thresholds": {label: dict(own) for label, own in policy.thresholds.items()},
        "links_allowed": policy.links_allowed,
        "hold_first_comment": policy.hold_first_comment,
        "email_required": policy.email_required,
        "rate_limit": str(policy.rate_limit) if policy.rate_limit else "off",
        "block": _list_document(policy.block),
        "hold": _list_document(policy.hold),
        "trust_after_approved": policy.trust_after_approved,
        "retention_days": {"rejected": policy.rejected_days, "labels": policy.labels_days},
        "webhook_url": policy.webhook_url,
        "allowed_attributes": policy.allowed_attributes,
        "akismet_borderline": policy.akismet_borderline,
        "akismet_discard": policy.akismet_discard,
        "akismet_review_days": policy.akismet_review_days,
    }


def _list_document(rules: ListRules) -> dict[str, list[str]]:
    return {"words": list(rules.words), "patterns": list(rules.patterns), "domains": list(rules.domains)}


def policy_of(document: Mapping[str, Any]) -> Policy:
    """Return the policy of a stored document; fields that an older version did not write have their defaults."""
    return Policy(**policy_fields(document))


def policy_fields(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of ``Policy`` that a document, or part of one, sets; thresholds are taken as they are."""
    plain = (
        "thresholds",
        "links_allowed",
        "hold_first_comment",
        "email_required",
        "trust_after_approved",
        "webhook_url",
        "allowed_attributes",
        "akismet_borderline",
        "akismet_discard",
        "akismet_review_days",
    )
    fields = {name: document[name] for name in plain if name in document}
    fields |= {name: _list_of(document[name]) for name in ("block", "hold") if name in document}
    if "rate_limit" in document:
        fields["rate_limit"] = parse_rate_limit(document["rate_limit"])
    days = document.get("retention_days", {})
    return fields | {f"{name}_days": days[name] for name in ("rejected", "labels") if name in days}


def _list_of(document: Mapping[str, Any]) -> ListRules:
    return ListRules(*(tuple(document.get(name, ())) for name in ("words", "patterns", "domains")))
