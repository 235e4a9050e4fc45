"""A policy's document: what the store keeps and the API shows comes back as the same policy."""

from __future__ import annotations

import json
from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from moderation.core.patterns import ListRules
from moderation.core.policy import LABELS, Policy, RateLimit, Thresholds
from moderation.core.site import policy_document, policy_of, stored_policy

LIMIT = st.none() | st.floats(0, 1)
TEXTS = st.lists(st.text(max_size=5), max_size=3).map(tuple)
POLICIES = st.builds(
    Policy,
    thresholds=st.dictionaries(
        st.sampled_from(LABELS), st.dictionaries(st.sampled_from(["review", "reject"]), LIMIT, max_size=2)
    ),
    links_allowed=st.integers(0, 1000),
    hold_first_comment=st.booleans(),
    email_required=st.booleans(),
    rate_limit=st.none() | st.builds(RateLimit, st.integers(1, 1_000_000), st.sampled_from([1, 60, 3600])),
    block=st.builds(ListRules, TEXTS, TEXTS, TEXTS),
    hold=st.builds(ListRules, TEXTS, TEXTS, TEXTS),
    trust_after_approved=st.integers(0, 9),
    rejected_days=st.integers(0, 99),
    labels_days=st.integers(1, 999),
    webhook_url=st.none() | st.just("https://hooks.example/"),
)
DESIGN_DEFAULTS = {
    "links_allowed": 3,
    "hold_first_comment": False,
    "email_required": True,
    "rate_limit": "60/minute",
    "block": {"words": [], "patterns": [], "domains": []},
    "hold": {"words": [], "patterns": [], "domains": []},
    "trust_after_approved": 5,
    "retention_days": {"rejected": 30, "labels": 730},
    "webhook_url": None,
    "allowed_attributes": "strict",
}


@given(POLICIES)
def test_a_policy_survives_the_store(policy: Policy) -> None:
    assert policy_of(json.loads(json.dumps(stored_policy(policy)))) == policy


def test_an_empty_document_is_the_default_policy() -> None:
    assert policy_of({}) == Policy()


def test_every_field_of_a_policy_is_kept() -> None:
    stored = json.dumps(stored_policy(Policy()))

    assert len(fields(Policy)) == len(json.loads(stored)) + 1, "retention_days holds two fields"


def test_the_defaults_are_those_of_the_design() -> None:
    model = {"spam": Thresholds(0.31, 0.97), "toxicity": Thresholds(0.8, None)}
    document = policy_document(Policy(), model)

    assert document["thresholds"] == {
        "spam": {"review": 0.31, "reject": 0.97},
        "toxicity": {"review": 0.8, "reject": None},
    }
    assert DESIGN_DEFAULTS.items() <= document.items()
