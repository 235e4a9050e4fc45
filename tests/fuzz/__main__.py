"""Fuzz one target: ``python -m tests.fuzz TARGET SECONDS [FOLDER]``.

Coverage-guided (atheris, which is libFuzzer). FOLDER keeps what was found to reach new code, from run to run; seeds are
in ``corpus``. Ends with a traceback and the input in hexadecimal where something does not hold, and at one input that
takes too long.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

import atheris

from model.kernel_cache import SOURCES
from tests.fuzz.plain_python import interpret

CORPUS = Path(__file__).with_name("corpus")
INSTRUMENTED = ["moderation", "model", "email_validator", "itsdangerous", "urllib3"]
KERNEL_TARGETS = ("normaliser", "features")
MAX_BYTES = {"normaliser": 400, "loader": 4_096}
TIMEOUT_SECONDS = 60  # For one input, on however busy a machine; a hang ends here. The targets count CPU time.
MEMORY_MB = 2_048


def load(name: str) -> object:
    """Import what a target reads with, with counters in it, and return the target."""
    warnings.simplefilter("ignore")
    if name == "normaliser":
        interpret()
    # Code with counters in it cannot be compiled by numba.
    exclude = [] if name == "normaliser" else [f"model.{Path(file).stem}" for file in SOURCES]
    with atheris.instrument_imports(include=INSTRUMENTED, exclude=exclude):
        from tests.fuzz import kernels, targets
    if name not in KERNEL_TARGETS:
        return targets.PLAIN_TARGETS[name]
    make = kernels.make_normaliser if name == "normaliser" else kernels.make_features
    with atheris.instrument_imports(include=INSTRUMENTED, exclude=exclude):
        return targets.model_target(make)


def main() -> None:
    """Fuzz until the time is up."""
    name, seconds = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="winnow-fuzz-") as scratch:
        found = Path(sys.argv[3]) if len(sys.argv) > 3 else Path(scratch)
        found.mkdir(parents=True, exist_ok=True)
        options = [
            f"-max_total_time={seconds}",
            f"-max_len={MAX_BYTES.get(name, 2_048)}",
            f"-timeout={TIMEOUT_SECONDS}",
            f"-rss_limit_mb={MEMORY_MB}",
            f"-artifact_prefix={scratch}/",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *options, str(found), str(CORPUS / name)], load(name))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
