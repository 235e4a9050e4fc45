"""The backup file: a gzipped tar whose first member is a manifest of everything that follows.

Owns the format, version 1: ``manifest.json``, ``store/dump.rdb``, ``secret.keys`` (unless left out), ``models/history``
and ``models/VERSION/FILE``. Reading refuses whatever is not announced in the manifest, with size and SHA-256, under one
of these names: links, devices, other paths, extended headers, more data than announced, and files that expand beyond
reason. Nothing is written before its name and size were accepted.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from moderation.core.errors import InvalidInput

FORMAT = 1
MANIFEST = "manifest.json"
SNAPSHOT = "store/dump.rdb"
SECRETS = "secret.keys"
BLOCK_BYTES = 512  # tar
CHUNK_BYTES = 1 << 20
MANIFEST_LIMIT_BYTES = 4 << 20
FILES_LIMIT = 10_000
SMALL_BYTES = 64 << 20
EXPANSION_LIMIT = 100  # Snapshots are compressed already; only a bomb grows more than this beyond SMALL_BYTES.
COMPRESSION = 3
VERSION = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_NAME = re.compile(rf"store/dump\.rdb|secret\.keys|models/history|models/(?P<version>{VERSION})/{VERSION}")
Progress = Callable[[int], None]


class ArchiveRefused(InvalidInput):
    """The file is not a backup, is damaged, or is up to something."""

    code = "backup-refused"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a backup.

    Attributes:
        sha256: Of its bytes, in hex.
        size: In bytes.
    """

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds.

    Attributes:
        created_at: RFC 3339, UTC.
        winnow: Version of Winnow that wrote it.
        engine: Version of the store that wrote the snapshot.
        current_model: Version of the promoted model, or None for the shipped one.
        files: By name, in the order of the archive.
    """

    created_at: str
    winnow: str
    engine: str
    current_model: str | None
    files: Mapping[str, Entry]

    @property
    def total_bytes(self) -> int:
        """Return the size of all files together."""
        return sum(entry.size for entry in self.files.values())


def measure(path: Path) -> Entry:
    """Return the size and SHA-256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Entry(digest, file.tell())


def write_archive(file: IO[bytes], manifest: Manifest, sources: Mapping[str, Path], *, progress: Progress) -> None:
    """Write a backup.

    Args:
        file: Where to.
        manifest: With one entry for each source.
        sources: Name in the archive to path.
        progress: Called with the number of bytes read, again and again.
    """
    with (
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=COMPRESSION, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        document = json.dumps({"format": FORMAT, **asdict(manifest)}, indent=1).encode()
        archive.addfile(_member(MANIFEST, len(document)), io.BytesIO(document))
        for name, entry in manifest.files.items():
            with sources[name].open("rb") as source:
                archive.addfile(_member(name, entry.size), _Counted(source, progress))


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o600
    return member


class _Counted(io.RawIOBase):
    """A file that tells how much of it was read."""

    def __init__(self, file: IO[bytes], progress: Progress) -> None:
        self._file = file
        self._progress = progress

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._progress(len(data))
        return data


def read_archive(path: Path, target: Path, *, accept: Callable[[Manifest], None], progress: Progress) -> Manifest:
    """Unpack a backup into an empty directory.

    Args:
        path: The backup.
        target: An empty directory.
        accept: Called with the manifest before any file is written; raises to refuse it.
        progress: Called with the number of bytes written, again and again.

    Raises:
        ArchiveRefused: If the file is not exactly what its manifest announces.
    """
    try:
        with path.open("rb") as file, io.BufferedReader(gzip.GzipFile(fileobj=file)) as stream:
            members = _members(stream)
            manifest = _read_manifest(stream, members)
            _check_expansion(manifest, path.stat().st_size)
            accept(manifest)
            _unpack(stream, members, manifest, target, progress)
    except (gzip.BadGzipFile, zlib.error, EOFError, tarfile.TarError) as error:
        raise ArchiveRefused("The file is not a backup, or it is damaged.") from error
    return manifest


def _members(stream: io.BufferedIOBase) -> Iterator[tarfile.TarInfo]:
    """Yield the headers; the caller reads each body before it asks for the next.

    ``tarfile`` itself would read extended headers of any length into memory.
    """
    while True:
        block = _read_exactly(stream, BLOCK_BYTES)
        if not block.strip(b"\0"):
            return
        member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE} or member.size < 0:
            raise ArchiveRefused("The backup holds something that is not a plain file.")
        yield member
        _read_exactly(stream, -member.size % BLOCK_BYTES)


def _read_exactly(stream: io.BufferedIOBase, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _read_manifest(stream: io.BufferedIOBase, members: Iterator[tarfile.TarInfo]) -> Manifest:
    member = next(members, None)
    if member is None or member.name != MANIFEST or member.size > MANIFEST_LIMIT_BYTES:
        raise ArchiveRefused("The file is not a backup of Winnow.")
    try:
        return parse_manifest(json.loads(_read_exactly(stream, member.size)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArchiveRefused("The backup's manifest cannot be read.") from error


def parse_manifest(document: dict[str, Any]) -> Manifest:
    """Return the manifest of a backup.

    Raises:
        ArchiveRefused: If it was written by a newer Winnow, or names what a backup does not hold.
        ValueError, KeyError, TypeError: If it is not a manifest.
    """
    if document["format"] != FORMAT:
        raise ArchiveRefused("The backup was written by another version of Winnow; upgrade this one.")
    files = {str(name): Entry(str(entry["sha256"]), _size(entry["size"])) for name, entry in document["files"].items()}
    current = document["current_model"]
    versions = {match["version"] for name in files if (match := _NAME.fullmatch(name))}
    is_known = all(_NAME.fullmatch(name) for name in files) and SNAPSHOT in files and len(files) <= FILES_LIMIT
    if not is_known or (current is not None and current not in versions - {None}):
        raise ArchiveRefused("The backup's manifest names files that a backup does not hold.")
    return Manifest(
        created_at=str(document["created_at"]),
        winnow=str(document["winnow"]),
        engine=str(document["engine"]),
        current_model=current,
        files=files,
    )


def _size(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("not a size")
    return value


def _check_expansion(manifest: Manifest, packed_bytes: int) -> None:
    if manifest.total_bytes > max(SMALL_BYTES, packed_bytes * EXPANSION_LIMIT):
        raise ArchiveRefused("The backup would expand beyond reason, so it is not unpacked.")


def _unpack(
    stream: io.BufferedIOBase, members: Iterator[tarfile.TarInfo], manifest: Manifest, target: Path, progress: Progress
) -> None:
    missing = dict(manifest.files)
    for member in members:
        entry = missing.pop(member.name, None)
        if entry is None or member.size != entry.size:
            raise ArchiveRefused("The backup holds a file that its manifest does not announce.")
        path = target / member.name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _copy(stream, path, entry.size, progress) != entry.sha256:
            raise ArchiveRefused(f"{member.name} in the backup is damaged: its checksum is wrong.")
    if missing:
        raise ArchiveRefused("The backup lacks files that its manifest announces.")


def _copy(stream: io.BufferedIOBase, path: Path, size: int, progress: Progress) -> str:
    digest = hashlib.sha256()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while size:
            chunk = _read_exactly(stream, min(size, CHUNK_BYTES))
            digest.update(chunk)
            file.write(chunk)
            progress(len(chunk))
            size -= len(chunk)
    return digest.hexdigest()
