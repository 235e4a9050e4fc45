"""``python -m bench.tubespam --data DIR``: a model of a few hundred comments, without the base.

For each video of the YouTube Spam Collection a model is trained on nine tenths of its comments, as ``winnow model
train --recipe`` does, and judges the rest; ten times. The published figure of TubeSpam's authors, 95.10 for the best
single method, is for their own split, whose test part is not among these rows.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from model.artifact import load_model
from model.dataset import Row, read_rows
from model.recipe import DataSet, Recipe, own_labels
from model.train import train

NAME: Final = "youtube_spam_collection"
FOLDS: Final = 10
HALF: Final = 0.5
SEED: Final = 1


def by_video(data: Path) -> dict[str, list[Row]]:
    """Return the labelled comments of each video.

    Raises:
        SystemExit: The directory does not have the set.
    """
    files = sorted(data.glob(f"{NAME}.jsonl*"))
    if not files:
        raise SystemExit(f"{data} does not have the set {NAME}.")
    videos: dict[str, list[Row]] = {}
    for path in files:
        for row in read_rows(path):
            if row.labels.get("spam") is not None:
                videos.setdefault(row.source, []).append(row)
    return videos


def accuracy(rows: Sequence[Row], scratch: Path) -> float:
    """Return the share of comments judged rightly by models that had not seen them."""
    folds = np.random.default_rng(SEED).permutation(len(rows)) % FOLDS
    right = 0
    for fold in range(FOLDS):
        seen = [row for row, own in zip(rows, folds, strict=True) if own != fold]
        unseen = [row for row, own in zip(rows, folds, strict=True) if own == fold]
        _write(scratch / "seen.jsonl", seen)
        train(Recipe("video", (DataSet("seen", "seen.jsonl", own_labels(("spam",))),)), scratch, scratch / "made")
        scores = load_model(scratch / "made").score_batch([(row.text, row.author, row.url) for row in unseen])[:, 0]
        right += sum((score >= HALF) == row.labels["spam"] for score, row in zip(scores, unseen, strict=True))
    return right / len(rows)


def _write(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            value = {"id": row.id, "text": row.text, "author": row.author, "url": row.url, "labels": dict(row.labels)}
            file.write(json.dumps(value) + "\n")


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Print a line a video, and all as one line of JSON at the end."""
    parser = argparse.ArgumentParser(prog="python -m bench.tubespam", description=str(__doc__).partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="where the set's file is")
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        for video, rows in by_video(parser.parse_args(arguments).data).items():
            found[video] = round(100 * accuracy(rows, Path(scratch)), 2)
            sys.stdout.write(f"{video:>12}  {len(rows):4} comments  {found[video]:6.2f} % right\n")
            sys.stdout.flush()
    figures = {"videos": found, "mean_accuracy": round(statistics.mean(found.values()), 2)}
    sys.stdout.write(json.dumps(figures) + "\n")
    return figures


if __name__ == "__main__":
    main()
