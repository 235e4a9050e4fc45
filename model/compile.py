"""``python -m model.compile``: compile kernels into numba's cache on disk, so that no request pays for it.

All of them, or with ``--serving`` those alone that serving calls; then the first training compiles the rest.
"""

import argparse
import sys
import time
from typing import Final

import numpy as np

from model import hashing
from model.serving import Model
from model.tables import load_tables

COLUMNS: Final = 2


def compile_serving() -> None:
    """Compile what serving calls, with empty weights; no model is needed."""
    weights = np.zeros((hashing.SLOT_COUNT + 1 + hashing.GROUP_COUNT, COLUMNS), np.float32)
    weights.setflags(write=False)
    tables = load_tables()
    tables.setflags(write=False)
    Model("none", ("spam", "toxicity"), {}, weights, tables).warm_up()


def compile_training() -> None:
    """Compile what training calls on top of serving."""
    from model.batch import encode_rows, find_rows
    from model.solver import Rows, decide, design, fit_logistic

    tables = load_tables()
    tables.setflags(write=False)
    codes, lengths = encode_rows([("good", "", ""), ("bad", "", "")])
    rows = design(Rows(*find_rows(codes, lengths, tables)), counts=np.ones(2, np.bool_))
    fitted = fit_logistic(rows, np.array([0, 1], np.int8), np.ones(2), epochs=1)
    decide(np.arange(2), rows, fitted[0])


def main() -> None:
    """Compile what was asked for and say how long it took."""
    parser = argparse.ArgumentParser(prog="python -m model.compile", description="Compile the classifier ahead of use.")
    parser.add_argument("--serving", action="store_true", help="only what serving calls, in three quarters of the time")
    chosen = parser.parse_args()
    started = time.monotonic()
    compile_serving()
    if not chosen.serving:
        compile_training()
    sys.stdout.write(f"Compiled the classifier in {time.monotonic() - started:.1f} s.\n")


if __name__ == "__main__":
    main()
