"""A disk that can be made slow or full for the store, by a small library that is built here and preloaded."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.conftest import require

SOURCE = Path(__file__).with_name("shim.c")


class Disk:
    """Where the store believes to write."""

    def __init__(self, directory: Path) -> None:
        """Build the library, or skip where there is no compiler."""
        compiler = shutil.which("cc") or shutil.which("gcc")
        require(compiler, "This test builds a small C library and needs a compiler: install gcc.")
        directory.mkdir(parents=True, exist_ok=True)
        self._slow = directory / "slow"
        self._full = directory / "full"
        library = directory / "shim.so"
        subprocess.run([str(compiler), "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
        self.environ = {"LD_PRELOAD": str(library), "FAULT_SLOW": str(self._slow), "FAULT_FULL": str(self._full)}

    def slow_down(self, milliseconds: int) -> None:
        """Make every fsync take so much longer."""
        self._slow.write_text(str(milliseconds))

    def fill(self) -> None:
        """Let every write fail as on a full disk."""
        self._full.touch()

    def free(self) -> None:
        """Make room again."""
        self._full.unlink()
