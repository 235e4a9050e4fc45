"""Making text legible and inert: evidence marked by strength and direction, disguises shown, nothing clickable.

Owns the way from a hostile string to markup. Everything is escaped; characters that reorder, hide or pile up are
replaced by small words that say what stood there. Offsets of evidence are those of the raw text, so it is cut into
segments first and each segment is cleaned by itself.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from moderation.core.reasons import Evidence, Reason
from moderation.web.review.texts import say

STRONG_WEIGHT = 0.8  # Logits; from about here on one stretch moves a middling score by a fifth.
STRONG_SHARE = 0.35  # Of the strongest stretch's weight: what stands out depends on what stands beside it.
LEAST_WEIGHT = 0.05  # Less is noise to a reader.
LEAST_SHARE = 0.15
MARKS_AT_MOST = 40  # On one text.
LINES_SHOWN = 24
LEAST_CHARACTERS = 20  # Of a text of which nearly every character takes a word of ours; such a word is some 80 bytes.
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_HIDDEN = "\u00ad\u034f\u180e\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff"
_CONTROL = "\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff\ufffe\uffff"
_PILE = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed"
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0f71-\u0f84\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
_ODD = re.compile(
    f"(?P<bidi>[{_BIDI}]+)|(?P<hidden>[{_HIDDEN}]+)|(?P<control>[{_CONTROL}]+)|(?P<pile>[{_PILE}]{{4,}})"
    r"|(?P<blank>\n(?:[ \t]{0,200}\n){3,})"
)
_SHORT = {
    "\u061c": "ALM",
    "\u200e": "LRM",
    "\u200f": "RLM",
    "\u202a": "LRE",
    "\u202b": "RLE",
    "\u202c": "PDF",
    "\u202d": "LRO",
    "\u202e": "RLO",
    "\u2066": "LRI",
    "\u2067": "RLI",
    "\u2068": "FSI",
    "\u2069": "PDI",
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a text that moved a score: positive weight speaks for the label."""

    start: int
    end: int
    weight: float
    label: str
    is_strong: bool = False


def stretches(reasons: Sequence[Reason], field: str = "content") -> list[Stretch]:
    """Return the evidence of some reasons in one field, the strongest first.

    How strong it is called depends on the strongest in all fields, so that a name does not shine beside a glaring text.
    """
    everywhere = [(reason, one) for reason in reasons for one in reason.evidence if one.start < one.end]
    strongest = max((abs(one.weight) for _, one in everywhere), default=0.0)
    found = [(reason, one) for reason, one in everywhere if one.field == field]
    kept = [_stretch(reason, one, strongest) for reason, one in found if _counts(reason, one, strongest)]
    return sorted(kept, key=lambda one: -abs(one.weight))[:MARKS_AT_MOST]


def _counts(reason: Reason, evidence: Evidence, strongest: float) -> bool:
    # A list's hit has no weight: it decides by itself.
    is_hit = not reason.code.startswith("model-")
    return is_hit or abs(evidence.weight) >= max(LEAST_WEIGHT, LEAST_SHARE * strongest)


def _stretch(reason: Reason, evidence: Evidence, strongest: float) -> Stretch:
    is_strong = evidence.weight == 0 or abs(evidence.weight) >= max(STRONG_WEIGHT, STRONG_SHARE * strongest)
    return Stretch(evidence.start, evidence.end, evidence.weight, reason.label, is_strong)


def legible(text: str | None, found: Sequence[Stretch] = ()) -> Markup:
    """Return a text as markup that can do nothing, with its evidence marked."""
    whole = text or ""
    parts: list[str] = []
    for start, end, stretch in _segments(len(whole), found):
        inner = _inert(whole[start:end])
        parts.append(_marked(inner, stretch) if stretch else inner)
    return Markup("".join(parts))  # noqa: S704  # Every part was escaped above.


def _segments(length: int, found: Sequence[Stretch]) -> list[tuple[int, int, Stretch | None]]:
    """Return the text cut at every edge of a stretch; where stretches overlap the strongest one wins."""
    edges = sorted({0, length, *(min(length, max(0, edge)) for one in found for edge in (one.start, one.end))})
    segments: list[tuple[int, int, Stretch | None]] = []
    for start, end in itertools.pairwise(edges):
        strongest = next((one for one in found if one.start <= start and end <= one.end), None)
        if segments and segments[-1][2] is strongest:
            start = segments.pop()[0]
        segments.append((start, end, strongest))
    return segments


def _marked(inner: str, stretch: Stretch) -> str:
    strength = "strong" if stretch.is_strong else "weak"
    direction = "for" if stretch.weight < 0 else "against"
    title = say(f"mark.{direction}.{strength}", label=say(f"label.{stretch.label}"))
    return f'<mark class="{direction} {strength}" title="{escape(title)}">{inner}</mark>'


def _inert(text: str) -> str:
    parts: list[str] = []
    place = 0
    for odd in _ODD.finditer(text):
        parts.append(str(escape(text[place : odd.start()])))
        parts.append(_named(odd))
        place = odd.end()
    parts.append(str(escape(text[place:])))
    return "".join(parts)


def _named(odd: re.Match[str]) -> str:
    kind, run = str(odd.lastgroup), odd.group()
    if kind == "control" and run in ("\r", "\x0b", "\x0c"):
        return ""
    if kind == "pile":
        return f"{escape(run[:2])}{_token(say('odd.pile', n=len(run) - 2), say('odd.pile.title'))}"
    if kind == "blank":
        return f"\n{_token(say('odd.blank', n=run.count(chr(10)) - 1), say('odd.blank.title'))}\n"
    word = _SHORT[run[0]] if kind == "bidi" else say(f"odd.{kind}")
    shown = word if len(run) == 1 else f"{word} \u00d7{len(run)}"
    title = unicodedata.name(run[0], say(f"odd.{kind}.title")).capitalize()
    return _token(shown, title)


def _token(word: str, title: str) -> str:
    return f'<span class="odd" title="{escape(title)}">{escape(word)}</span>'


def plain(text: str) -> str:
    """Return a text without what hides, reorders or piles up, for small places where disguises are not the matter."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(one for one in composed if one.isprintable() and not unicodedata.combining(one))


@dataclass(frozen=True, slots=True)
class Shown:
    """A text as a card shows it; ``left_out`` characters are on the comment's own page."""

    markup: Markup
    left_out: int


def shown(text: str | None, found: Sequence[Stretch], *, characters: int, markup_bytes: int) -> Shown:
    """Return the beginning of a text: at most so many characters, lines, and bytes of markup."""
    whole = text or ""
    limit = min(characters, _end_of_lines(whole))
    while True:
        cut = whole if len(whole) <= limit * 1.2 else whole[: _word_end(whole, limit)]
        markup = legible(cut, found)
        if len(markup) <= markup_bytes or limit < LEAST_CHARACTERS:
            return Shown(markup, len(whole) - len(cut))
        limit //= 2


def _end_of_lines(text: str) -> int:
    place = -1
    for _ in range(LINES_SHOWN):
        place = text.find("\n", place + 1)
        if place < 0:
            return max(len(text), 1)
    return max(place, 1)


def _word_end(text: str, limit: int) -> int:
    space = text.rfind(" ", max(0, limit - 40), limit)
    return space if space > 0 else limit
