"""Ties numba's cache on disk to the sources of all compiled code.

numba knows a cached kernel by the file it is written in alone. A kernel of ``batch.py`` that calls one of
``hashing.py`` would therefore be served from the cache, with the old code inside, after ``hashing.py`` has changed:
training and serving would drift without a word. Here every kernel's stamp is a digest of all of these files.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

SOURCES: Final = (
    "batch.py", "evidence.py", "hashing.py", "lookalikes.py", "markup.py", "normalise.py", "sketch.py", "solver.py",
    "tables.py", "workarea.py",
)  # fmt: skip
"""Every module with compiled code, or with constants that are compiled into it."""


def stamped(dispatcher: Any) -> Any:
    """Return a numba dispatcher whose cached code is used only while no source of compiled code has changed.

    Args:
        dispatcher: What ``numba.njit(cache=True)`` made of a function.
    """
    file = dispatcher._cache._cache_file
    file._source_stamp = sources_digest()
    # numba looks at the version before it unpickles the rest, which may name classes that have moved since.
    file._version = f"{file._version} {sources_digest()}"
    return dispatcher


@cache
def sources_digest() -> str:
    """Return the digest of all sources of compiled code."""
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()
