"""Files that only Winnow's user may touch.

Owns private directories, files that come into being whole or not at all, and advisory locks. Refuses to follow a link
where a directory is expected to be private.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
import time
from contextlib import suppress
from pathlib import Path

PRIVATE_DIRECTORY = 0o700
PRIVATE_FILE = 0o600
LOCK_POLL_SECONDS = 0.02


def make_private_directory(path: Path) -> bool:
    """Make ``path`` and its parents; only its owner can enter it. Return whether it is new.

    A directory that exists keeps its mode: the operator chose it, and ``winnow doctor`` warns about it.
    """
    if path.is_dir():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.mkdir(mode=PRIVATE_DIRECTORY)
        return True
    return False


def write_exclusively(path: Path, data: bytes) -> bool:
    """Write a new private file whole, durably, and only if there is none; return whether this call made it.

    Two processes that race end up with one of the two files, never with a mixture or an empty one.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)  # Unlike a rename, a link fails where a file exists.
        except FileExistsError:
            return False
    finally:
        temporary.unlink()
    fsync_directory(path.parent)
    return True


def fsync_directory(path: Path) -> None:
    """Make new names in a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_private_directory(path: Path) -> bool:
    """Return whether ``path`` is a real directory of this user that nobody else can enter."""
    found = path.lstat()
    is_ours = found.st_uid == os.geteuid()
    return stat.S_ISDIR(found.st_mode) and is_ours and not stat.S_IMODE(found.st_mode) & 0o077


class FileLock:
    """An advisory lock that the kernel releases when its holder dies, so it can never be stale."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self, *, exclusive: bool, timeout_seconds: float | None = 0.0) -> bool:
        """Take the lock; wait up to ``timeout_seconds``, or for ever if None. Return whether it was taken."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        operation = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while not _try_lock(descriptor, operation):
            if deadline is not None and time.monotonic() >= deadline:
                os.close(descriptor)
                return False
            time.sleep(LOCK_POLL_SECONDS)
        self._descriptor = descriptor
        return True

    @property
    def descriptor(self) -> int:
        """Return the open file of a lock that is held; a child that inherits it holds the lock too."""
        if self._descriptor is None:
            raise RuntimeError("the lock is not held")
        return self._descriptor

    def write(self, text: str) -> None:
        """Leave a note in the lock file for those who find it taken."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, text.encode(), 0)

    def release(self) -> None:
        """Give the lock back; the file stays, since removing it would let two processes hold one lock each."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _try_lock(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
