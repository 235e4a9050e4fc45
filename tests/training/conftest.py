"""Small models that tests of training, evaluation and benches share: trained in seconds on rows the grammar writes."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest

from model import hashing
from model.batch import encode_rows, find_rows
from model.dataset import SCORE_OF_LABEL
from model.grammar import write_rows
from model.serving import Model, Thresholds
from model.solver import fit_logistic
from model.tables import load_tables


def fit_small(rows: list[dict], *, version: str, labels: Iterable[str] = ("spam",)) -> Model:
    """Train a model on plain rows, without calibration, with round thresholds."""
    tables = load_tables()
    fields = [(row["text"], row.get("author") or "", row.get("url") or "") for row in rows]
    keys, ends, sizes = find_rows(*encode_rows(fields), tables)
    weights = np.zeros((hashing.SLOT_COUNT + 1 + hashing.GROUP_COUNT, 2), np.float32)
    weights[hashing.SLOT_COUNT + 1 :] = 1.0
    for column, label in enumerate(labels):
        given = [row["labels"].get(label) for row in rows]
        costs = np.array([0.0 if value is None else 5.0 for value in given])
        truth = np.array([value or 0 for value in given], np.int8)
        weights[: hashing.SLOT_COUNT + 1, column] = fit_logistic(keys, ends, sizes, truth, costs, epochs=6)[0]
    names = tuple(SCORE_OF_LABEL[label] for label in labels)
    thresholds: Mapping[str, Thresholds] = {name: Thresholds(0.5, 0.9 if name == "spam" else None) for name in names}
    return Model(version, names, thresholds, weights, tables)


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
