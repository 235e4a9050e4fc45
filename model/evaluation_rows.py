"""Reads labelled rows and scores them with several models in one pass, block by block.

Keeps what measuring needs of each row (truth, language, source, whether it has a link, file and line) and forgets its
text.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from model.corpus import has_link
from model.dataset import SCORE_OF_LABEL, Row, numbered_lines, parse_object, parse_row
from model.serving import Model

BLOCK_ROWS: Final = 2000
NO_LABEL: Final = -1

Located = tuple[str, int, Row]


@dataclass(frozen=True, slots=True)
class Rows:
    """What is known of the rows, as columns of equal length.

    Attributes:
        truth: By score name: 0, 1, or -1 for a row that does not count.
        links: Whether the text has a link.
        languages, sources: As the rows say; a row without a source has its file's name.
        files, lines: Where the row is.
    """

    truth: dict[str, npt.NDArray[np.int8]]
    links: npt.NDArray[np.bool_]
    languages: npt.NDArray[np.str_]
    sources: npt.NDArray[np.str_]
    files: npt.NDArray[np.str_]
    lines: npt.NDArray[np.int64]

    def only(self, kept: npt.NDArray[np.bool_]) -> "Rows":
        """Return the rows for which ``kept`` is true."""
        truth = {name: column[kept] for name, column in self.truth.items()}
        return Rows(
            truth, self.links[kept], self.languages[kept], self.sources[kept], self.files[kept], self.lines[kept]
        )


def read_scored(
    files: Sequence[Path], models: Sequence[Model], advance: Callable[[int], None]
) -> tuple[Rows, list[npt.NDArray[np.float64]]]:
    """Read files once and score every row with every model.

    Returns:
        The rows, and for each model its probabilities, shape (rows, its labels).

    Raises:
        DatasetError: A file cannot be read or a row does not parse.
    """
    blocks: list[Rows] = [columns([])]
    scores: list[list[npt.NDArray[np.float64]]] = [[np.empty((0, len(model.labels)))] for model in models]
    for block in _blocks(files):
        fields = [(row.text, row.author, row.url) for _, _, row in block]
        for model, found in zip(models, scores, strict=True):
            found.append(model.score_batch(fields))
        blocks.append(columns(block))
        advance(len(block))
    return join(blocks), [np.concatenate(found) for found in scores]


def columns(block: Sequence[Located]) -> Rows:
    """Return located rows as columns."""
    return Rows(
        {score: _truth(block, label) for label, score in SCORE_OF_LABEL.items()},
        np.array([has_link(row.text) for _, _, row in block], np.bool_),
        np.array([row.language for _, _, row in block], np.str_),
        np.array([row.source or Path(file).name.split(".")[0] for file, _, row in block], np.str_),
        np.array([file for file, _, _ in block], np.str_),
        np.array([line for _, line, _ in block], np.int64),
    )


def join(parts: Sequence[Rows]) -> Rows:
    """Return the rows of several parts one after the other."""
    return Rows(
        {name: np.concatenate([part.truth[name] for part in parts]) for name in parts[0].truth},
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("links", "languages", "sources", "files", "lines")
        ),
    )


def _truth(block: Sequence[Located], label: str) -> npt.NDArray[np.int8]:
    values = (row.labels.get(label) for _, _, row in block)
    return np.array([NO_LABEL if value is None else value for value in values], np.int8)


def _blocks(files: Sequence[Path]) -> Iterator[list[Located]]:
    block: list[Located] = []
    for path in files:
        for number, line in numbered_lines(path):
            row = parse_row(parse_object(line, path, number), f"{path.name} line {number}")
            block.append((path.name, number, row))
            if len(block) == BLOCK_ROWS:
                yield block
                block = []
    if block:
        yield block
