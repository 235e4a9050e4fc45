"""Work spread over processes, or over a Dask cluster, gives the same bytes as one process."""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from model.artifact import BASE_DIRECTORY, ModelRefused, load_model
from model.cli import cli
from model.dataset import DatasetError
from model.scorefile import score_file
from tests.conftest import require

pytestmark = pytest.mark.slow  # What is tested is imported late: scikit-learn takes seconds.

WORDS = (
    "tomato garden harvest check my channel casino bonus music engine пример 例え you idiot http://a.example".split()
)
ROWS = 4_321  # More than four blocks, the last one not whole.


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of comments with all kinds of fields."""
    rng = random.Random(6)
    path = tmp_path_factory.mktemp("spread") / "rows.jsonl"
    lines = []
    for number in range(ROWS):
        row = {"text": f"{number} " + " ".join(rng.choices(WORDS, k=rng.randrange(1, 30)))}
        if number % 3 == 0:
            row |= {"author": rng.choice(WORDS), "url": "https://b.example"}
        lines.append(json.dumps(row, ensure_ascii=False))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def alone(rows: Path) -> bytes:
    """What one process makes of it."""
    target = rows.with_name("alone.jsonl")
    assert score_file(load_model(BASE_DIRECTORY), rows, target) == ROWS
    return target.read_bytes()


@pytest.fixture(scope="module")
def dask() -> Iterator[str]:
    """Run Dask's local cluster with two worker processes; give the address of its scheduler."""
    require(find_spec("distributed"), "This test needs Dask: pip install distributed.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from distributed import LocalCluster

        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster:
            yield cluster.scheduler_address


def test_processes_score_a_file_to_the_same_bytes(rows: Path, alone: bytes, tmp_path: Path) -> None:
    from model.spread import score_file_spread

    seen: list[int] = []

    count = score_file_spread(load_model(BASE_DIRECTORY), BASE_DIRECTORY, rows, tmp_path / "o", seen.append, jobs=2)

    assert count == sum(seen) == ROWS
    assert (tmp_path / "o").read_bytes() == alone


def test_processes_find_the_same_features() -> None:
    from model.spread import BLOCK_COMMENTS, features_spread
    from model.transformer import HashedFeatures

    rng = random.Random(7)
    texts = [" ".join(rng.choices(WORDS, k=rng.randrange(0, 40))) for _ in range(2 * BLOCK_COMMENTS + 7)]

    _assert_same(features_spread(texts, jobs=2), HashedFeatures().transform(texts))
    _assert_same(features_spread([], jobs=2), HashedFeatures().transform([]))


def _assert_same(found: object, expected: object) -> None:
    for name in ("data", "indices", "indptr"):
        one, other = getattr(found, name), getattr(expected, name)
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    assert found.shape == expected.shape  # type: ignore[attr-defined]


def test_a_row_that_does_not_parse_is_named_and_leaves_no_output(rows: Path, tmp_path: Path) -> None:
    from model.spread import score_file_spread

    broken = tmp_path / "broken.jsonl"
    broken.write_bytes(rows.read_bytes() + b"{}\n")

    with pytest.raises(DatasetError, match=f"line {ROWS + 1}"):
        score_file_spread(load_model(BASE_DIRECTORY), BASE_DIRECTORY, broken, tmp_path / "o", jobs=2)

    assert list(tmp_path.iterdir()) == [broken]


def test_workers_refuse_another_version(rows: Path, tmp_path: Path) -> None:
    import shutil

    from model.spread import score_file_spread

    other = tmp_path / "other"
    shutil.copytree(BASE_DIRECTORY, other)
    model = load_model(other)
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps({**manifest, "version": "other-1"}))

    with pytest.raises(ModelRefused):
        score_file_spread(model, other, rows, tmp_path / "o", jobs=2)


def test_the_command_scores_with_jobs(rows: Path, alone: bytes, tmp_path: Path) -> None:
    target = tmp_path / "o"
    asked = ["score", str(rows), "--output", str(target), "--model", str(BASE_DIRECTORY), "--jobs", "2", "--json"]

    answer = CliRunner().invoke(cli, asked)

    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.output)["rows"] == ROWS
    assert target.read_bytes() == alone


def test_a_scheduler_that_does_not_answer_is_one_sentence(rows: Path, tmp_path: Path) -> None:
    asked = ["score", str(rows), "--output", str(tmp_path / "o"), "--model", str(BASE_DIRECTORY)]

    answer = CliRunner().invoke(cli, [*asked, "--dask", "tcp://127.0.0.1:9"])

    assert answer.exit_code == 2
    assert "Dask" in answer.output
    assert "Traceback" not in answer.output


@pytest.mark.filterwarnings("ignore")  # Dask's own warnings about its event loop are not ours.
def test_a_dask_cluster_gives_the_same_bytes(rows: Path, alone: bytes, dask: str, tmp_path: Path) -> None:
    from model.spread import features_spread, on_dask, score_file_spread
    from model.transformer import HashedFeatures

    texts = [json.loads(line)["text"] for line in rows.read_text(encoding="utf-8").splitlines()]

    with on_dask(dask):
        score_file_spread(load_model(BASE_DIRECTORY), BASE_DIRECTORY, rows, tmp_path / "o", jobs=-1)
        found = features_spread(texts, jobs=-1)
    asked = ["score", str(rows), "--output", str(tmp_path / "p"), "--model", str(BASE_DIRECTORY), "--dask", dask]
    answer = CliRunner().invoke(cli, asked)

    assert (tmp_path / "o").read_bytes() == alone
    _assert_same(found, HashedFeatures().transform(texts))
    assert answer.exit_code == 0, answer.output
    assert (tmp_path / "p").read_bytes() == alone
