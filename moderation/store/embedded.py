"""Whose turn it is to run the embedded store, and how everybody else finds it.

Owns the locks of the data directory:

=============== ================================= =========================================================
lock in run/    held by                           says
=============== ================================= =========================================================
``owner.lock``  the command that looks after it   a server is or will soon be here; the file says at which socket
``store.lock``  that command *and* the server     a server may be writing to the files, even if its parent is dead
``users.lock``  every attached command (shared)   do not stop the server yet
=============== ================================= =========================================================

The kernel frees a lock when its last holder dies, so nothing here can be stale; sockets, pid files and left-over
configuration mean nothing. A command that finds ``owner.lock`` free but ``store.lock`` taken has found an orphan (its
parent was killed) and ends it first. Refuses to run two servers on one directory.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import structlog

from moderation.config import Settings
from moderation.core.errors import Problem, SettingsError, StoreUnavailable
from moderation.files import FileLock, is_private_directory, make_private_directory
from moderation.store.valkey_process import STOP_SECONDS, Places, ValkeyProcess, end_group, ping

SOCKET_NAME = "valkey.sock"
SHORTEST_TEMPORARY = "/tmp"  # noqa: S108  For a private directory, which is looked at before it is used.
SOCKET_PATH_BYTES = 107  # sun_path is 108 bytes on Linux, with the closing NUL: unix(7).
ATTACH_SECONDS = 15.0
OWNER_WAIT_SECONDS = 30.0  # For a short command that runs the store at the moment to finish.
SERVICE_WAIT_SECONDS = 3.0  # For a service that is about to end.
ORPHAN_SECONDS = 5.0
LAST_USERS_SECONDS = 2.0
POLL_SECONDS = 0.02

log = structlog.get_logger("winnow.store")


@contextmanager
def running_store(settings: Settings, *, command: str = "command") -> Iterator[str]:
    """Yield the URL of the store that ``settings`` mean, running the embedded one where nobody does.

    Attaches to a server that another command runs; otherwise starts one for as long as the block lasts, and longer if
    another command has attached meanwhile.

    Args:
        settings: Which store, and where.
        command: What others are told is running here, such as ``winnow site add``.

    Raises:
        StoreUnavailable: If no server comes up or answers.
        SettingsError: If the data directory cannot be used.
    """
    if settings.redis_url is not None:
        yield settings.redis_url
        return
    with ExitStack() as stack:
        yield _own_or_attach(EmbeddedStore(settings, command=command), stack)


def _own_or_attach(store: EmbeddedStore, stack: ExitStack) -> str:
    deadline = time.monotonic() + ATTACH_SECONDS
    while time.monotonic() < deadline:
        if store.try_own():
            stack.callback(store.close)
            store.start()
            return store.url
        url = store.try_attach(stack)
        if url is not None:
            return url
        time.sleep(POLL_SECONDS)
    raise StoreUnavailable(f"Another command ({store.owner_words()}) runs the store, but it does not answer.")


class EmbeddedStore:
    """The embedded server of one data directory, seen from one command."""

    def __init__(self, settings: Settings, *, command: str) -> None:
        """Make the directories; take no lock yet.

        Raises:
            SettingsError: If the data directory cannot be made or written.
        """
        self._settings = settings
        self._command = command
        prepare_directories(settings)
        self._owner = FileLock(settings.run_dir / "owner.lock")
        self._store = FileLock(settings.run_dir / "store.lock")
        self._users = FileLock(settings.run_dir / "users.lock")
        self._process: ValkeyProcess | None = None
        self.socket = socket_path(settings)

    @property
    def url(self) -> str:
        """Return the address for redis-py."""
        return f"unix://{quote(str(self.socket))}"

    @property
    def pid(self) -> int | None:
        """Return the server's process id while this command runs it."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def own(self) -> None:
        """Become the one who runs the server here, waiting for a short command that does so now.

        Raises:
            StoreUnavailable: If another service runs here.
        """
        if self.try_own():
            return
        is_service = self._note().get("command") in {"winnow serve", "winnow worker"}
        if not self.try_own(SERVICE_WAIT_SECONDS if is_service else OWNER_WAIT_SECONDS):
            where = self._settings.data_dir
            raise StoreUnavailable(f"Winnow already runs on {where} ({self.owner_words()}); stop that first.")

    def try_own(self, timeout_seconds: float = 0.0) -> bool:
        """Take the data directory if nobody has it, and end a server that outlived its parent."""
        if not self._owner.acquire(exclusive=True, timeout_seconds=timeout_seconds):
            return False
        try:
            self._end_orphan()
        except BaseException:
            self._owner.release()
            raise
        self._owner.write(json.dumps({"pid": os.getpid(), "command": self._command, "socket": str(self.socket)}))
        return True

    def start(self) -> None:
        """Start the server, or start it again after it died.

        Raises:
            StoreUnavailable: If it does not come up.
        """
        settings = self._settings
        self.socket = socket_path(settings)  # The one who ran the store before has taken a short directory away.
        if self.socket.parent != settings.run_dir:
            log.info("The data directory's path is too long for a socket; using a short one.", path=str(self.socket))
        # A backup that was killed may have left this behind; it would keep comments that are erased from now on.
        (settings.store_dir / "dump.rdb").unlink(missing_ok=True)
        places = Places(
            data=settings.store_dir,
            socket=self.socket,
            config=settings.run_dir / "valkey.conf",
            log=settings.logs_dir / "valkey.log",
        )
        process = ValkeyProcess(places, binary=settings.valkey_binary)
        process.start(lock=self._store.descriptor)
        self._process = process

    def poll(self) -> int | None:
        """Return the exit status of a server that has ended by itself, or None while it runs."""
        return self._process.poll() if self._process else 0

    def close(self, *, patience_seconds: float | None = None) -> None:
        """Stop the server and give the directory back, once no other command uses it.

        Args:
            patience_seconds: How long attached commands may hold this up; None means as long as they take.
        """
        if not self._users.acquire(exclusive=True, timeout_seconds=0.0):
            log.info("Waiting for another command that uses the store.")
            self._users.acquire(exclusive=True, timeout_seconds=patience_seconds)
        try:
            self._stop_process()
        finally:
            self._store.release()
            self._owner.release()
            self._users.release()

    def try_attach(self, stack: ExitStack) -> str | None:
        """Return the URL of a server that another command runs, if it answers; hold it up until ``stack`` closes."""
        if not self._users.acquire(exclusive=False, timeout_seconds=POLL_SECONDS):
            return None
        found = Path(self._note().get("socket", self.socket))
        if ping(found) != b"+PONG":
            self._users.release()
            return None
        stack.callback(self._users.release)
        self.socket = found
        return self.url

    def owner_words(self) -> str:
        """Return who runs the server, for a sentence."""
        note = self._note()
        return f"{note.get('command', 'unknown')}, process {note.get('pid', 'unknown')}"

    def _note(self) -> dict[str, Any]:
        try:
            note = json.loads((self._settings.run_dir / "owner.lock").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}

    def _end_orphan(self) -> None:
        """Wait for a server that is ending with its dead parent, and end one that is not."""
        if self._store.acquire(exclusive=True):
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            leader = _orphan(self._settings.run_dir / "store.lock")
            log.warning("Ending a store that outlived the command which ran it.", pid=leader)
            if leader is not None:
                end_group(leader, number)
            if self._store.acquire(exclusive=True, timeout_seconds=ORPHAN_SECONDS):
                return
        raise StoreUnavailable(f"A process that cannot be ended still writes to {self._settings.store_dir}.")

    def _stop_process(self) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.stop(timeout=STOP_SECONDS)
        self._process = None
        discard_socket(self.socket, self._settings)


def _orphan(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        leader = int(path.read_text(encoding="ascii"))
        return leader if leader > 1 else None
    return None


def prepare_directories(settings: Settings) -> None:
    """Make the data directory and what the store needs in it.

    Raises:
        SettingsError: If that fails.
    """
    try:
        if make_private_directory(settings.data_dir):
            log.info("Made a new data directory.", path=str(settings.data_dir))
        for path in (settings.run_dir, settings.store_dir, settings.logs_dir):
            make_private_directory(path)
    except OSError as error:
        detail = f"The data directory {settings.data_dir} cannot be used: {error.strerror}."
        hint = "Set WINNOW_DATA_DIR to a directory that Winnow's user can write."
        raise SettingsError([Problem("winnow.E001", detail, hint)]) from error


def socket_path(settings: Settings) -> Path:
    """Return where the socket goes: in the data directory, or in a short private one if that path is too long.

    Raises:
        SettingsError: If a stranger has taken the short directory.
    """
    wanted = settings.run_dir / SOCKET_NAME
    if _fits(wanted):
        return wanted
    digest = hashlib.sha256(os.fsencode(settings.data_dir)).hexdigest()[:16]
    places = (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), SHORTEST_TEMPORARY)
    candidates = [Path(place) / f"winnow-{os.geteuid()}-{digest}" for place in places if place]
    directory = next((one for one in candidates if _fits(one / SOCKET_NAME)), candidates[-1])
    make_private_directory(directory)
    if not is_private_directory(directory):
        detail = f"The path of the store's socket would be too long, and {directory} belongs to somebody else."
        raise SettingsError([Problem("winnow.E013", detail, "Use a data directory with a shorter path.")])
    return directory / SOCKET_NAME


def discard_socket(socket: Path, settings: Settings) -> None:
    """Remove the socket of a server that has stopped, and the short directory that was made for it."""
    socket.unlink(missing_ok=True)
    if socket.parent != settings.run_dir:
        with suppress(OSError):  # Somebody may have put a file there, or need the directory again already.
            socket.parent.rmdir()


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= SOCKET_PATH_BYTES
