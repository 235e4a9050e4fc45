"""What a card shows: a comment, why it waits, who wrote it, and its copies.

Owns turning stored comments into what the templates print, within a budget of bytes a page, so that a page of huge or
hostile comments ships and lays out as quickly as one of short ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urlsplit

from markupsafe import Markup
from msgspec import structs

from moderation.core.comment import AuthorRecord, Comment, Status, Verdict
from moderation.core.policy import Thresholds
from moderation.core.reasons import KINDS, Reason
from moderation.core.text import links, plain_text
from moderation.service.copies import PLACES
from moderation.service.desk import Card
from moderation.store.reviews import Note
from moderation.web.auth import services
from moderation.web.review import marks, times
from moderation.web.review.gate import bp
from moderation.web.review.marks import Shown, Stretch
from moderation.web.review.texts import count, say

PAGE_BYTES = 44_000  # Of text, names, addresses and quotations on one page of cards.
CARD_CHARACTERS = 1_200
CARD_BYTES = 5_000
LEAST_BYTES = 900  # What a card may use when the page's bytes are spent.
COPIES_A_PAGE = 150  # Rows of copies; each is about 300 bytes.
SNIPPET = 90
COPY_NAME = 40
ROW_SNIPPET = 160
PARENT_CHARACTERS = 160
SHORT_CHARACTERS = 200
SHORT_BYTES = 300
ODD_PLACES = 14  # Copies that agree in fewer places are left out unless they are ticked.
LINKS_SHOWN = 5
REASONS_SHOWN = 6
TELLING_SCORE = 0.1  # Below it a label is out of the question.
_SCORE_WORDS = (0.1, 0.35, 0.65, 0.9)
_OUR_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
Limited = tuple[str, tuple[tuple[str, int], ...]]  # A card's site, and as many of its members as the page shows.


@dataclass(frozen=True, slots=True)
class ScoreView:
    """A score as number and word."""

    label: str
    number: str
    word: str


@dataclass(frozen=True, slots=True)
class ReasonView:
    """A reason as a sentence; ``sign`` is ``against``, ``for`` or ``none``."""

    sign: str
    sentence: str


@dataclass(frozen=True, slots=True)
class CopyView:
    """One row of a card's copies."""

    comment: Comment
    name: str
    percent: int
    snippet: str
    is_odd: bool
    is_known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CardView:
    """All that a card prints."""

    comment: Comment
    name: Markup
    plain_name: str
    website: Markup
    text: Shown
    links: tuple[Markup, ...]
    place: str
    scores: tuple[ScoreView, ...]
    reasons: tuple[ReasonView, ...]
    author: AuthorRecord
    holder: str
    notes: tuple[Note, ...]
    parent: Comment | None = None
    parent_text: Markup = field(default_factory=Markup)
    copies: tuple[CopyView, ...] = ()
    copies_about: str = ""

    @property
    def ticked(self) -> int:
        """Return how many comments the card's buttons decide."""
        return sum(not one.is_odd for one in self.copies) or 1


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the store knows about the comments of a page, read in few round trips."""

    authors: Mapping[str, AuthorRecord]
    holders: Mapping[str, str]
    notes: Mapping[str, list[Note]]
    parents: Mapping[tuple[str, str], Comment] = field(default_factory=dict)

    def with_those_of(self, other: Surroundings) -> Surroundings:
        """Return these and those of another site; author ids differ between sites, even of one person."""
        return Surroundings(
            {**self.authors, **other.authors},
            {**self.holders, **other.holders},
            {**self.notes, **other.notes},
            {**self.parents, **other.parents},
        )


def surroundings(site: str, comments: Sequence[Comment], *, me: str) -> Surroundings:
    """Read authors, holders and notes of some comments; one's own claims are not shown."""
    ids = [one.id for one in comments]
    author_ids = sorted({one.author_id for one in comments if one.author_id})
    holders = services().queue.holders(site, ids)
    return Surroundings(
        authors=services().reviews.authors(site, author_ids),
        holders={one: name for one, name in holders.items() if name != me},
        notes=services().reviews.notes(site, comment_ids=ids, author_ids=author_ids),
        parents=_parents(site, comments),
    )


def _parents(site: str, comments: Sequence[Comment]) -> dict[tuple[str, str], Comment]:
    """Return the comments that some are replies to, where the website named them by our ids."""
    named = {one.parent_id for one in comments if one.parent_id and _OUR_ID.fullmatch(one.parent_id)}
    found = services().comments.get_many(site, sorted(named)) if named else []
    return {(site, one.id): one for one in found}


def is_waiting(comment: Comment) -> bool:
    """Return whether a comment is in the queue."""
    return comment.status is Status.PENDING


def queue_cards(cards: Sequence[Card], *, me: str, shows: Callable[[Comment], bool] = is_waiting) -> list[CardView]:
    """Return the views of a page of cards; comments that left the list meanwhile are left out."""
    wanted = _limited(cards)
    found, around = _read(wanted, me=me, shows=shows)
    views, spent = [], 0
    for _, members in wanted:
        if members[0][0] not in found:
            continue
        budget = max(LEAST_BYTES, min(CARD_BYTES, PAGE_BYTES - spent))
        view = _with_copies(card_view(found[members[0][0]], around, budget=budget), members, found, around)
        spent += len(view.text.markup) + len(view.name) + len(view.website) + len(view.parent_text)
        spent += sum(map(len, view.links))
        views.append(view)
    return views


def _read(
    wanted: Sequence[Limited], *, me: str, shows: Callable[[Comment], bool]
) -> tuple[dict[str, Comment], Surroundings]:
    """Return the comments of some cards that are to be shown still, and what surrounds them, read once a site."""
    ids: dict[str, list[str]] = {}
    for site, members in wanted:
        ids.setdefault(site, []).extend(one for one, _ in members)
    waiting: dict[str, Comment] = {}
    around = Surroundings({}, {}, {})
    for site, of_site in ids.items():
        found = [one for one in services().comments.get_many(site, of_site) if shows(one)]
        waiting |= {one.id: one for one in found}
        around = around.with_those_of(surroundings(site, found, me=me))
    return waiting, around


def _limited(cards: Sequence[Card]) -> list[Limited]:
    left = COPIES_A_PAGE
    wanted = []
    for card in cards:
        kept = card.members[: max(1, left)]
        left -= len(kept) - 1
        wanted.append((card.site, kept))
    return wanted


def card_view(
    comment: Comment, around: Surroundings, *, budget: int = CARD_BYTES, characters: int = CARD_CHARACTERS
) -> CardView:
    """Return what a card, or the comment's own page, shows of one comment."""
    reasons = telling(comment.verdict)
    is_html = comment.content_type == "text/html"
    plain = plain_text(comment.content or "", comment.content_type)
    found = _relocated(reasons, plain) if is_html else marks.stretches(reasons)
    hidden_links = links(comment.content or "") if is_html else ()
    notes = [*around.notes.get(comment.id, ()), *around.notes.get(comment.author_id, ())]
    parent = around.parents.get((comment.site, comment.parent_id or ""))
    return CardView(
        comment=comment,
        name=_short(comment.author_name, marks.stretches(reasons, "author")) or Markup(say("card.name-missing")),  # noqa: S704
        plain_name=plain_name(comment),
        website=_short(comment.author_url, marks.stretches(reasons, "url")),
        text=marks.shown(plain, found, characters=characters, markup_bytes=budget),
        links=tuple(_short(one) for one in hidden_links[: LINKS_SHOWN if budget > LEAST_BYTES else 1]),
        place=place(comment.permalink),
        scores=score_views(comment.verdict),
        reasons=reason_views(comment.verdict),
        parent=parent,
        parent_text=_quoted(parent),
        author=around.authors.get(comment.author_id, AuthorRecord()),
        holder=around.holders.get(comment.id, ""),
        notes=tuple(sorted(notes, key=lambda note: note.at)),
    )


def plain_name(comment: Comment) -> str:
    """Return the author's name for labels and titles: short, without characters that reorder or hide."""
    kept = "".join(one for one in comment.author_name[:60] if one.isprintable())
    return kept.strip() or say("card.name-missing")


def _quoted(parent: Comment | None) -> Markup:
    """Return the beginning of what a comment answers; here its disguises matter to nobody and are left out."""
    if parent is None:
        return Markup("")
    return marks.legible(marks.plain(snippet(parent)[:PARENT_CHARACTERS]))


def _short(text: str | None, found: Sequence[Stretch] = ()) -> Markup:
    """Return a name or an address as markup of few bytes, however it is disguised."""
    return marks.shown(text, found, characters=SHORT_CHARACTERS, markup_bytes=SHORT_BYTES).markup


@bp.context_processor
def _template_words() -> dict[str, object]:
    return {"snippet": snippet, "plain_name": plain_name}


def snippet(comment: Comment) -> str:
    """Return the beginning of a comment for a row of a list, on one line."""
    text = " ".join(plain_text((comment.content or "")[: ROW_SNIPPET * 8], comment.content_type).split())
    return text if len(text) <= ROW_SNIPPET else f"{text[:ROW_SNIPPET]}\u2026"


def _relocated(reasons: Sequence[Reason], plain: str) -> list[Stretch]:
    """Find evidence, whose offsets are those of the markup, in the text that the markup shows."""
    moved = []
    for reason in reasons:
        places = [(plain.find(one.text), one) for one in reason.evidence if one.field == "content" and one.text]
        found = tuple(structs.replace(one, start=at, end=at + len(one.text)) for at, one in places if at >= 0)
        moved.append(structs.replace(reason, evidence=found))
    return marks.stretches(moved)


def place(permalink: str) -> str:
    """Return a page's address for reading: without scheme and query, shortened in the middle."""
    parts = urlsplit(permalink)
    text = f"{parts.netloc}{parts.path}".rstrip("/") or permalink
    return text if len(text) <= 60 else f"{text[:36]}\u2026{text[-22:]}"


def score_views(verdict: Verdict) -> tuple[ScoreView, ...]:
    """Return each score as number and word."""
    return tuple(_score(label, score) for label, score in sorted(verdict.scores.items()))


def telling(verdict: Verdict) -> list[Reason]:
    """Return the reasons without those that only say that an unlikely label is unlikely.

    The classifier speaks about every label. What it says about one that is far from mattering hides what matters, so it
    is left out, except for the likeliest label: a card always says something about the text.
    """
    likeliest = max(verdict.scores, key=lambda label: verdict.scores[label], default="")
    return [
        one
        for one in verdict.reasons
        if one.code != f"model-{one.label}"
        or one.label == likeliest
        or verdict.scores.get(one.label, 1.0) >= TELLING_SCORE
    ]


def reason_views(verdict: Verdict) -> tuple[ReasonView, ...]:
    """Return the strongest telling reasons as sentences, what speaks against the comment first."""
    limits = services().judge.thresholds()
    views = [_reason(one, verdict, limits) for one in telling(verdict)[:REASONS_SHOWN]]
    return tuple(sorted(views, key=lambda view: view.sign != "against"))


def _score(label: str, score: float) -> ScoreView:
    step = sum(score >= limit for limit in _SCORE_WORDS)
    return ScoreView(say(f"label.{label}"), f"{score:.2f}", say(f"score.{step}"))


def _reason(reason: Reason, verdict: Verdict, limits: Mapping[str, Thresholds]) -> ReasonView:
    is_against = KINDS[reason.code].action is not None or reason.weight > 0 or _is_held_for(reason, verdict, limits)
    return ReasonView("against" if is_against else "for" if reason.weight < 0 else "none", reason.detail)


def _is_held_for(reason: Reason, verdict: Verdict, limits: Mapping[str, Thresholds]) -> bool:
    """Return whether the classifier's word, though below one half, is enough to have a person look."""
    limit = limits.get(reason.label, Thresholds()).review
    is_models = reason.code == f"model-{reason.label}"
    return is_models and limit is not None and verdict.scores.get(reason.label, 0.0) >= limit


def _with_copies(
    view: CardView, members: Sequence[tuple[str, int]], found: Mapping[str, Comment], around: Surroundings
) -> CardView:
    present = [(found[one], places) for one, places in members if one in found]
    if len(present) < 2:
        return view
    rows = [_copy(comment, places, view.comment, around) for comment, places in present]
    rows.sort(key=lambda row: (not row.is_odd, row.percent, row.comment.created_at))
    return replace(view, copies=tuple(rows), copies_about=_about([comment for comment, _ in present]))


def _copy(comment: Comment, places: int, leader: Comment, around: Surroundings) -> CopyView:
    author = around.authors.get(comment.author_id, AuthorRecord())
    is_known = author.approved > 0 or author.is_trusted
    is_first = comment.id == leader.id
    return CopyView(
        comment=comment,
        percent=round(100 * places / PLACES),
        name=marks.plain(comment.author_name[:COPY_NAME]),
        snippet=marks.plain(_difference(comment.content or "", "" if is_first else leader.content or "")),
        is_odd=not is_first and (places < ODD_PLACES or is_known),
        is_known=is_known,
    )


def _difference(text: str, other: str) -> str:
    """Return the part of a copy that differs from the shown one, or its beginning where nothing does."""
    if text == other or not other:
        return text[:SNIPPET]
    start = _common(text, other)
    end = _common(text[start:][::-1], other[start:][::-1])
    from_here = max(0, start - 20)
    return f"\u2026{text[from_here : max(len(text) - end + 10, start)]}"[:SNIPPET]


def _common(one: str, other: str) -> int:
    """Return how many characters two texts have in common at the beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _about(comments: Sequence[Comment]) -> str:
    times_posted: list[datetime] = [one.created_at for one in comments]
    within = (max(times_posted) - min(times_posted)).total_seconds()
    return say(
        "copies.about",
        authors=count("copies.authors", len({one.author_id or one.id for one in comments})),
        pages=count("copies.pages", len({one.permalink for one in comments})),
        time=say("copies.within", span=times.span(within)),
    )
