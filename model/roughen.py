"""Roughens sentences the way hurried people and careless bots do: case, punctuation, doubled letters, paragraphs.

Spam and honest comments are roughened alike, so that no slip decides. Disguises (look-alikes, zero-width characters,
spaced letters) are not made here: augmentation makes them, for real and written rows alike.
"""

import re
from collections.abc import Callable
from random import Random
from typing import Final

_ADDRESS: Final = re.compile(r"https?://\S+|www\.\S+|<[^>]*>|\[[^\]]*\]|`[^`]*`|\S+@\S+")
_SPACES: Final = re.compile(r"[ \t]{2,}")
_BEFORE_MARK: Final = re.compile(r" +([,.!?;:])(?=\s|$)")
_SENTENCE: Final = re.compile(r"(?:^|(?<=[.!?]\s))[^\W\d_](?![^\s]*[/.@])")
_DOUBLE_MARK: Final = re.compile(r"([!?])[.,]|\.{2}(?!\.)(?<!\.\.\.)")


def tidy(text: str) -> str:
    """Close the gaps that unused options leave: double spaces, spaces before marks, two full stops."""
    single = _DOUBLE_MARK.sub(lambda match: match.group(1) or ".", _SPACES.sub(" ", text))
    return _BEFORE_MARK.sub(r"\1", single).strip(" ,;")


def roughen(text: str, rng: Random) -> str:
    """Return the sentence as somebody may have typed it.

    Args:
        text: One comment; addresses, mark-up and code are left alone.
        rng: Decides; equal states give equal texts.
    """
    rough = tidy(text)
    if rng.random() < 0.75:
        rough = _capitalised(rough)
    if rng.random() < 0.10:
        rough = _outside_addresses(rough, str.lower)
    if rng.random() < 0.025:
        rough = _outside_addresses(rough, str.upper)
    if rng.random() < 0.12:
        rough = rough.rstrip(".!")
    if rng.random() < 0.06:
        rough = rough.replace(". ", rng.choice((".\n", ".\n\n", " ", ", ", ".. ", "... ", "."))).strip()
    if rng.random() < 0.16:
        rough = _outside_addresses(rough, lambda part: _mistyped(part, rng))
    return rough or tidy(text)


def _capitalised(text: str) -> str:
    return _SENTENCE.sub(lambda match: match.group().upper(), text)


def _outside_addresses(text: str, change: Callable[[str], str]) -> str:
    pieces, at = [], 0
    for match in _ADDRESS.finditer(text):
        pieces += [change(text[at : match.start()]), match.group()]
        at = match.end()
    return "".join([*pieces, change(text[at:])])


def _mistyped(part: str, rng: Random) -> str:
    """Double, drop or swap a letter about once in forty characters."""
    signs = list(part)
    for at in range(len(signs) - 1):
        if signs[at].isalpha() and signs[at + 1].isalpha() and rng.random() < 0.025:
            signs[at] = rng.choice((signs[at] * 2, signs[at] * 2, "", signs[at] + signs[at + 1]))
    return "".join(signs)
