"""A grammar that writes the comment spam no open set has, and the honest comments that must not be taken for it.

The phrases are data (``phrases/*.toml``, one file a language, written for this project); this module chooses language,
label and kind for each row and sees that texts differ. It writes training rows only: it never reads a comment, and it
disguises nothing, since augmentation does that for real and written rows alike.
"""

from collections.abc import Iterator
from hashlib import blake2b
from random import Random
from typing import Any, Final

from model.phrasebook import Phrasebook, check, load_phrasebook
from model.roughen import roughen
from model.writer import BUILT_IN, Writer

SOURCE: Final = "grammar"
RETRIES: Final = 4
"""A text that was written before is written anew this often; short thanks may still repeat, as they do in life."""


def write_rows(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Write training rows, every second one spam; equal seeds give equal rows.

    Args:
        seed: Any whole number.
        count: How many rows, at least 0.

    Yields:
        ``{"text", "author", "url", "language", "source": "grammar", "labels": {"spam": 0|1, "toxic": None}}``.
        ``author`` is ``None`` equally often for both labels; ``url``, the author's own address, is a personal site for
        many honest people.

    Raises:
        PhraseError: If the phrase files ask for something that nobody fills.
    """
    book = load_phrasebook()
    check(book, frozenset(BUILT_IN))
    rng = Random(seed)
    seen: set[bytes] = set()
    for index in range(count):
        yield _fresh_row(book, rng, spam=index % 2 == 0, seen=seen)


def _fresh_row(book: Phrasebook, rng: Random, *, spam: bool, seen: set[bytes]) -> dict[str, Any]:
    for _ in range(RETRIES):
        row = _row(book, rng, spam=spam)
        mark = blake2b(row["text"].encode(), digest_size=8).digest()
        if mark not in seen:
            break
    seen.add(mark)
    return row


def _row(book: Phrasebook, rng: Random, *, spam: bool) -> dict[str, Any]:
    language = rng.choices(book.languages, [language.share for language in book.languages])[0]
    kinds = language.spam if spam else language.ham
    kind = rng.choices(kinds, [kind.weight for kind in kinds])[0]
    writer = Writer(book, language, rng, rng.choice(kind.trades) if spam else None)
    return {
        "text": roughen(writer.write(rng.choice(kind.patterns)), rng),
        "author": writer.author(),
        "url": writer.author_url(kind.author_url),
        "language": language.code,
        "source": SOURCE,
        "labels": {"spam": int(spam), "toxic": None},
    }
