"""What the API takes: pydantic models, which also are its documentation.

Types are strict, unknown fields are refused, and no text may hold a NUL. What the models cannot know
(whether an e-mail or network address is well-formed) is checked in ``parsing``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from moderation.core.patterns import MAX_PATTERN_LENGTH, MAX_PATTERNS, MAX_WORD_LENGTH, MAX_WORDS

URL_PATTERN = r"^[Hh][Tt][Tt][Pp][Ss]?://[^\x00-\x20/?#@]+([/?#][^\x00-\x20]*)?$"
NO_NUL = r"^[^\x00]*$"
ONE_LINE = r"^[^\x00\r\n]*$"
# No \s and \w here: every engine that reads the document has its own idea of them.
_VISIBLE = r"[^\x00-\x20\x7f-\xa0\xad\u2000-\u200f\u2028\u2029\u202f\u205f-\u2064\u3000\ufeff]"
VISIBLE_TEXT = rf"^[^\x00]*{_VISIBLE}[^\x00]*$"
VISIBLE_LINE = rf"^[^\x00\r\n]*{_VISIBLE}[^\x00\r\n]*$"
URL_MAX = 2_000
NAME_MAX = 200
ID_MAX = 255
BATCH_MAX = 100


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _text(pattern: str, least: int, most: int) -> StringConstraints:
    return StringConstraints(pattern=pattern, min_length=least, max_length=most)


Content = Annotated[
    str,
    _text(VISIBLE_TEXT, 1, 65_536),
    Field(description="The comment's text."),
]
Line = Annotated[str, _text(ONE_LINE, 0, 1_000)]
Identifier = Annotated[str, _text(ONE_LINE, 1, ID_MAX)]
Name = Annotated[
    str,
    _text(
        VISIBLE_LINE,
        1,
        NAME_MAX,
    ),
]
Url = Annotated[str, _text(URL_PATTERN, 1, URL_MAX)]
OptionalUrl = Annotated[Url | None, BeforeValidator(_none_if_empty)]
Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
ContentType = Literal["text/plain", "text/html"]


class Strict(BaseModel):
    """Base of all request bodies: strict types, no unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class SubmissionIn(Strict):
    """A comment as a website posts it."""

    content: Content
    permalink: Url = Field(description="The page under which it was written.")
    author: Name = Field(description="The name to publish.")
    author_email: str | None = Field(
        None,
        max_length=1_000,
        json_schema_extra={"format": "email"},
        description="Becomes a keyed pseudonym and is forgotten. Required unless the site's policy says otherwise.",
    )
    author_url: OptionalUrl = Field(None, description="http or https only.")
    content_type: ContentType = "text/plain"
    parent_id: Identifier | None = None
    external_id: Identifier | None = Field(None, description="The website's own id, returned as it is.")
    user_ip: str | None = Field(None, max_length=64, description="Kept only as a keyed hash of its /24 or /48.")
    user_agent: Line | None = Field(None, description="Accepted, not stored.")
    referrer: Annotated[str, _text(ONE_LINE, 0, URL_MAX)] | None = Field(None, description="Accepted, not stored.")
    type: Annotated[str, _text(r"^[A-Za-z0-9_.-]+$", 1, 40)] = "comment"
    language: Annotated[str, _text(r"^[A-Za-z0-9-]+$", 2, 35)] | None = Field(
        None, description="BCP 47, such as de-AT."
    )
    honeypot: Annotated[str, _text(NO_NUL, 0, 1_000)] = Field("", description="A field that people cannot see.")
    form_seconds: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] | None = Field(
        None, description="Seconds between showing and sending the form."
    )
    author_is_trusted: bool = Field(False, description="The website vouches for the author, a signed-in editor say.")


class EditIn(Strict):
    """New content of a comment."""

    content: Content
    content_type: ContentType | None = None
    author: Name | None = None
    author_url: OptionalUrl = None
    language: Annotated[str, _text(r"^[A-Za-z0-9-]+$", 2, 35)] | None = None
    version: Annotated[int, Field(ge=1)] | None = Field(None, description="Refuse with 409 unless it is current.")


class DecisionIn(Strict):
    """What a person decided."""

    decision: Literal["approve", "reject"]
    reason: Literal["spam", "toxic", "off-topic", "other"] | None = Field(None, description="Only with reject.")
    note: Annotated[str, _text(NO_NUL, 0, 2_000)] | None = None
    moderator: Name = "api"
    version: Annotated[int, Field(ge=1)] | None = Field(None, description="Refuse with 409 unless it is current.")
    override: bool = Field(False, description="Decide although the comment is not pending.")


class UndoIn(Strict):
    """Who takes the last decision back."""

    moderator: Name = "api"
    version: Annotated[int, Field(ge=1)] | None = None


class CheckIn(Strict):
    """Up to 100 submissions to be judged without storing them."""

    comments: Annotated[list[SubmissionIn], Field(min_length=1, max_length=BATCH_MAX)]


class ErasureIn(Strict):
    """Whose comments shall be forgotten."""

    author_email: Annotated[str, Field(max_length=1_000, json_schema_extra={"format": "email"})]


class ThresholdsIn(Strict):
    """Scores at which the action changes; null means never."""

    review: Score | None = None
    reject: Score | None = None


class LabelThresholdsIn(Strict):
    """Thresholds of each label; null in place of a label goes back to the model's own."""

    spam: ThresholdsIn | None = None
    toxicity: ThresholdsIn | None = None


class ListIn(Strict):
    """A list: words at word boundaries, RE2 patterns, domains with their subdomains. Each part replaces the old one."""

    words: Annotated[
        list[
            Annotated[
                str,
                _text(
                    VISIBLE_LINE,
                    1,
                    MAX_WORD_LENGTH,
                ),
            ]
        ],
        Field(max_length=MAX_WORDS),
    ] = []
    patterns: Annotated[list[Annotated[str, _text(NO_NUL, 1, MAX_PATTERN_LENGTH)]], Field(max_length=MAX_PATTERNS)] = []
    domains: Annotated[
        list[Annotated[str, _text(r"^[^\x00-\x20/@:A-Z.]+(\.[^\x00-\x20/@:A-Z.]+)+$", 3, 253)]],
        Field(max_length=MAX_WORDS),
    ] = []


class RetentionIn(Strict):
    """Days for which things are kept."""

    rejected: Annotated[int, Field(ge=0, le=3_650, description="Until a rejected comment loses its text.")] = 30
    labels: Annotated[int, Field(ge=1, le=3_650, description="Until a training label goes.")] = 730


class PolicyIn(Strict):
    """A change to a site's policy; what is left out stays as it is."""

    thresholds: LabelThresholdsIn = LabelThresholdsIn()
    links_allowed: Annotated[int, Field(ge=0, le=1_000)] = 3
    hold_first_comment: bool = False
    email_required: bool = True
    rate_limit: Annotated[str, _text(r"^(off|[1-9][0-9]{0,5}/(second|minute|hour))$", 3, 14)] = "60/minute"
    block: ListIn = ListIn()
    hold: ListIn = ListIn()
    trust_after_approved: Annotated[int, Field(ge=0, le=1_000_000)] = 5
    retention_days: RetentionIn = RetentionIn()
    webhook_url: Url | None = None
    allowed_attributes: Literal["strict", "lenient"] = "strict"
    akismet_borderline: Literal["spam", "ham"] = Field(
        "spam", description="What Akismet's clients without a callback are told about a borderline comment."
    )
    akismet_discard: Score | None = Field(
        None, description="Spam score from which Akismet's clients are told that they may drop the comment unseen."
    )
    akismet_review_days: Annotated[int, Field(ge=1, le=90)] = Field(
        7, description="Days after which WordPress publishes by itself what nobody has looked at."
    )


class SiteTestIn(Strict):
    """A text to try a policy on."""

    content: Content
    content_type: ContentType = "text/plain"
    author: Name = "Somebody"
    author_url: OptionalUrl = None
    policy: PolicyIn = Field(PolicyIn(), description="Changes to try, on top of the site's own policy.")
