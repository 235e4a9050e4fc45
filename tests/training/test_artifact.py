"""Models survive the way to disk, and anything that is not exactly one is refused with a sentence."""

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model import hashing, registry
from model.artifact import BASE_DIRECTORY, ModelRefused, load_model, read_manifest, save_model


def make(directory: Path, version: str = "test-1", seed: int = 1) -> Path:
    slots = np.random.default_rng(seed).normal(size=(hashing.SLOT_COUNT, 2)).astype(np.float16)
    numbers = {"spam": 0.5, "toxicity": -0.5}
    manifest = {
        "version": version, "labels": ["spam", "toxicity"], "bias": numbers,
        "multipliers": {name: {"spam": 1.0, "toxicity": 1.0} for name in hashing.GROUP_NAMES},
        "thresholds": {"spam": {"review": 0.2, "reject": 0.9}, "toxicity": {"review": 0.5, "reject": None}},
        "metrics": {}, "training": {}, "libraries": {},
    }  # fmt: skip
    save_model(directory, manifest, slots)
    return directory


def edit_manifest(directory: Path, change: Callable[[dict], None]) -> None:
    path = directory / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_a_saved_model_loads(tmp_path: Path) -> None:
    model = load_model(make(tmp_path / "m"))

    assert model.version == "test-1"
    assert model.thresholds["toxicity"].reject is None
    assert 0.0 <= model.score("hello")["spam"] <= 1.0


def test_equal_models_have_equal_bytes(tmp_path: Path) -> None:
    first, second = make(tmp_path / "a"), make(tmp_path / "b")

    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in ("manifest.json", "weights.npy"))


def _cut(d: Path) -> None:
    data = (d / "weights.npy").read_bytes()
    (d / "weights.npy").write_bytes(data[: len(data) // 2])


def _flip(d: Path) -> None:
    data = bytearray((d / "weights.npy").read_bytes())
    data[5000] ^= 1
    (d / "weights.npy").write_bytes(bytes(data))


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("a model file ran code",)


def _pickle(d: Path) -> None:
    import hashlib

    data = pickle.dumps(_Bomb())
    (d / "weights.npy").write_bytes(data)
    entry = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    edit_manifest(d, lambda m: m["files"].update({"weights.npy": entry}))


@pytest.mark.parametrize(
    "damage, word",
    [
        (_cut, "cut off"),
        (_flip, "damaged"),
        (_pickle, "not an array"),
        (lambda d: (d / "weights.npy").unlink(), "cannot be read"),
        (lambda d: (d / "manifest.json").unlink(), "cannot be read"),
        (lambda d: (d / "manifest.json").write_text("{"), "not JSON"),
        (lambda d: (d / "manifest.json").write_text("[" * 100_000), "not JSON"),
        (lambda d: (d / "manifest.json").write_text('{"kind": "other"}'), "no Winnow model"),
        (lambda d: edit_manifest(d, lambda m: m.update(schema=99)), "schema"),
        (lambda d: edit_manifest(d, lambda m: m.pop("labels")), "not complete"),
        (lambda d: edit_manifest(d, lambda m: m.update(labels=["toxicity", "spam"])), "not complete"),
        (lambda d: edit_manifest(d, lambda m: m["bias"].update(spam="0")), "not complete"),
        (lambda d: edit_manifest(d, lambda m: m["bias"].update(spam=float("nan"))), "not complete"),
        (lambda d: edit_manifest(d, lambda m: m["thresholds"]["spam"].update(reject=7)), "not complete"),
        (lambda d: edit_manifest(d, lambda m: m["features"].update(revision=-1)), "other features"),
        (lambda d: edit_manifest(d, lambda m: m.update(labels=["spam"])), "shape"),
        (lambda d: (d / "weights.npy").write_bytes(b"x" * 20_000_000), "larger"),
    ],
)  # fmt: skip
def test_what_is_no_model_is_refused_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None], word: str
) -> None:
    directory = make(tmp_path / "m")
    damage(directory)

    with pytest.raises(ModelRefused, match=word) as refusal:
        load_model(directory)

    assert str(refusal.value).endswith(".")
    assert "ran code" not in capsys.readouterr().out


def test_the_base_loads_and_is_small() -> None:
    size = sum(path.stat().st_size for path in BASE_DIRECTORY.iterdir())

    assert load_model(BASE_DIRECTORY).labels == ("spam", "toxicity")
    assert size <= 8 * 1024 * 1024


@pytest.mark.slow
def test_loading_and_scoring_need_no_scikit_learn() -> None:
    """numba itself looks whether SciPy is there, so only its heavy parts can be kept out."""
    code = (
        "import sys; from model.artifact import *; m = load_model(BASE_DIRECTORY); m.score('x');"
        "heavy = ('sklearn', 'scipy.sparse', 'scipy.optimize'); sys.exit(any(n.startswith(heavy) for n in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", code], timeout=240).returncode == 0


def test_promotion_and_the_way_back(tmp_path: Path) -> None:
    models = tmp_path / "models"
    assert registry.current_directory(models) == BASE_DIRECTORY

    assert registry.promote(make(tmp_path / "one", "v1"), models) == "v1"
    assert registry.promote(make(tmp_path / "two", "v2", 2), models) == "v2"
    assert load_model(registry.current_directory(models)).version == "v2"
    assert [e.version for e in registry.list_models(models) if e.is_current] == ["v2"]

    assert registry.rollback(models) == "v1"
    assert load_model(registry.current_directory(models)).version == "v1"
    assert registry.rollback(models) == "base"
    assert registry.current_directory(models) == BASE_DIRECTORY
    with pytest.raises(ModelRefused, match="none to go back"):
        registry.rollback(models)


def test_a_refused_promotion_leaves_the_old_model(tmp_path: Path) -> None:
    models = tmp_path / "models"
    registry.promote(make(tmp_path / "one", "v1"), models)
    bad = make(tmp_path / "bad", "v2")
    _flip(bad)

    with pytest.raises(ModelRefused):
        registry.promote(bad, models)

    assert registry.current_directory(models).name == "v1"
    assert sorted(path.name for path in models.iterdir()) == ["current", "history", "v1"]


def test_a_version_is_never_replaced_by_another_model(tmp_path: Path) -> None:
    models = tmp_path / "models"
    registry.promote(make(tmp_path / "one", "v1", 1), models)

    with pytest.raises(ModelRefused, match="already"):
        registry.promote(make(tmp_path / "two", "v1", 2), models)


@pytest.mark.parametrize("version", ["../x", "current", "a/b", ".hidden", ""])
def test_a_version_that_is_no_name_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(ModelRefused):
        registry.promote(make(tmp_path / "m", version), tmp_path / "models")


def test_versions_of_the_base_are_in_its_manifest() -> None:
    manifest = read_manifest(BASE_DIRECTORY)

    assert {"datasets", "settings", "seed"} <= set(manifest["training"])
    assert all(part["sha256"] or part["name"] == "grammar" for part in manifest["training"]["datasets"])
