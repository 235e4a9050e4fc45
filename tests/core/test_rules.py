"""What rules say of a submission without the classifier."""

from __future__ import annotations

import pytest

from moderation.core import rules
from moderation.core.comment import AuthorIdentity, AuthorRecord, Context, EmailFacts, Submission
from moderation.core.patterns import ListRules
from moderation.core.policy import Policy
from moderation.core.reasons import KINDS, Reason
from moderation.core.text import plain_text

PAGE = "https://news.example/a/42"


def submission(content: str = "Nice article.", **fields: object) -> Submission:
    return Submission(**{"content": content, "permalink": PAGE, "author_name": "Mallory", **fields})  # type: ignore[arg-type]


def evaluate(
    one: Submission, *, author: AuthorRecord | None = None, copies: int = 0, **policy: object
) -> dict[str, Reason]:
    plain = plain_text(one.content, one.content_type)
    context = Context(author=author or AuthorRecord(), recent_copies=copies)
    found = rules.evaluate(one, plain, context, Policy(**policy))  # type: ignore[arg-type]
    assert len({reason.code for reason in found}) == len(found), "a rule speaks once"
    return {reason.code: reason for reason in found}


def test_an_honest_comment_gives_no_reason() -> None:
    assert evaluate(submission("I disagree; see https://a.example for the figures.")) == {}


@pytest.mark.parametrize(
    "fields, author, code",
    [
        ({"honeypot": "x"}, AuthorRecord(), "honeypot"),
        ({}, AuthorRecord(is_banned=True), "banned-author"),
        ({"form_seconds": 2.9}, AuthorRecord(), "fast-form"),
        ({"form_seconds": 0.0}, AuthorRecord(), "fast-form"),
        ({"content": "look https://bit.ly/x"}, AuthorRecord(), "shortener-link"),
        ({"author_is_trusted": True}, AuthorRecord(), "author-trusted"),
        ({}, AuthorRecord(is_trusted=True), "author-trusted"),
        ({}, AuthorRecord(approved=5), "author-trusted"),
        ({}, AuthorRecord(rejected=1), "author-rejected-before"),
        (
            {"author": AuthorIdentity("k1.x", ("k1.x",), EmailFacts("t.example", is_disposable=True))},
            AuthorRecord(),
            "disposable-email",
        ),
    ],
)
def test_each_rule_fires_alone(fields: dict[str, object], author: AuthorRecord, code: str) -> None:
    content = str(fields.pop("content", "Nice article."))

    assert set(evaluate(submission(content, **fields), author=author)) == {code}


@pytest.mark.parametrize(
    "fields, author",
    [
        ({"honeypot": "  "}, AuthorRecord()),
        ({"form_seconds": 3.0}, AuthorRecord()),
        ({"form_seconds": None}, AuthorRecord()),
        ({}, AuthorRecord(approved=4)),
        ({}, AuthorRecord(pending=50)),
    ],
)
def test_no_rule_fires_below_its_limit(fields: dict[str, object], author: AuthorRecord) -> None:
    assert evaluate(submission(**fields), author=author) == {}


def test_trust_is_earned_without_rejections_only() -> None:
    assert "author-trusted" not in evaluate(submission(), author=AuthorRecord(approved=50, rejected=1))
    assert "author-trusted" not in evaluate(submission(), author=AuthorRecord(approved=50), trust_after_approved=0)


def test_links_are_counted_against_the_sites_limit() -> None:
    text = " ".join(f"https://a{number}.example" for number in range(4))

    assert "too-many-links" in evaluate(submission(text))
    assert "too-many-links" not in evaluate(submission(text), links_allowed=4)
    assert "Links: 4; the site allows 3." in evaluate(submission(text))["too-many-links"].detail


def test_links_in_markup_count() -> None:
    markup = "".join(f'<a href="https://a{number}.example">x</a>' for number in range(4))

    assert "too-many-links" in evaluate(submission(markup, content_type="text/html"))
    assert "shortener-link" in evaluate(submission('<a href="https://bit.ly/1">x</a>', content_type="text/html"))


@pytest.mark.parametrize(
    "author, is_held",
    [
        (AuthorRecord(), True),
        (AuthorRecord(pending=3, rejected=1), True),
        (AuthorRecord(approved=1), False),
        (AuthorRecord(is_trusted=True), False),
    ],
)
def test_first_comments_are_held_where_the_site_wants_it(author: AuthorRecord, is_held: bool) -> None:
    assert ("first-comment" in evaluate(submission(), author=author, hold_first_comment=True)) is is_held


def test_a_vouched_for_author_has_no_first_comment() -> None:
    assert "first-comment" not in evaluate(submission(author_is_trusted=True), hold_first_comment=True)


@pytest.mark.parametrize(
    "one",
    [
        submission("buy at casino.example now"),
        submission("x", author_url="https://www.casino.example/"),
        submission('<a href="https://casino.example">x</a>', content_type="text/html"),
        submission("x", author=AuthorIdentity("k1.x", ("k1.x",), EmailFacts("casino.example"))),
    ],
    ids=["bare", "author's URL", "markup", "address"],
)
def test_a_listed_domain_is_found_wherever_it_stands(one: Submission) -> None:
    listed = ListRules(domains=("casino.example",))

    assert "blocked-list" in evaluate(one, block=listed)
    assert "held-list" in evaluate(one, hold=listed)


def test_evidence_points_into_what_was_sent() -> None:
    listed = ListRules(words=("casino",))
    plain = evaluate(submission("my casino"), block=listed)["blocked-list"].evidence
    markup = evaluate(submission("<b>my casino</b>", content_type="text/html"), block=listed)["blocked-list"].evidence
    name = evaluate(submission("<b>x</b>", content_type="text/html", author_name="casino"), block=listed)

    assert [(one.start, one.end) for one in plain] == [(3, 9)]
    assert markup == (), "offsets of the reduced text would be wrong in the original"
    assert [one.field for one in name["blocked-list"].evidence] == ["author"]


def test_a_copy_counts_from_the_third_on_and_weighs_more_each_time() -> None:
    weights = [evaluate(submission(), copies=copies)["copy-of-recent"].weight for copies in (2, 3, 10, 10_000)]

    assert "copy-of-recent" not in evaluate(submission(), copies=1)
    assert weights == sorted(weights)
    assert weights[0] == KINDS["copy-of-recent"].weight
    assert weights[-1] == 4 * KINDS["copy-of-recent"].weight


def test_disguised_letters_matter_from_the_third_on() -> None:
    assert rules.obfuscation(2) == ()
    assert [reason.code for reason in rules.obfuscation(3)] == ["obfuscated-text"]
