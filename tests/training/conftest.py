"""Small models that tests of evaluation and reports share: trained in seconds on rows that the grammar writes."""

import json
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from model.artifact import load_model
from model.grammar import write_rows
from model.recipe import DataSet, Recipe, Training, own_labels
from model.serving import Model, Thresholds
from model.train import train


def fit_small(rows: list[dict], *, version: str, labels: Iterable[str] = ("spam",)) -> Model:
    """Train a model the way an operator does, and give it round thresholds."""
    part = DataSet("rows", "rows.jsonl", own_labels(labels))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_jsonl(folder / "rows.jsonl", rows)
        train(Recipe(version, (part,), Training(epochs=4)), folder, folder / "model")
        model = load_model(folder / "model")
    thresholds = {name: Thresholds(0.5, 0.9 if name == "spam" else None) for name in model.labels}
    return replace(model, thresholds=thresholds)


def write_jsonl(path: Path, rows: Iterable[dict]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def small_model() -> Model:
    return fit_small(list(write_rows(1, 1500)), version="small-1")


@pytest.fixture(scope="session")
def smaller_model() -> Model:
    return fit_small(list(write_rows(2, 60)), version="smaller-1")


@pytest.fixture(scope="session")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 600 written rows that no small model was trained on."""
    return write_jsonl(tmp_path_factory.mktemp("rows") / "held_out.jsonl", write_rows(9, 600))
