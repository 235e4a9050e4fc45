"""The words of the review pages: every English sentence stands in ``english.toml`` and is looked up here.

Sentences of reasons come with the comments and live in ``moderation.core.reasons``. Refuses markup: texts are escaped
where they are shown.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path

FILE = Path(__file__).with_name("english.toml")


@functools.lru_cache(maxsize=1)
def all_texts() -> Mapping[str, str]:
    """Return every text by its key; read once."""
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def say(key: str, **values: object) -> str:
    """Return a text with its places filled in.

    Raises:
        KeyError: If there is no such text, or a value is missing.
    """
    text = all_texts()[key]
    return text.format(**values) if values else text


def say_or(key: str, otherwise: str) -> str:
    """Return a text, or something else where there is none of that key."""
    return all_texts().get(key, otherwise)


def count(key: str, n: int, **values: object) -> str:
    """Return the form of a text that goes with a number, the number grouped for reading."""
    form = "one" if n == 1 else "other"
    return all_texts()[f"{key}.{form}"].format(n=f"{n:,}", **values)


def for_scripts() -> dict[str, str]:
    """Return the texts that the scripts show, without their prefix."""
    return {key.removeprefix("js."): text for key, text in all_texts().items() if key.startswith("js.")}
