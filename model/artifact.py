"""Model directories on disk: ``manifest.json`` and ``weights.npy``.

Owns the format, and refuses whatever is damaged, cut off, foreign or too large before any of it is used. Loading runs
no code from the directory (``allow_pickle=False``) and imports neither scikit-learn nor SciPy.
"""

import hashlib
import io
import json
import math
import tokenize
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from model import hashing
from model.serving import Derived, Model, Thresholds
from model.tables import load_tables, tables_checksum

SCHEMA: Final = 1
KIND: Final = "winnow-model"
BASE_DIRECTORY: Final = Path(__file__).parent / "base"
MANIFEST: Final = "manifest.json"
WEIGHTS: Final = "weights.npy"
SCORES: Final = ("spam", "toxicity")
MANIFEST_MAX_BYTES: Final = 2 * 1024 * 1024
WEIGHTS_MAX_BYTES: Final = hashing.SLOT_COUNT * len(SCORES) * 4 + 4096
VERSION_MAX_CHARACTERS: Final = 100
# What numpy lets out when it reads the head of an array, a Python literal, from hostile bytes.
_NO_ARRAY: Final = (ValueError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError, OverflowError)


class ModelRefused(Exception):
    """A model directory cannot be used; the sentence says why, and nothing was loaded."""


def load_model(directory: Path) -> Model:
    """Load a model after checking everything about it.

    Args:
        directory: Holds ``manifest.json`` and ``weights.npy``.

    Raises:
        ModelRefused: Something is missing, damaged, foreign or made for other features.
    """
    manifest = read_manifest(directory)
    slots = _read_weights(directory, manifest)
    weights = np.zeros((hashing.SLOT_COUNT + 1 + hashing.GROUP_COUNT, len(SCORES)), np.float32)
    weights[: hashing.SLOT_COUNT, : slots.shape[1]] = slots
    labels = tuple(manifest["labels"])
    for column, label in enumerate(labels):
        weights[hashing.SLOT_COUNT, column] = _number(manifest, "bias", label)
        for group, name in enumerate(hashing.GROUP_NAMES):
            weights[hashing.SLOT_COUNT + 1 + group, column] = _number(manifest["multipliers"], name, label)
    weights.setflags(write=False)
    tables = load_tables()
    tables.setflags(write=False)
    return Model(manifest["version"], labels, _thresholds(manifest), weights, tables, _derived(manifest))


def read_manifest(directory: Path) -> dict[str, Any]:
    """Return the checked manifest of a model directory; the weights are not read.

    Raises:
        ModelRefused: It is missing, damaged, foreign or made for other features.
    """
    data = _read(directory / MANIFEST, MANIFEST_MAX_BYTES)
    try:
        manifest = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ModelRefused(f"{directory / MANIFEST} is not JSON; the model is damaged or is none.") from error
    if not isinstance(manifest, dict) or manifest.get("kind") != KIND:
        raise ModelRefused(f"{directory} holds no Winnow model: its manifest is of another kind.")
    if manifest.get("schema") != SCHEMA:
        raise ModelRefused(f"{directory} has schema {manifest.get('schema')!r}; this version reads schema {SCHEMA}.")
    try:
        _check_manifest(manifest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelRefused(f"The manifest in {directory} is not complete: {error!r}.") from error
    if manifest["features"] != feature_settings():
        raise ModelRefused(f"{directory} was trained with other features than this version computes; train it again.")
    return manifest


def feature_settings() -> dict[str, Any]:
    """Return what fixes the features; a model made under other settings would score nonsense."""
    return {
        "groups": list(hashing.GROUP_NAMES),
        "ngrams": [hashing.NGRAM_MIN, hashing.NGRAM_MAX],
        "revision": hashing.REVISION,
        "slot_bits": hashing.SLOT_BITS,
        "tables_sha256": tables_checksum(),
    }


def save_model(directory: Path, manifest: Mapping[str, Any], slots: npt.NDArray[np.float16]) -> None:
    """Write a model; equal arguments give equal bytes.

    Args:
        directory: Made if missing; files of that name are replaced.
        manifest: Everything but ``kind``, ``schema``, ``features`` and ``files``, which are added.
        slots: float16, (SLOT_COUNT, labels).
    """
    directory.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(slots), allow_pickle=False)
    data = buffer.getvalue()
    files = {WEIGHTS: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}}
    whole = {"kind": KIND, "schema": SCHEMA, "features": feature_settings(), "files": files, **manifest}
    (directory / WEIGHTS).write_bytes(data)
    text = json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    (directory / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise ModelRefused(f"{path} cannot be read: {error.strerror or error}.") from error
    if len(data) > limit:
        raise ModelRefused(f"{path} is larger than {limit:,} bytes, so it is no part of a Winnow model.")
    return data


def _read_weights(directory: Path, manifest: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    path = directory / WEIGHTS
    data = _read(path, WEIGHTS_MAX_BYTES)
    if len(data) != manifest["files"][WEIGHTS]["bytes"]:
        raise ModelRefused(f"{path} is cut off or grown: {len(data):,} bytes, not as its manifest says.")
    if hashlib.sha256(data).hexdigest() != manifest["files"][WEIGHTS]["sha256"]:
        raise ModelRefused(f"{path} is damaged: its checksum is not the one in its manifest.")
    slots = _array_of(path, data, (hashing.SLOT_COUNT, len(manifest["labels"])))
    wide: npt.NDArray[np.float32] = slots.astype(np.float32)
    if not np.isfinite(wide).all():
        raise ModelRefused(f"{path} holds numbers that are not finite.")
    return wide


def _array_of(path: Path, data: bytes, shape: tuple[int, int]) -> npt.NDArray[np.float16]:
    """Return the numbers of an array file, after its head was compared with what it must say.

    ``np.load`` would also open archives, and ask for as much memory as a head names.
    """
    file = io.BytesIO(data)
    try:
        np.lib.format.read_magic(file)
        said, is_by_column, kind = np.lib.format.read_array_header_1_0(file)
        numbers = np.frombuffer(data, np.float16, offset=file.tell())
    except _NO_ARRAY as error:
        raise ModelRefused(f"{path} is not an array file.") from error
    if said != shape or kind != np.float16 or is_by_column or numbers.size != math.prod(shape):
        raise ModelRefused(f"{path} has the shape {said!s:.100} of {kind!s:.100}, which fits no Winnow model.")
    return numbers.reshape(shape)


def _check_manifest(manifest: Mapping[str, Any]) -> None:
    labels = manifest["labels"]
    if not isinstance(labels, list) or not labels or [name for name in SCORES if name in labels] != labels:
        raise ValueError("labels")
    if not isinstance(manifest["version"], str) or not 0 < len(manifest["version"]) <= VERSION_MAX_CHARACTERS:
        raise ValueError("version")
    entry = manifest["files"][WEIGHTS]
    if not isinstance(entry["bytes"], int) or not isinstance(entry["sha256"], str):
        raise TypeError("files")
    _thresholds(manifest)
    _derived(manifest)
    for label in labels:
        _number(manifest, "bias", label)
        for name in hashing.GROUP_NAMES:
            _number(manifest["multipliers"], name, label)


def _number(holder: Mapping[str, Any], name: str, label: str) -> float:
    value = holder[name][label]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} of {label}")
    return float(value)


def _thresholds(manifest: Mapping[str, Any]) -> dict[str, Thresholds]:
    return {label: Thresholds(**_checked_pair(manifest["thresholds"][label])) for label in manifest["labels"]}


def _derived(manifest: Mapping[str, Any]) -> dict[str, Derived]:
    found = manifest.get("derived", {})
    if not all(of["label"] in manifest["labels"] for of in found.values()):
        raise ValueError("derived")
    return {
        name: Derived(of["label"], _number(found, name, "slope"), _number(found, name, "offset"))
        for name, of in found.items()
    }


def _checked_pair(pair: Mapping[str, Any]) -> dict[str, float | None]:
    if set(pair) != {"review", "reject"}:
        raise ValueError("thresholds")
    for value in pair.values():
        if value is not None and (isinstance(value, bool) or not 0.0 <= float(value) <= 1.0):
            raise ValueError("thresholds")
    return dict(pair)
