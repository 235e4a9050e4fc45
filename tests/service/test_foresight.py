"""Previews: what a policy gives is found anew in stored texts, the rest of a verdict stays what it was."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.core.comment import AuthorRecord, Status
from moderation.core.patterns import ListRules
from moderation.core.policy import Policy, Thresholds
from moderation.core.reasons import Action, Reason, reason
from moderation.service.foresight import Newcomers, action_under
from tests.web.review.seeding import JANE, MALLORY, comment_of

LIMITS = {"spam": Thresholds(0.3, 0.97), "toxicity": Thresholds(0.8, None)}
CASINO = ListRules(words=("casino",))
DOMAINS = ListRules(domains=("bad.example",))
LINKS = "See https://a.example/1 and https://b.example/2 and https://c.example/3."
FINE = {"spam": 0.1, "toxicity": 0.0}


@pytest.mark.parametrize(
    "text, fields, policy, wanted",
    [
        ("A casino.", {}, Policy(block=CASINO), Action.REJECT),
        ("A casino.", {}, Policy(hold=CASINO), Action.REVIEW),
        ("Socialism.", {}, Policy(block=CASINO), Action.APPROVE),
        ("Fine.", {"name": "Casino Royal"}, Policy(block=CASINO), Action.REJECT),
        ("See bad.example/x.", {}, Policy(hold=DOMAINS), Action.REVIEW),
        ("Fine.", {"author_url": "https://shop.bad.example/"}, Policy(block=DOMAINS), Action.REJECT),
        ('<a href="https://bad.example">Hi</a>', {"content_type": "text/html"}, Policy(block=DOMAINS), Action.REJECT),
        (LINKS, {}, Policy(links_allowed=2), Action.REVIEW),
        (LINKS, {}, Policy(links_allowed=3), Action.APPROVE),
        ("Fine.", {}, Policy(hold_first_comment=True), Action.REVIEW),
        ("Fine.", {}, Policy(), Action.APPROVE),
    ],
)
def test_a_policy_finds_its_reasons_in_stored_texts(
    text: str, fields: dict[str, str], policy: Policy, wanted: Action
) -> None:
    comment = comment_of(text, scores=FINE, **fields)

    assert action_under(comment, policy, LIMITS, is_known=False) is wanted


@pytest.mark.parametrize(
    "before, content, policy, wanted",
    [
        (reason("blocked-list"), "Fine.", Policy(), Action.APPROVE),
        (reason("held-list"), "Fine.", Policy(hold=CASINO), Action.APPROVE),
        (reason("too-many-links", count=9, allowed=1), "Fine.", Policy(), Action.APPROVE),
        (reason("first-comment"), "Fine.", Policy(), Action.APPROVE),
        # What a reason stood on may not be stored: an address's domain, a text that is gone.
        (reason("blocked-list"), "Fine.", Policy(block=DOMAINS), Action.REJECT),
        (reason("blocked-list"), None, Policy(block=CASINO), Action.REJECT),
        (reason("blocked-list"), None, Policy(), Action.APPROVE),
        (reason("too-many-links", count=9, allowed=1), None, Policy(), Action.REVIEW),
        # What no policy gives stays.
        (reason("honeypot"), "Fine.", Policy(), Action.REJECT),
        (reason("unscored"), "Fine.", Policy(), Action.REVIEW),
    ],
)
def test_reasons_of_then_count_only_where_they_still_would(
    before: Reason, content: str | None, policy: Policy, wanted: Action
) -> None:
    comment = comment_of(content, scores=FINE, reasons=(before,))  # type: ignore[arg-type]

    assert action_under(comment, policy, LIMITS, is_known=True) is wanted


def test_an_author_is_known_from_their_first_approved_comment_on() -> None:
    first = comment_of("First.", status=Status.APPROVED, age=timedelta(days=5))
    second = comment_of("Second.", age=timedelta(days=3))
    stranger = comment_of("Hello.", author_id=MALLORY)
    nobody = comment_of("Hello.", author_id="")
    trusted = comment_of("Hello.", author_id="", reasons=(reason("author-trusted"),))
    all_of_them = [first, second, stranger, nobody, trusted]

    fresh = Newcomers(all_of_them, {JANE: AuthorRecord(approved=1)})
    old = Newcomers(all_of_them, {JANE: AuthorRecord(approved=2)})

    assert [fresh.knew(one) for one in all_of_them] == [False, True, False, False, True]
    assert [old.knew(one) for one in all_of_them] == [True, True, False, False, True]


@given(st.floats(0, 1), st.floats(0, 1), st.booleans(), st.integers(0, 5))
def test_a_stricter_policy_never_asks_for_less(spam: float, toxicity: float, is_known: bool, links: int) -> None:
    comment = comment_of(LINKS, scores={"spam": spam, "toxicity": toxicity})
    strict = Policy(links_allowed=links, hold_first_comment=True, hold=CASINO)

    lax_action = action_under(comment, Policy(links_allowed=links), LIMITS, is_known=is_known)

    assert action_under(comment, strict, LIMITS, is_known=is_known).severity >= lax_action.severity
