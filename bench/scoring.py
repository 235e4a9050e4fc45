"""``python -m bench.scoring``: how fast comments are scored, beside scikit-learn and fastText.

All contenders are trained on the same rows and run on the same texts, in one process and in alternation, so that
whatever else the machine does falls on all of them. Ratios are medians over rounds of the ratio within a round. Without
``--data`` the rows are those that the grammar writes.
"""

import argparse
import gc
import importlib.util
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench import contenders
from bench.contenders import Contender
from model.dataset import read_rows
from model.grammar import write_rows
from model.measures import auc

SETS: Final = ("youtube_spam_collection", "sms_spam", "tg_spam_umputun", "se_titles")
"""Sets with both labels, if ``--data`` is given; the lengths of their texts are those of comments."""
ROWS: Final = 8000
HELD_OUT: Final = 2000
SINGLE_TEXTS: Final = 300
ROUNDS: Final = 15
BATCH_ROUNDS: Final = 5
SEED: Final = 7
OURS, SKLEARN, FASTTEXT, INNER, PIECES = 0, 1, 3, 4, 5

Round = list[float]


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds of each round (rows) and contender (columns), for one comment at a time and for all at once."""

    single: list[Round]
    batch: list[Round]


def load_rows(data: Path | None) -> tuple[list[str], list[int]]:
    """Return texts and labels, shuffled the same way each time.

    Raises:
        SystemExit: The directory has none of the sets.
    """
    if data is None:
        pairs = [(row["text"], row["labels"]["spam"]) for row in write_rows(SEED, ROWS + HELD_OUT)]
    else:
        files = [path for name in SETS for path in sorted(data.glob(f"{name}.jsonl*"))]
        found = ((row.text, row.labels.get("spam")) for path in files for row in read_rows(path))
        pairs = [(text, label) for text, label in found if label is not None]
    if len(pairs) < 100:
        raise SystemExit(f"{data} has too few labelled rows of {', '.join(SETS)}.")
    random.Random(SEED).shuffle(pairs)
    pairs = [(" ".join(text.split()), label) for text, label in pairs[: ROWS + HELD_OUT] if text.strip()]
    return [text for text, _ in pairs], [label for _, label in pairs]


def train_all(texts: Sequence[str], truth: Sequence[int]) -> list[Contender]:
    """Train every contender on the same rows; the order is that of the table."""
    makers = (
        contenders.ours,
        contenders.hashing_pipeline,
        contenders.tfidf_pipeline,
        contenders.fasttext_default,
        contenders.fasttext_inner,
        contenders.fasttext_pieces,
    )
    return [make(texts, truth) for make in makers]


def alternate(rounds: int, jobs: Sequence[Callable[[], object]]) -> list[Round]:
    """Return the seconds of every job in each round; each round begins with another job."""
    times = []
    gc.disable()
    try:
        for number in range(rounds):
            taken = [0.0] * len(jobs)
            for place in range(len(jobs)):
                at = (number + place) % len(jobs)
                started = time.process_time()
                jobs[at]()
                taken[at] = time.process_time() - started
            times.append(taken)
    finally:
        gc.enable()
    return times


def measure(found: Sequence[Contender], texts: Sequence[str], rounds: int, batch_rounds: int) -> Timed:
    """Time one comment at a time on some texts, and all texts at once."""
    some = list(texts[:SINGLE_TEXTS])
    for each in found:
        each.many(some)
        _loop(each, some[:50])
    single = alternate(rounds, [lambda each=each: _loop(each, some) for each in found])  # type: ignore[misc]
    batch = alternate(batch_rounds, [lambda each=each: each.many(texts) for each in found])  # type: ignore[misc]
    return Timed([[taken / len(some) for taken in row] for row in single], batch)


def _loop(contender: Contender, texts: Sequence[str]) -> None:
    one = contender.one
    for text in texts:
        one(text)


def ratio(rounds: Sequence[Round], over: int, under: int) -> float:
    """Return the median over rounds of one contender's time over another's."""
    return statistics.median(row[over] / row[under] for row in rounds)


def report(found: Sequence[Contender], timed: Timed, texts: Sequence[str], truth: Sequence[int]) -> dict[str, Any]:
    """Return all figures; times are medians."""
    columns = range(len(found))
    return {
        "single_over_fasttext": round(ratio(timed.single, OURS, FASTTEXT), 3),
        "single_over_fasttext_inner": round(ratio(timed.single, OURS, INNER), 3),
        "single_over_fasttext_with_pieces": round(ratio(timed.single, OURS, PIECES), 3),
        "batch_over_sklearn": round(ratio(timed.batch, SKLEARN, OURS), 2),
        "batch_over_fasttext": round(ratio(timed.batch, FASTTEXT, OURS), 2),
        "texts": len(texts),
        "mean_characters": round(statistics.mean(map(len, texts)), 1),
        "contenders": {
            found[at].name: {
                "single_microseconds": round(1e6 * statistics.median(row[at] for row in timed.single), 2),
                "batch_rows_per_second": round(len(texts) / statistics.median(row[at] for row in timed.batch)),
                "auc": _auc(found[at], texts, truth),
            }
            for at in columns
        },
    }


def _auc(contender: Contender, texts: Sequence[str], truth: Sequence[int]) -> float | None:
    area = auc(np.array(contender.many(texts), np.float64), np.array(truth) == 1)
    return area and round(area.value, 4)


def print_table(figures: dict[str, Any], source: str) -> None:
    """Print the figures for people."""
    from rich.console import Console
    from rich.table import Table

    title = f"Scoring {figures['texts']:,} texts of {figures['mean_characters']:.0f} characters on average ({source})"
    table = Table(title=title, title_justify="left")
    for column in ("", "one comment, µs", "batch, rows a second", "AUC, held out"):
        table.add_column(column, justify="left" if not column else "right")
    for name, of in figures["contenders"].items():
        cells = (f"{of['single_microseconds']:.1f}", f"{of['batch_rows_per_second']:,}", f"{of['auc'] or 0:.4f}")
        table.add_row(name, *cells)
    Console(width=100).print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, time and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.scoring", description=__doc__.split("\n")[0] if __doc__ else ""
    )
    parser.add_argument("--data", type=Path, help="directory of the labelled sets; written rows are used without it")
    parser.add_argument("--json", action="store_true", help="print the JSON line alone")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"rounds of single comments (default {ROUNDS})")
    chosen = parser.parse_args(arguments)
    if importlib.util.find_spec("fasttext") is None:
        raise SystemExit("fastText is missing. Install it with: pip install 'winnow[bench]'")
    texts, truth = load_rows(chosen.data)
    cut = len(texts) - min(HELD_OUT, len(texts) // 5)
    found = train_all(texts[:cut], truth[:cut])
    timed = measure(found, texts[cut:], max(1, chosen.rounds), BATCH_ROUNDS)
    figures = report(found, timed, texts[cut:], truth[cut:])
    if not chosen.json:
        print_table(figures, "labelled sets" if chosen.data else "written by the grammar")
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
