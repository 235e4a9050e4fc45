"""The rows of ``winnow comments export`` and ``import``: JSON Lines, one comment a line.

Owns both shapes an import takes: rows as they were exported, and rows of other systems, which look like submissions to
the API and may carry an address. The address becomes a pseudonym here and goes no further.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from msgspec import to_builtins
from pydantic import AfterValidator, AwareDatetime, Field
from ulid import ULID

from moderation.core.comment import (
    STATUS_OF_ACTION,
    Comment,
    Context,
    Decision,
    Earlier,
    RejectReason,
    Ruling,
    Status,
    Submission,
    Verdict,
)
from moderation.core.errors import Fault, InvalidInput, MalformedBody
from moderation.core.identity import public_name
from moderation.core.reasons import KINDS, Action, Evidence, Reason
from moderation.core.site import Site
from moderation.service.events import decision_document
from moderation.service.importing import Imported
from moderation.service.services import Services
from moderation.web.answers import comment_answer
from moderation.web.parsing import parse_body, submission_of
from moderation.web.schemas import (
    NO_NUL,
    ONE_LINE,
    Content,
    ContentType,
    Identifier,
    Name,
    OptionalUrl,
    Score,
    Strict,
    SubmissionIn,
    Url,
)

ROW_LIMIT_BYTES = 1 << 20
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)  # Before the first web page, so before the first comment.
LATEST = datetime(2200, 1, 1, tzinfo=UTC)

StatusWord = Literal["approved", "pending", "rejected"]
Time = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST), AfterValidator(lambda at: at.astimezone(UTC))]
Weight = Annotated[float, Field(allow_inf_nan=False)]
Index = Annotated[int, Field(ge=0)]


def _known_code(code: str) -> str:
    if code not in KINDS:
        raise ValueError("there is no such reason")
    return code


class EvidenceRow(Strict):
    """A stretch of text that moved the score."""

    start: Index
    end: Index
    text: str
    weight: Weight
    field: Literal["content", "author", "url"] = "content"


class ReasonRow(Strict):
    """One thing that moved the verdict."""

    code: Annotated[str, AfterValidator(_known_code)]
    label: Literal["spam", "toxicity"]
    weight: Weight
    detail: Annotated[str, Field(max_length=1_000, pattern=NO_NUL)]
    evidence: list[EvidenceRow] = Field(default_factory=list, max_length=1_000)


class VerdictRow(Strict):
    """What the machine concluded."""

    action: Literal["approve", "review", "reject"]
    scores: dict[Literal["spam", "toxicity"], Score]
    model: Annotated[str, Field(max_length=200, pattern=ONE_LINE)] | None = None
    reasons: list[ReasonRow] = Field(default_factory=list, max_length=100)


class DecisionRow(Strict):
    """What a person did."""

    decision: Literal["approve", "reject"]
    reason: Literal["spam", "toxic", "off-topic", "other"] | None = None
    moderator: Name = "import"
    note: Annotated[str, Field(max_length=2_000, pattern=NO_NUL)] | None = None
    at: Time


class EarlierRow(Strict):
    """Where a comment stood before a decision."""

    status: StatusWord
    decision: DecisionRow | None = None


class AuthorRow(Strict):
    """A pseudonym; never an address."""

    id: Annotated[str, Field(pattern=r"^k[1-9][0-9]{0,5}\.[a-z2-7]{32}$")] | None = None
    name: Annotated[str, Field(max_length=200, pattern=ONE_LINE)]
    url: OptionalUrl = None
    avatar_url: str | None = None


class ExportedRow(Strict):
    """A comment as ``winnow comments export`` writes it."""

    id: Annotated[str, Field(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$")]
    status: StatusWord
    permalink: Url
    parent_id: Identifier | None = None
    external_id: Identifier | None = None
    author: AuthorRow
    content: Content | None
    content_type: ContentType = "text/plain"
    language: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{2,35}$")] | None = None
    type: Annotated[str, Field(pattern=r"^[\w.-]{1,40}$")] = "comment"
    created_at: Time
    updated_at: Time
    version: Annotated[int, Field(ge=1)] = 1
    edited: bool = False
    verdict: VerdictRow
    decision: DecisionRow | None = None
    history: list[EarlierRow] = Field(default_factory=list, max_length=20)


class ForeignRow(SubmissionIn):
    """A comment of another system: a submission, and what is known of its life so far."""

    status: StatusWord | None = None
    created_at: Time | None = None
    decision: DecisionRow | None = None


def export_row(comment: Comment) -> dict[str, Any]:
    """Return a comment with everything an import needs to bring it back."""
    history = [{"status": one.status.value, "decision": decision_document(one.decision)} for one in comment.history]
    row: dict[str, Any] = to_builtins({**comment_answer(comment), "edited": comment.edited, "history": history})
    return row


def parse_row(line: bytes, *, site: Site, services: Services) -> Imported:
    """Return the comment in one line.

    Raises:
        InvalidInput: With every fault of the line.
        ModelUnavailable: If the row needs a verdict and there is no classifier.
    """
    if len(line) > ROW_LIMIT_BYTES:
        raise MalformedBody("The line is longer than 1 MiB.")
    try:
        if isinstance(_author_of(line), dict):
            return _exported(parse_body(ExportedRow, line), site)
        return _foreign(parse_body(ForeignRow, line), site, services)
    except (MalformedBody, ValueError, RecursionError):
        raise MalformedBody("The line is not valid JSON in UTF-8, or it is nested too deeply.") from None


def _author_of(line: bytes) -> object:
    """Return what tells the two kinds of rows apart: an author is an object in one, a name in the other."""
    row = json.loads(line)
    return row.get("author") if isinstance(row, dict) else None


def _exported(row: ExportedRow, site: Site) -> Imported:
    texts = {"content": row.content or "", "author": row.author.name, "url": row.author.url or ""}
    comment = Comment(
        id=row.id,
        site=site.name,
        status=Status(row.status),
        permalink=row.permalink,
        parent_id=row.parent_id,
        external_id=row.external_id,
        author_id=row.author.id or "",
        author_name=public_name(row.author.name),
        author_url=row.author.url,
        content=row.content,
        content_type=row.content_type,
        language=row.language,
        type=row.type,
        created_at=row.created_at,
        updated_at=row.updated_at,
        version=row.version,
        verdict=_verdict(row.verdict, texts),
        decision=_decision(row.decision),
        history=tuple(Earlier(Status(one.status), _decision(one.decision)) for one in row.history),
        edited=row.edited,
    )
    return Imported(_consistent(comment), (row.author.id,) if row.author.id else ())


def _consistent(comment: Comment) -> Comment:
    """Return the comment if its decision and its status say the same."""
    if comment.decision is None:
        return comment
    ruled = Status.APPROVED if comment.decision.ruling is Ruling.APPROVE else Status.REJECTED
    if comment.status is not ruled:
        fault = Fault("/status", "contradiction", f"The decision says {ruled.value}.")
        raise InvalidInput("The row contradicts itself.", [fault])
    return comment


def _verdict(row: VerdictRow, texts: dict[str, str]) -> Verdict:
    reasons = tuple(_reason(one, f"/verdict/reasons/{index}", texts) for index, one in enumerate(row.reasons))
    scores = {str(label): score for label, score in row.scores.items()}
    return Verdict(action=Action(row.action), scores=scores, reasons=reasons, model=row.model)


def _reason(row: ReasonRow, pointer: str, texts: dict[str, str]) -> Reason:
    for index, one in enumerate(row.evidence):
        if not one.start <= one.end <= len(texts[one.field]):
            fault = Fault(f"{pointer}/evidence/{index}", "out-of-range", "This lies outside of the text.")
            raise InvalidInput("The row contradicts itself.", [fault])
    evidence = tuple(
        Evidence(one.start, one.end, texts[one.field][one.start : one.end], one.weight, one.field)
        for one in row.evidence
    )
    return Reason(row.code, KINDS[row.code].label, row.weight, row.detail, evidence)


def _decision(row: DecisionRow | None) -> Decision | None:
    if row is None:
        return None
    ruling = Ruling(row.decision)
    reason = None if ruling is Ruling.APPROVE else RejectReason(row.reason or "other")
    return Decision(ruling=ruling, reason=reason, moderator=row.moderator, at=row.at, note=row.note)


def _foreign(row: ForeignRow, site: Site, services: Services) -> Imported:
    """Judge a comment of another system; a status or a decision that came with it stands above the verdict.

    Raises:
        ModelUnavailable: Rather than fill the queue with thousands of comments that were not scored.
    """
    _ = services.scorer.model
    lenient = replace(site, policy=replace(site.policy, email_required=False))
    submission = submission_of(row, site=lenient, keyring=services.keyring)
    verdict = services.judge.verdict(submission, Context(), site.policy)
    decision = _decision(row.decision)
    created_at = row.created_at or services.now()
    status = Status(row.status) if row.status else STATUS_OF_ACTION[verdict.action]
    if decision is not None and row.status is None:
        status = Status.APPROVED if decision.ruling is Ruling.APPROVE else Status.REJECTED
    comment = Comment(
        id=_id_of(submission, row.created_at, site),
        site=site.name,
        status=status,
        permalink=submission.permalink,
        parent_id=submission.parent_id,
        external_id=submission.external_id,
        author_id=submission.author.id,
        author_name=submission.author_name,
        author_url=submission.author_url,
        content=submission.content,
        content_type=submission.content_type,
        language=submission.language,
        type=submission.type,
        created_at=created_at,
        updated_at=created_at,
        version=1,
        verdict=verdict,
        decision=decision,
        ip_id=submission.ip_id,
    )
    return Imported(_consistent(comment), submission.author.ids)


def _id_of(submission: Submission, created_at: datetime | None, site: Site) -> str:
    """Return an id that is the same whenever the row is imported again: a ULID whose random part is a hash."""
    own = [submission.external_id] if submission.external_id else [submission.author_name, submission.content]
    parts = json.dumps([site.name, submission.permalink, *own, str(created_at)])
    milliseconds = round(created_at.timestamp() * 1000) if created_at else 0
    digest = hashlib.blake2b(parts.encode("utf-8", "surrogatepass"), digest_size=10).digest()
    return str(ULID.from_bytes(milliseconds.to_bytes(6, "big") + digest))
