"""Scoring files of comments and comparing models on them, block by block, so that any length streams."""

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from model.dataset import Row, numbered_lines, parse_object, parse_row
from model.serving import Model, Thresholds

BLOCK_ROWS: Final = 1000
Progress = Callable[[int], None]
Line = tuple[int, str]
Located = tuple[dict[str, Any], Row]


def score_file(model: Model, source: Path, target: Path, advance: Progress = lambda count: None) -> int:
    """Write every row of a file with its ``scores``; return how many. The target appears only when all went well.

    Raises:
        DatasetError: The file cannot be read or a row does not parse.
    """
    return write_blocks((score_lines(model, source, lines) for lines in raw_blocks(source)), target, advance)


def score_lines(model: Model, source: Path, lines: list[Line]) -> str:
    """Return the lines of a block with their scores, as they stand in the output.

    Raises:
        DatasetError: A row does not parse.
    """
    block = [_located(line, source, number) for number, line in lines]
    parts: list[str] = []
    for (value, _), scores in zip(block, _scores(model, block), strict=True):
        named = dict(zip(model.labels, (round(float(score), 6) for score in scores), strict=True))
        parts.append(json.dumps({**value, "scores": named}, ensure_ascii=False) + "\n")
    return "".join(parts)


def write_blocks(blocks: Iterable[str], target: Path, advance: Progress) -> int:
    """Write blocks of lines in their order; return how many lines. The target appears only when all went well."""
    count = 0
    with tempfile.NamedTemporaryFile("w", dir=target.absolute().parent, delete=False, encoding="utf-8") as file:
        staged = Path(file.name)
        try:
            for block in blocks:
                file.write(block)
                rows = block.count("\n")  # JSON keeps the line breaks of texts escaped.
                count += rows
                advance(rows)
        except BaseException:
            staged.unlink()
            raise
    staged.chmod(0o644)
    staged.rename(target)
    return count


def raw_blocks(source: Path) -> Iterator[list[Line]]:
    """Yield the numbered lines of a file, so many at once.

    Raises:
        DatasetError: The file cannot be read.
    """
    lines = numbered_lines(source)
    while block := list(islice(lines, BLOCK_ROWS)):
        yield block


def compare_models(models: tuple[Model, Model], source: Path, advance: Progress = lambda count: None) -> dict[str, Any]:
    """Return, for each label both models have, how many rows would get another action, and which.

    Raises:
        DatasetError: The file cannot be read or a row does not parse.
    """
    first, second = models
    shared = [label for label in first.labels if label in second.labels]
    changes: dict[str, Counter[str]] = {label: Counter() for label in shared}
    sums = dict.fromkeys(shared, 0.0)
    count = 0
    for block in _blocks(source):
        scores = _scores(first, block), _scores(second, block)
        for label in shared:
            new, old = scores[0][:, first.labels.index(label)], scores[1][:, second.labels.index(label)]
            pairs = zip(_actions(second.thresholds[label], old), _actions(first.thresholds[label], new), strict=True)
            changes[label].update(f"{before} → {after}" for before, after in pairs if before != after)
            sums[label] += float((new - old).sum())
        count += len(block)
        advance(len(block))
    parts = {label: _part(changes[label], sums[label], count) for label in shared}
    return {"first": first.version, "second": second.version, "rows": count, "labels": parts}


def _part(changes: Counter[str], total: float, count: int) -> dict[str, Any]:
    mean = total / count if count else 0.0
    return {"different": changes.total(), "mean_change": round(mean, 6), "changes": dict(changes.most_common())}


def _actions(thresholds: Thresholds, scores: npt.NDArray[np.float64]) -> list[str]:
    reject = 2.0 if thresholds.reject is None else thresholds.reject
    review = 2.0 if thresholds.review is None else thresholds.review
    return ["reject" if score >= reject else "review" if score >= review else "approve" for score in scores.tolist()]


def _scores(model: Model, block: list[Located]) -> npt.NDArray[np.float64]:
    return model.score_batch([(row.text, row.author, row.url) for _, row in block])


def _blocks(source: Path) -> Iterator[list[Located]]:
    for lines in raw_blocks(source):
        yield [_located(line, source, number) for number, line in lines]


def _located(line: str, source: Path, number: int) -> Located:
    value = parse_object(line, source, number)
    return value, parse_row(value, f"{source.name} line {number}")
