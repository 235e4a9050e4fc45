"""A site's lists: words at word boundaries, RE2 patterns, and domains.

Owns compiling and matching them. Every expression, ours and the site's, runs in RE2, whose time is linear in the text;
back-references and look-around are refused by it.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import re2

from moderation.core.errors import Fault
from moderation.core.reasons import Evidence
from moderation.core.text import folded, is_below

MAX_WORDS = 2_000
MAX_PATTERNS = 100
MAX_WORD_LENGTH = 100
MAX_PATTERN_LENGTH = 300
MAX_AUTOMATON_BYTES = 8 << 20  # Memory of one compiled list; below it the automaton starts to thrash.
MAX_PROGRAM = 10_000  # Instructions of a site's patterns together; measured: the worst text then stays below 50 ms.
PATTERN_CHARACTERS = (
    20_000  # Only so much of a text is searched for patterns, for the same reason; words see all of it.
)
_EDGE = r"[^\pL\pN_]"
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


@dataclass(frozen=True, slots=True)
class ListRules:
    """The words, patterns and domains of one list, as the site wrote them."""

    words: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()


NO_RULES = ListRules()


def _options() -> re2.Options:
    options = re2.Options()
    options.max_mem = MAX_AUTOMATON_BYTES
    options.log_errors = False
    options.case_sensitive = False
    return options


def faults(rules: ListRules, pointer: str) -> list[Fault]:
    """Return everything that is wrong with a list; ``pointer`` is the JSON pointer of the list."""
    found = [
        fault
        for index, pattern in enumerate(rules.patterns)
        if (fault := _pattern_fault(pattern, f"{pointer}/patterns/{index}")) is not None
    ]
    if found:
        return found
    return [
        Fault(f"{pointer}/{name}", "list-too-large", "Together these are too large to match quickly; shorten the list.")
        for name in ("words", "patterns")
        if not _fits(rules, name)
    ]


def _pattern_fault(pattern: str, pointer: str) -> Fault | None:
    try:
        compiled = re2.compile(pattern, _options())
    except re2.error:
        detail = "This is not an RE2 expression, or it is too large; look-around and back-references are not supported."
        return Fault(pointer, "invalid-pattern", detail)
    if compiled.search("") is not None:
        return Fault(pointer, "empty-match", "This matches every text; make it ask for at least one character.")
    return None


def _fits(rules: ListRules, name: str) -> bool:
    try:
        _, patterns = _compiled(rules)
    except re2.error:
        return False
    return name == "words" or patterns is None or patterns.programsize <= MAX_PROGRAM


def _is_unspaced(character: str) -> bool:
    return unicodedata.name(character, "").startswith(_UNSPACED)


@functools.lru_cache(maxsize=256)
def _compiled(rules: ListRules) -> tuple[re2._Regexp | None, re2._Regexp | None]:
    """Return the words and the patterns of a list, each as one expression."""
    words = [word for given in rules.words if (word := folded(given).strip())]
    spaced = "|".join(re2.escape(word) for word in words if not _is_unspaced(word[0]))
    unspaced = "|".join(re2.escape(word) for word in words if _is_unspaced(word[0]))
    parts = [rf"(?:^|{_EDGE})({spaced})(?:$|{_EDGE})"] if spaced else []
    parts += [f"({unspaced})"] if unspaced else []
    return _join(parts), _join([f"(?:{pattern})" for pattern in rules.patterns])


def _join(expressions: Sequence[str]) -> re2._Regexp | None:
    return re2.compile("|".join(expressions), _options()) if expressions else None


def find_hit(rules: ListRules, fields: Sequence[tuple[str, str]], hosts: Iterable[str]) -> tuple[Evidence, ...] | None:
    """Return where a list matches, or None if it does not.

    Args:
        rules: The list.
        fields: Name and text of each field to search, in the order in which a hit is reported.
        hosts: Lower-case hosts that the comment names.

    Returns:
        The first hit of each kind; an empty tuple where a host, or a disguised spelling, matched.
    """
    for name, text in fields:
        hit = _hit(rules, name, text)
        if hit is not None:
            return hit
    if any(is_below(host, domain) for host in hosts for domain in rules.domains):
        return ()
    return None


def _hit(rules: ListRules, name: str, text: str) -> tuple[Evidence, ...] | None:
    found = _search(rules, text)
    if found is not None:
        return (_evidence(found, name, text),)
    plain = folded(text)
    return () if plain != text and _search(rules, plain) is not None else None


def _search(rules: ListRules, text: str) -> re2._Match | None:
    words, patterns = _compiled(rules)
    found = words.search(text) if words else None
    if found is None and patterns is not None:
        found = patterns.search(text[:PATTERN_CHARACTERS])
    return found


def _evidence(found: re2._Match, name: str, text: str) -> Evidence:
    group = next((index for index, value in enumerate(found.groups(), 1) if value is not None), 0)
    start, end = found.span(group)
    return Evidence(start=start, end=end, text=text[start:end], weight=0.0, field=name)
