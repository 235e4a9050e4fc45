"""Runs the classifier's kernels as plain Python. Imports nothing of them itself, since it has to come first."""

from __future__ import annotations

import os

from model import kernel_cache


def interpret() -> None:
    """Make what is imported from ``model`` afterwards plain Python; to be called before any of it is imported."""
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    kernel_cache.stamped = lambda function: function  # There is no dispatcher to stamp.
