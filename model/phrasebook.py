"""Reads the phrase files of the grammar (``phrases/*.toml``) and checks them.

Owns the shape of those files and nothing else: it writes no comments. A file that asks for a slot nobody fills, sells
in an unknown trade or does not parse is refused as a whole, with its name.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from model import spintax
from model.invented import Materials
from model.spintax import Sequence

FOLDER: Final = Path(__file__).with_name("phrases")
LOCAL_SLOTS: Final = frozenset(("anchor", "target"))
"""Filled where a link is written, not by a list."""

Slots = Mapping[str, tuple[Sequence, ...]]


class PhraseError(ValueError):
    """A phrase file that cannot be used."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of comment: what it says, what it sells, and how often its author leaves an address.

    Attributes:
        weight: Share among the kinds of the same label and language.
        trades: What is sold; empty for honest comments.
        author_url: Probability that the field for the author's own address is filled in.
    """

    name: str
    weight: float
    trades: tuple[str, ...]
    author_url: float
    patterns: tuple[Sequence, ...]


@dataclass(frozen=True, slots=True)
class Language:
    """The phrases of one language and its share of all rows."""

    code: str
    share: float
    slots: Slots
    spam: tuple[Kind, ...]
    ham: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class Phrasebook:
    """All languages with what they share.

    Attributes:
        common: Slots of every language.
        fallback: English slots, for the anchors that a language does not list.
        formats: How a link is written, for ``spam`` and ``ham``.
        paths: What follows a commercial host.
    """

    languages: tuple[Language, ...]
    common: Slots
    fallback: Slots
    formats: Slots
    paths: tuple[Sequence, ...]
    materials: Materials


@cache
def load_phrasebook() -> Phrasebook:
    """Read the phrase files once.

    Raises:
        PhraseError: If a pattern asks for a slot that nobody fills, or a kind sells in a trade without hosts.
        PatternError: If a pattern does not parse.
    """
    tables = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
    common, names = tables.pop("common"), tables.pop("names")
    hosts = common["hosts"]
    trades = hosts.pop("trades")
    return Phrasebook(
        languages=tuple(_language(table) for table in tables.values()),
        common=_parsed(common["slots"]),
        fallback=_parsed(tables["en"]["slots"]),
        formats=_parsed(common["formats"]),
        paths=tuple(spintax.parse(path) for path in hosts.pop("paths")),
        materials=Materials(names["first"], names["last"], hosts, trades),
    )


def check(book: Phrasebook, built_in: frozenset[str]) -> None:
    """Refuse a phrasebook in which a slot would stay empty.

    Args:
        book: What was read.
        built_in: Names of the slots that code fills.

    Raises:
        PhraseError: With the language and all missing names.
    """
    shared = built_in | LOCAL_SLOTS | book.common.keys() | book.fallback.keys()
    for language in book.languages:
        missing = _wanted(language, book) - shared - language.slots.keys()
        missing |= {trade for kind in language.spam for trade in kind.trades} - book.materials.trades.keys()
        if missing:
            raise PhraseError(f"{language.code}.toml: nobody fills {', '.join(sorted(missing))}")


def _wanted(language: Language, book: Phrasebook) -> set[str]:
    patterns = [pattern for kind in (*language.spam, *language.ham) for pattern in kind.patterns]
    patterns += [pattern for slots in (language.slots, book.common) for slot in slots.values() for pattern in slot]
    return set().union(*(spintax.slots(pattern) for pattern in patterns))


def _language(table: dict[str, Any]) -> Language:
    spam, ham = (tuple(_kind(name, body) for name, body in table[label].items()) for label in ("spam", "ham"))
    return Language(table["language"], table["share"], _parsed(table["slots"]), spam, ham)


def _kind(name: str, body: dict[str, Any]) -> Kind:
    patterns = tuple(spintax.parse(pattern) for pattern in body["patterns"])
    return Kind(name, body["weight"], tuple(body.get("trades", ())), body["author_url"], patterns)


def _parsed(table: dict[str, list[str]]) -> dict[str, tuple[Sequence, ...]]:
    return {name: tuple(spintax.parse(pattern) for pattern in patterns) for name, patterns in table.items()}
