"""Compiled code on disk never outlives a change of the code it was made from."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import model
from model.kernel_cache import SOURCES
from model.workarea import kernel

PACKAGE = Path(model.__file__).parent
KERNEL = "import numba\nfrom model.kernel_cache import stamped\n\n"
CALLEE = KERNEL + "@stamped\n@numba.njit(cache=True)\ndef add(x):\n    return x + {}\n"
CALLER = (
    KERNEL + "from model.hashing import add\n\n@stamped\n@numba.njit(cache=True)\ndef call(x):\n    return add(x)\n"
)


def test_every_module_with_compiled_code_is_a_source():
    compiled = {path.name for path in PACKAGE.glob("*.py") if re.search(r"^@kernel", path.read_text("utf-8"), re.M)}

    assert compiled
    assert compiled <= set(SOURCES)


def test_kernels_carry_the_stamp():
    def nothing():
        return 0

    assert isinstance(kernel(nothing)._cache._cache_file._source_stamp, str)


@pytest.mark.slow
def test_a_change_in_one_file_renews_kernels_of_another(tmp_path):
    small = tmp_path / "model"
    small.mkdir()
    for name in ("__init__.py", *SOURCES):
        (small / name).touch()
    shutil.copy(PACKAGE / "kernel_cache.py", small)
    (small / "batch.py").write_text(CALLER)
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)}

    def answer(added: int) -> int:
        (small / "hashing.py").write_text(CALLEE.format(added))
        asked = [sys.executable, "-c", "from model.batch import call; print(call(1))"]
        return int(subprocess.run(asked, env=env, cwd=tmp_path, check=True, capture_output=True).stdout)

    assert answer(1) == 2
    assert answer(9) == 10
