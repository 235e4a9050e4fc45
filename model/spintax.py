"""The pattern language of the phrase files: choices, options and named slots, nested freely.

``{a|b|}`` is one of the alternatives, ``{?text}`` is there half of the time, ``{name}`` or ``{name:argument}`` is a
slot that the caller fills, and a backslash takes a brace, bar or backslash literally. This module parses patterns and
writes them out with a given source of randomness; it knows nothing of languages, labels or files.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

DEPTH_LIMIT: Final = 24
"""Slots inside slots; a phrase file that goes deeper refers to itself."""


class PatternError(ValueError):
    """A pattern that cannot be parsed or never ends."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A named hole, ``{name:argument}``."""

    name: str
    argument: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Alternatives of equal weight; each is a sequence."""

    options: tuple["Sequence", ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    """Parts written one after the other."""

    parts: tuple["str | Slot | Choice", ...]


Fill = Callable[[Slot, int], str]
"""Fills a slot; the number is the depth of nesting so far."""


def parse(pattern: str) -> Sequence:
    """Parse one pattern.

    Raises:
        PatternError: If braces do not pair up, or an option is empty.
    """
    options, end = _alternatives(pattern, 0, top=True)
    if end != len(pattern):
        raise PatternError(f"closing brace without an opening one at {end}: {pattern!r}")
    return options[0]


def write(node: Sequence, rng: Random, fill: Fill, depth: int = 0) -> str:
    """Write a parsed pattern out once.

    Raises:
        PatternError: If slots nest deeper than ``DEPTH_LIMIT``.
    """
    if depth > DEPTH_LIMIT:
        raise PatternError("the pattern refers to itself")
    return "".join(_write_part(part, rng, fill, depth) for part in node.parts)


def slots(node: Sequence) -> set[str]:
    """Return the names of all slots that a pattern may ask for."""
    names: set[str] = set()
    for part in node.parts:
        if isinstance(part, Slot):
            names.add(part.name)
        if isinstance(part, Choice):
            names.update(*(slots(option) for option in part.options))
    return names


def _write_part(part: str | Slot | Choice, rng: Random, fill: Fill, depth: int) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Slot):
        return fill(part, depth + 1)
    return write(rng.choice(part.options), rng, fill, depth)


def _alternatives(pattern: str, start: int, *, top: bool) -> tuple[list[Sequence], int]:
    """Parse alternatives up to the closing brace (or, at the top, the end) and return them with the position there."""
    options: list[Sequence] = []
    parts: list[str | Slot | Choice] = []
    at = start
    while at < len(pattern) and pattern[at] != "}":
        if pattern[at] == "|" and not top:
            options.append(_sequence(parts))
            parts = []
            at += 1
            continue
        part, at = _part(pattern, at)
        parts.append(part)
    return [*options, _sequence(parts)], at


def _part(pattern: str, at: int) -> tuple[str | Slot | Choice, int]:
    if pattern[at] == "\\" and at + 1 < len(pattern):
        return pattern[at + 1], at + 2
    if pattern[at] == "{":
        return _braces(pattern, at)
    return pattern[at], at + 1


def _braces(pattern: str, at: int) -> tuple[Slot | Choice, int]:
    optional = pattern[at + 1 : at + 2] == "?"
    start = at + 2 if optional else at + 1
    options, end = _alternatives(pattern, start, top=False)
    if end == len(pattern):
        raise PatternError(f"opening brace without a closing one at {at}: {pattern!r}")
    if optional:
        return Choice((*options, Sequence(()))), end + 1
    if len(options) > 1:
        return Choice(tuple(options)), end + 1
    return _slot(pattern[start:end]), end + 1


def _slot(content: str) -> Slot:
    name, _, argument = content.partition(":")
    if not name.isidentifier():
        raise PatternError(f"not the name of a slot: {content!r}")
    return Slot(name, argument)


def _sequence(parts: list[str | Slot | Choice]) -> Sequence:
    """Join runs of literal characters, so that writing a pattern touches few parts."""
    joined: list[str | Slot | Choice] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return Sequence(tuple(joined))
