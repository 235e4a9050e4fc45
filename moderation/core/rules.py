"""What can be said about a submission without the classifier.

Owns the rules; each gives at most one reason. Pure: what they need to know comes with the submission, the context that
the store read, and the site's policy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from moderation.core import text
from moderation.core.comment import Context, Submission
from moderation.core.patterns import NO_RULES, ListRules, find_hit
from moderation.core.policy import Policy
from moderation.core.reasons import KINDS, Evidence, Reason, reason

FAST_FORM_SECONDS = 3.0  # People need longer than this to write and send even "Thanks!".
COPIES_NOTICED = 2  # Earlier near-copies within the last day from which on a text counts as copied.
OBFUSCATION_NOTICED = 3  # Undone characters; one or two occur in honest text (a pasted word, a soft hyphen).


def evaluate(submission: Submission, plain: str, context: Context, policy: Policy) -> tuple[Reason, ...]:
    """Return the reasons that the rules give, hard ones first.

    Args:
        submission: What the site posted.
        plain: Its text without markup.
        context: What the store knows about the author and about copies.
        policy: The site's.
    """
    links = text.links(plain if submission.content_type != "text/html" else submission.content)
    found = [
        *_hard(submission, context),
        *_lists(submission, plain, policy),
        *_links(links, policy),
        *_first(submission, context, policy),
        *_form(submission),
        *_author(submission, context, policy),
        *_copies(context),
    ]
    return tuple(found)


def approvals_that_matter(policy: Policy) -> int:
    """Return from how many approvals on an author's record bears on a verdict by itself; 0 if it never does."""
    return 1 if policy.hold_first_comment else policy.trust_after_approved


def obfuscation(undone: int) -> tuple[Reason, ...]:
    """Return the reason for disguised letters, if normalising undid enough of them to matter."""
    return (reason("obfuscated-text", count=undone),) if undone >= OBFUSCATION_NOTICED else ()


def _hard(submission: Submission, context: Context) -> Iterator[Reason]:
    if submission.honeypot.strip():
        yield reason("honeypot")
    if context.author.is_banned:
        yield reason("banned-author")


def _lists(submission: Submission, plain: str, policy: Policy) -> Iterator[Reason]:
    for code, rules in (("blocked-list", policy.block), ("held-list", policy.hold)):
        hit = _hit(submission, plain, rules)
        if hit is not None:
            yield reason(code, evidence=hit)


def _hit(submission: Submission, plain: str, rules: ListRules) -> tuple[Evidence, ...] | None:
    if rules is NO_RULES or rules == NO_RULES:
        return None
    url = submission.author_url or ""
    fields = (("content", plain), ("author", submission.author_name), ("url", url))
    named = text.hosts(plain) | text.hosts(submission.content) | {text.host(url), submission.author.facts.domain}
    hit = find_hit(rules, fields, named)
    if hit and submission.content != plain:
        return tuple(span for span in hit if span.field != "content")
    return hit


def _links(links: tuple[str, ...], policy: Policy) -> Iterator[Reason]:
    if len(links) > policy.links_allowed:
        yield reason("too-many-links", count=len(links), allowed=policy.links_allowed)
    if any(text.host(link) in text.SHORTENERS for link in links):
        yield reason("shortener-link")


def _first(submission: Submission, context: Context, policy: Policy) -> Iterator[Reason]:
    is_known = submission.author_is_trusted or context.author.is_trusted or context.author.approved > 0
    if policy.hold_first_comment and not is_known:
        yield reason("first-comment")


def _form(submission: Submission) -> Iterator[Reason]:
    seconds = submission.form_seconds
    if seconds is not None and seconds < FAST_FORM_SECONDS:
        yield reason("fast-form", seconds=f"{seconds:.1f}")
    if submission.author.facts.is_malformed:
        yield reason("malformed-email")
    if submission.author.facts.is_disposable:
        yield reason("disposable-email")


def _author(submission: Submission, context: Context, policy: Policy) -> Iterator[Reason]:
    author = context.author
    has_earned_it = 0 < policy.trust_after_approved <= author.approved and author.rejected == 0
    if submission.author_is_trusted or author.is_trusted or has_earned_it:
        yield reason("author-trusted")
    if author.rejected > 0:
        yield reason(
            "author-rejected-before", count=author.rejected, weight=_growing("author-rejected-before", author.rejected)
        )


def _copies(context: Context) -> Iterator[Reason]:
    if context.recent_copies >= COPIES_NOTICED:
        weight = _growing("copy-of-recent", context.recent_copies - COPIES_NOTICED + 1)
        yield reason("copy-of-recent", count=context.recent_copies, weight=weight)


def _growing(code: str, count: int) -> float:
    """Return the kind's weight, growing with the logarithm of the count and at most fourfold."""
    return round(KINDS[code].weight * min(4.0, 1.0 + math.log2(count)), 3)
