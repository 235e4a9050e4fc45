"""Rewriting a text the way spammers do, for training and for measuring that disguises do not help.

Owns the rewriting only. It is applied to spam and ham alike, so that a disguise by itself decides nothing.
"""

from enum import StrEnum
from functools import cache
from typing import Final

import numpy as np

from model.tables import read_lookalikes

ZERO_WIDTH: Final = "\u200b\u200c\u200d\u2060\ufeff"
SHARES: Final = (0.15, 0.5, 1.0)


class Disguise(StrEnum):
    """Ways of rewriting letters so that people still read them."""

    FULL_WIDTH = "full-width"
    MATHEMATICAL = "mathematical"
    LOOK_ALIKE = "look-alike"
    ZERO_WIDTH = "zero-width"


_MATHEMATICAL: Final = (0x1D400, 0x1D434, 0x1D468, 0x1D5A0, 0x1D5D4, 0x1D608, 0x1D63C, 0x1D670)


def disguise(text: str, rng: np.random.Generator) -> str:
    """Return a text with a random share of its letters disguised in one random way."""
    way = list(Disguise)[int(rng.integers(len(Disguise)))]
    return disguise_as(text, way, float(rng.choice(SHARES)), rng)


def disguise_as(text: str, way: Disguise, share: float, rng: np.random.Generator) -> str:
    """Return a text with about ``share`` of its ASCII letters disguised in the given way; other characters stay."""
    alphabet = int(rng.choice(_MATHEMATICAL))
    chosen = rng.random(len(text)) < share
    picks = rng.random(len(text))
    return "".join(
        _one(char, way, alphabet, float(pick)) if changes and char.isascii() and char.isalpha() else char
        for char, changes, pick in zip(text, chosen, picks, strict=True)
    )


def _one(char: str, way: Disguise, alphabet: int, pick: float) -> str:
    if way is Disguise.FULL_WIDTH:
        return chr(ord(char) + 0xFEE0)
    if way is Disguise.MATHEMATICAL:
        return chr(alphabet + ord(char) - (65 if char.isupper() else 71))
    if way is Disguise.ZERO_WIDTH:
        return char + ZERO_WIDTH[int(pick * len(ZERO_WIDTH))]
    shapes = _shapes().get(char.lower(), "")
    cased = [shape for shape in shapes if shape.isupper() == char.isupper()]
    return cased[int(pick * len(cased))] if cased else char


@cache
def _shapes() -> dict[str, str]:
    """Return the Cyrillic and Greek letters drawn like each ASCII letter, the ones that fonts have."""
    shapes: dict[str, str] = {}
    for shape, letter in sorted(read_lookalikes().items()):
        if 0x370 <= ord(shape) <= 0x52F:
            shapes[letter] = shapes.get(letter, "") + shape
    return shapes
