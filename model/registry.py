"""Which model is in use: versions side by side, a ``current`` link, and the way back.

A service's directory holds ``<version>/`` for every promoted model, ``current`` (a symbolic link that is replaced by an
atomic rename, so a reader sees the old model or the new one and never half of either) and ``history`` (one version a
line, the last one current). A model is loaded and checked before it is promoted. Nothing here deletes a model.
"""

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from model.artifact import BASE_DIRECTORY, MANIFEST, WEIGHTS, ModelRefused, load_model, read_manifest

CURRENT: Final = "current"
HISTORY: Final = "history"
BASE: Final = "base"
VERSION_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
CARD: Final = "MODEL_CARD.md"


@dataclass(frozen=True, slots=True)
class Entry:
    """One known model: its version, where it is, and whether it is the one in use."""

    version: str
    directory: Path
    is_current: bool


def current_directory(models_dir: Path) -> Path:
    """Return the directory of the model in use; the shipped base while none was promoted."""
    link = models_dir / CURRENT
    return link.resolve() if link.is_symlink() and link.exists() else BASE_DIRECTORY


def promote(model_dir: Path, models_dir: Path) -> str:
    """Put a model into use: check it, copy it beside the others, and swap the link. Return its version.

    Raises:
        ModelRefused: The model cannot be loaded, its version is no safe directory name, or other weights have it.
    """
    load_model(model_dir)
    version = str(read_manifest(model_dir)["version"])
    if not VERSION_PATTERN.fullmatch(version) or version in (CURRENT, HISTORY):
        raise ModelRefused(f"The version {version!r} cannot name a directory; use letters, digits, dots and dashes.")
    models_dir.mkdir(parents=True, exist_ok=True)
    _copy(model_dir, models_dir / version)
    _point(models_dir, version)
    _write_history(models_dir, [*history(models_dir), version])
    return version


def rollback(models_dir: Path) -> str:
    """Go back to the model that was in use before the current one. Return its version, ``base`` for the shipped one.

    Raises:
        ModelRefused: No model was promoted, or the earlier one cannot be loaded any more.
    """
    versions = history(models_dir)
    if not versions:
        raise ModelRefused("No model was promoted here, so there is none to go back from.")
    earlier = versions[:-1]
    if not earlier:
        (models_dir / CURRENT).unlink(missing_ok=True)
        _write_history(models_dir, [])
        return BASE
    load_model(models_dir / earlier[-1])
    _point(models_dir, earlier[-1])
    _write_history(models_dir, earlier)
    return earlier[-1]


def list_models(models_dir: Path) -> list[Entry]:
    """Return the base and every promoted model, by version; exactly one of them is current."""
    current = current_directory(models_dir)
    base = read_manifest(BASE_DIRECTORY)["version"]
    entries = [Entry(str(base), BASE_DIRECTORY, current == BASE_DIRECTORY)]
    found = sorted(path.parent for path in models_dir.glob(f"*/{MANIFEST}") if not path.parent.is_symlink())
    return entries + [Entry(path.name, path, current == path.resolve()) for path in found]


def history(models_dir: Path) -> list[str]:
    """Return the promoted versions, oldest first; the last is current."""
    path = models_dir / HISTORY
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def _copy(source: Path, target: Path) -> None:
    """Copy a model under its version by way of a temporary directory, so that no half of one ever has the name."""
    if target.resolve() == source.resolve():
        return
    if target.exists():
        if (target / MANIFEST).read_bytes() == (source / MANIFEST).read_bytes():
            return
        raise ModelRefused(f"Another model is called {target.name} already; give this one a version of its own.")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".incoming-") as made:
        staged = Path(made) / target.name
        staged.mkdir()
        for name in (MANIFEST, WEIGHTS, CARD):
            if (source / name).exists():
                shutil.copyfile(source / name, staged / name)
                _sync(staged / name)
        load_model(staged)
        staged.rename(target)
    _sync(target.parent)


def _point(models_dir: Path, version: str) -> None:
    staged = models_dir / f".{CURRENT}-{os.getpid()}"
    staged.unlink(missing_ok=True)
    staged.symlink_to(version)
    staged.rename(models_dir / CURRENT)
    _sync(models_dir)


def _write_history(models_dir: Path, versions: list[str]) -> None:
    staged = models_dir / f".{HISTORY}-{os.getpid()}"
    staged.write_text("".join(f"{version}\n" for version in versions), encoding="utf-8")
    _sync(staged)
    staged.rename(models_dir / HISTORY)
    _sync(models_dir)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
