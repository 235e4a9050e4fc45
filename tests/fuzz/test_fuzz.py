"""Rubbish in, nothing broken: what reads strangers' bytes, under a fuzzer that follows the code's branches.

``WINNOW_FUZZ_SECONDS`` gives each target longer, ``WINNOW_FUZZ_FOLDER`` keeps what reached new code for the next run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import require
from tests.fuzz import kernels, targets
from tests.processes import ROOT, clean_environ

CORPUS = Path(__file__).with_name("corpus")
SECONDS = int(os.environ.get("WINNOW_FUZZ_SECONDS", "10"))
FOLDER = os.environ.get("WINNOW_FUZZ_FOLDER")
SEEDS = sorted(CORPUS.glob("*/*"))
NAMES = (*targets.PLAIN_TARGETS, "normaliser", "features")
RUNS_AT_LEAST = 50  # In the short form, on a busy machine; below it nothing was tried.
SEED_BYTES_MAX = 16_000

# What the fuzzer found once. Each broke the target that is named before it.
FOUND = [
    ("loader", b"\x01PK\x03\x04"),
    ("loader", b"\x01\x93NUMPY\x01\x00v\x00{'descr': '<f2', 'fortran_order': False, 'shape': (%d,), }" % 10**15),
    ("loader", b"\x01\x93NUMPY\x01\x00v\x00{'descr': '<f2', 'fortran_order': False, 'shape': (%d,), }" % 10**30),
    ("loader", b"\x01\x93NUMPY\x01\x00\x20\x00" + b"(" * 31 + b"\n"),
]


@pytest.fixture(scope="session")
def features() -> targets.Target:
    """Give the target of the compiled kernels; loading the model takes a moment."""
    return targets.model_target(kernels.make_features)


def run(name: str, data: bytes, features: Callable[[bytes], None]) -> None:
    (targets.PLAIN_TARGETS.get(name) or features)(data)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed.parent.name}-{seed.name}")
def test_every_seed_is_read_without_harm(seed: Path, features: targets.Target) -> None:
    run(seed.parent.name, seed.read_bytes(), features)


@pytest.mark.parametrize("name, data", FOUND, ids=["archive", "terabytes", "no size", "nested"])
def test_what_was_found_stays_mended(name: str, data: bytes, features: targets.Target) -> None:
    run(name, data, features)


def test_every_target_has_seeds_and_they_are_small() -> None:
    assert {seed.parent.name for seed in SEEDS} == set(NAMES)
    assert sum(seed.stat().st_size for seed in SEEDS) < SEED_BYTES_MAX


@pytest.mark.parametrize(
    "name, seed, place, broken",
    [
        ("html", "page", "plain_text", lambda text, _: text * 2),
        ("email", "plain", "forget_all", lambda text: text),
        ("url", "page", "host", lambda _: "A/"),
        ("akismet", "wordpress", "ALLOWED", frozenset()),
        ("submission", "least", "CONTENT_MAX", -200),
        ("cursor", "signed", "Cursors", lambda _: _BlindCursors()),
    ],
)
def test_a_target_notices_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, name: str, seed: str, place: str, broken: object
) -> None:
    """Each property is one that can fail: here the code under test, or its limit, is broken on purpose."""
    monkeypatch.setattr(targets, place, broken)

    with pytest.raises(AssertionError):
        targets.PLAIN_TARGETS[name]((CORPUS / name / seed).read_bytes())


class _BlindCursors:
    def read(self, *_: object) -> object:
        return targets.Position(0.0, "x")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_fuzzing_finds_nothing(name: str) -> None:
    require(find_spec("atheris"), "There is no atheris here; it comes ready-made for Linux on x86-64.")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(FOLDER) / name if FOLDER else Path(scratch)
        command = [sys.executable, "-m", "tests.fuzz", name, str(SECONDS), str(folder)]
        done = subprocess.run(
            command, cwd=ROOT, env=clean_environ(), capture_output=True, text=True, timeout=10 * SECONDS + 200
        )

    said = done.stderr
    assert done.returncode == 0, said[-3000:]
    assert int(said.partition("stat::number_of_executed_units:")[2].split()[0]) > RUNS_AT_LEAST


@pytest.mark.slow
def test_compiled_kernels_mean_what_their_source_says(tmp_path: Path) -> None:
    """As plain Python, in a process of its own, the kernels give the scores that they give compiled."""
    script = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "from tests.fuzz.plain_python import interpret\n"
        "if sys.argv[1] == 'plain': interpret()\n"
        "from pathlib import Path\n"
        "from tests.fuzz.targets import fields\n"
        "from model.artifact import BASE_DIRECTORY, load_model\n"
        "model = load_model(BASE_DIRECTORY)\n"
        "for seed in sorted(Path('tests/fuzz/corpus/features').iterdir()):\n"
        "    text, author, url = fields(seed.read_bytes(), 3)\n"
        "    scores = model.score(text, author=author, url=url)\n"
        "    print(seed.name, *(f'{score:.9f}' for score in scores.values()), model.sketch(text)[:4])\n"
    )

    plain, compiled = (
        subprocess.run(
            [sys.executable, "-c", script, form], cwd=ROOT, env=clean_environ(), capture_output=True, text=True
        )
        for form in ("plain", "compiled")
    )

    assert plain.returncode == compiled.returncode == 0, plain.stderr + compiled.stderr
    assert plain.stdout.count("\n") == len(list((CORPUS / "features").iterdir()))
    assert plain.stdout == compiled.stdout
