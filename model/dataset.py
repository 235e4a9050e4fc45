"""Labelled comments on disk: JSON Lines, plain or gzip, one comment a line.

Owns the format and its errors: a row that does not parse is refused with file and line, so that nobody has to search.
It streams, holds one row at a time, and knows nothing of features or of what the labels mean.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

LABELS: Final = ("spam", "toxic")
SCORE_OF_LABEL: Final[Mapping[str, str]] = {"spam": "spam", "toxic": "toxicity"}
LINE_MAX_CHARACTERS: Final = 4 * 1024 * 1024


class DatasetError(Exception):
    """A row or file cannot be used; the sentence names the file and the line."""


@dataclass(frozen=True, slots=True)
class Row:
    """One comment with its labels.

    Attributes:
        text: The comment as posted.
        author: Name shown with it, or empty.
        url: Address the author gave, or empty.
        labels: ``spam``, ``toxic`` and any finer ones, each 0, 1 or None for "not judged".
        language: BCP 47 code, or empty.
        source: Where it was posted, or empty; leave-one-source-out groups by it.
        id: Identifier inside its set, or empty.
    """

    text: str
    author: str = ""
    url: str = ""
    labels: Mapping[str, int | None] = field(default_factory=dict)
    language: str = ""
    source: str = ""
    id: str = ""


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of one file, plain or gzip; blank lines are skipped.

    Raises:
        DatasetError: The file cannot be read, or a line is not a row; the sentence names both.
    """
    for number, line in numbered_lines(path):
        yield parse_row(parse_object(line, path, number), f"{path.name} line {number}")


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line) for lines that are not blank.

    Raises:
        DatasetError: The file cannot be opened, is not UTF-8, is cut off, or has a line beyond 4 Mi characters.
    """
    number = 0
    try:
        with _open(path) as file:
            while line := file.readline(LINE_MAX_CHARACTERS + 1):
                number += 1
                if len(line) > LINE_MAX_CHARACTERS:
                    raise DatasetError(f"{path.name} line {number} is longer than {LINE_MAX_CHARACTERS:,} characters.")
                if line.strip():
                    yield number, line
    except (OSError, EOFError) as error:
        raise DatasetError(f"{path} cannot be read after line {number}: {error}.") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path.name} is not UTF-8 after line {number}: {error.reason}.") from error


def _open(path: Path) -> IO[str]:
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    if is_gzip:
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8-sig")


def parse_object(line: str, path: Path, number: int) -> dict[str, object]:
    """Return the JSON object on one line.

    Raises:
        DatasetError: The line is not JSON, or not an object.
    """
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path.name} line {number} is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise DatasetError(f"{path.name} line {number} is not a JSON object.")
    return value


def parse_row(value: Mapping[str, object], where: str) -> Row:
    """Return the row in a JSON object; ``where`` begins the sentence of an error.

    Raises:
        DatasetError: ``text`` is missing, or a field has the wrong type or value.
    """
    labels = value.get("labels") or {}
    if not isinstance(labels, dict):
        raise DatasetError(f'{where}: labels must be an object such as {{"spam": 1}}.')
    if not isinstance(value.get("text"), str):
        raise DatasetError(f"{where}: text is missing or is not a string.")
    return Row(
        **{name: _string(value, name, where) for name in ("text", "author", "url", "language", "source", "id")},
        labels={name: _label(labels, name, where) for name in labels if name in LABELS or labels[name] in (0, 1)},
    )


def _string(value: Mapping[str, object], name: str, where: str) -> str:
    found = value.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise DatasetError(f"{where}: {name} must be a string.")
    return found


def _label(labels: Mapping[str, object], name: str, where: str) -> int | None:
    value = labels[name]
    if value is None:
        return None
    if isinstance(value, bool) or value in (0, 1):
        return int(bool(value))
    raise DatasetError(f"{where}: label {name} must be 0, 1 or null.")
