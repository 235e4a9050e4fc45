"""A corpus: the features and labels of all rows of a recipe, on disk.

Rows are read once, turned into features in blocks, and written to a file that the solver maps into memory, so a corpus
larger than memory streams. Texts are never kept: only hashed features, labels and facts about a row.
"""

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from model.batch import encode_rows, find_rows
from model.dataset import LABELS, DatasetError, Row, read_rows
from model.disguise import disguise
from model.hashing import GROUP_COUNT
from model.recipe import DataSet, Recipe, own_labels
from model.solver import Rows
from model.tables import load_tables

BLOCK_ROWS: Final = 2000
_NOTHING: Final = np.empty((0, GROUP_COUNT), np.int32)
UNKNOWN: Final = -1
GRAMMAR: Final = "grammar"
LINK_PATTERN: Final = re.compile(r"https?://|\bwww\.|<a\s|\[url", re.IGNORECASE)

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a set after reading it: rows, counts of labels, and a hash of the files, for the model card."""

    name: str
    licence: str
    weight: float
    rows: int
    counts: dict[str, tuple[int, int]]
    sha256: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """Features and labels of rows.

    Attributes:
        rows: Their features.
        truth: By training label, int8 (rows): 0, 1 or -1 for "does not count".
        weights: float64 (rows).
        sets: int16 (rows), the index of a row's set in ``facts``.
        folds: int16 (rows), rows left out together.
        links: bool (rows), whether the text has a link.
        languages: Language code of each row.
        severe: Whether a comment is severely toxic, int8 (rows): 0, 1 or -1 for "does not count".
        facts: One a set.
    """

    rows: Rows
    truth: dict[str, npt.NDArray[np.int8]]
    weights: npt.NDArray[np.float64]
    sets: npt.NDArray[np.int16]
    folds: npt.NDArray[np.int16]
    links: npt.NDArray[np.bool_]
    languages: npt.NDArray[np.str_]
    severe: npt.NDArray[np.int8]
    facts: tuple[Facts, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A row that takes part, with what its set says of it."""

    row: Row
    labels: tuple[int, int]
    weight: float
    set_index: int
    fold: int
    severe: int = UNKNOWN


def has_link(text: str) -> bool:
    """Tell whether a text has a link, in plain text, HTML or BBCode."""
    return LINK_PATTERN.search(text) is not None


def set_files(dataset: DataSet, data: Path) -> list[Path]:
    """Return the files of a set, sorted.

    Raises:
        DatasetError: There is none.
    """
    files = sorted(path for path in data.glob(dataset.file) if path.is_file())
    if not files:
        raise DatasetError(f"The set {dataset.name} needs {dataset.file}, which is not below {data}.")
    return files


def labels_of(row: Row, dataset: DataSet) -> tuple[int, int]:
    """Return the label values that count for a row, -1 for none."""
    spam, toxic = (_value(row, dataset.labels.get(name, UNKNOWN)) for name in LABELS)
    return spam, toxic


def _value(row: Row, declared: int | tuple[str, ...]) -> int:
    if isinstance(declared, int):
        return declared
    known = [value for name in declared if (value := row.labels.get(name)) is not None]
    return max(known, default=UNKNOWN)


def build_corpus(recipe: Recipe, data: Path, scratch: Path, advance: Progress = lambda count: None) -> Corpus:
    """Read all sets of a recipe and write their features to a file in ``scratch``.

    Raises:
        DatasetError: A file is missing or a row does not parse; the sentence names file and line.

    ``advance`` is told the bytes of files read so far.
    """
    folds = {name: index for index, name in enumerate(dict.fromkeys(part.fold for part in recipe.datasets))}
    entries = _entries(recipe, data, folds, advance)
    written = _grammar_entries(recipe, len(recipe.datasets), len(folds))
    corpus = collect(chain(entries, written), recipe, scratch)
    names = [(part.name, part.licence, part.weight, _digest(part, data)) for part in recipe.datasets]
    if recipe.training.grammar.rows:
        names.append((GRAMMAR, "MIT (written for Winnow)", recipe.training.grammar.weight, ""))
    facts = tuple(_facts(corpus, index, *name) for index, name in enumerate(names))
    return replace(corpus, facts=facts)


def _entries(recipe: Recipe, data: Path, folds: dict[str, int], advance: Progress) -> Iterator[Entry]:
    """Yield the rows that have a label; tell how many bytes of files were read after each file."""
    read = 0
    for index, dataset in enumerate(recipe.datasets):
        for path in set_files(dataset, data):
            for row in read_rows(path):
                labels = labels_of(row, dataset)
                if any(fnmatchcase(row.id, pattern) for pattern in dataset.exclude):
                    continue
                if labels != (UNKNOWN, UNKNOWN):
                    severe = _value(row, (dataset.severe,))
                    yield Entry(row, labels, dataset.weight, index, folds[dataset.fold], severe)
            read += path.stat().st_size
            advance(read)


def _grammar_entries(recipe: Recipe, set_index: int, fold: int) -> Iterator[Entry]:
    if recipe.training.grammar.rows == 0:
        return
    from model.dataset import parse_row
    from model.grammar import write_rows

    own = DataSet(GRAMMAR, "", own_labels())
    for value in write_rows(recipe.seed, recipe.training.grammar.rows):
        row = parse_row(value, GRAMMAR)
        yield Entry(row, labels_of(row, own), recipe.training.grammar.weight, set_index, fold)


def collect(entries: Iterable[Entry], recipe: Recipe, scratch: Path) -> Corpus:
    """Turn entries into a corpus, block by block."""
    tables = load_tables()
    parts: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]] = []
    columns: list[tuple[int, int, float, int, int, bool, str, int]] = []
    total = 0
    with tempfile.NamedTemporaryFile(dir=scratch, delete=False) as file:
        for block in _blocks(entries):
            texts = [_fields(entry.row, recipe, len(columns) + at) for at, entry in enumerate(block)]
            keys, ends, sizes = find_rows(*encode_rows(texts), tables)
            keys.tofile(file)
            parts.append((ends[1:] + total, sizes))
            total += keys.size
            columns.extend(_columns(entry) for entry in block)
    mapped = np.memmap(file.name, np.uint32, "r", shape=(total,)) if total else np.empty(0, np.uint32)
    ends, sizes = (np.concatenate(part) for part in zip((np.zeros(1, np.int64), _NOTHING), *parts, strict=True))
    return _assemble(Rows(np.asarray(mapped), ends, sizes), columns)


def _assemble(rows: Rows, columns: list[tuple[int, int, float, int, int, bool, str, int]]) -> Corpus:
    spam, toxic, weights, sets, folds, links, languages, severe = zip(*columns, strict=True) if columns else ((),) * 8
    return Corpus(
        rows,
        {"spam": np.array(spam, np.int8), "toxic": np.array(toxic, np.int8)},
        np.array(weights, np.float64), np.array(sets, np.int16), np.array(folds, np.int16), np.array(links, np.bool_),
        np.array(languages, np.str_), np.array(severe, np.int8), (),
    )  # fmt: skip


def _columns(entry: Entry) -> tuple[int, int, float, int, int, bool, str, int]:
    row = entry.row
    return *entry.labels, entry.weight, entry.set_index, entry.fold, has_link(row.text), row.language, entry.severe


def _blocks(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    block: list[Entry] = []
    for entry in entries:
        block.append(entry)
        if len(block) == BLOCK_ROWS:
            yield block
            block = []
    if block:
        yield block


def _fields(row: Row, recipe: Recipe, number: int) -> tuple[str, str, str]:
    """Return what the model reads of a row in training; some rows are rewritten with disguises."""
    text = row.text[: recipe.training.text_limit]
    rng = np.random.default_rng([recipe.seed, number])
    if rng.random() < recipe.training.disguised:
        text = disguise(text, rng)
    return text, row.author, row.url


def _digest(dataset: DataSet, data: Path) -> str:
    digest = hashlib.sha256()
    for path in set_files(dataset, data):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _facts(corpus: Corpus, index: int, name: str, licence: str, weight: float, sha256: str) -> Facts:
    own = corpus.sets == index
    counts = {
        label: (int((truth[own] == 1).sum()), int((truth[own] == 0).sum())) for label, truth in corpus.truth.items()
    }
    return Facts(name, licence, weight, int(own.sum()), counts, sha256)
