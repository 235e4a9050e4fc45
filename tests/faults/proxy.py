"""A bad line between the service and its store: it loses replies, delays them, or is cut."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path

CHUNK = 65536


class Proxy:
    """Passes a UNIX socket on while it is entered.

    Attributes:
        lose_every: Of so many replies one is lost, and its connection with it; 0 loses none.
        delay_seconds: How long each reply is kept back.
    """

    def __init__(self, path: Path, target: Path) -> None:
        self.path = path
        self.lose_every = 0
        self.delay_seconds = 0.0
        self.lost = 0
        self._target = target
        self._replies = 0
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Proxy:
        self._listener.bind(str(self.path))
        self._listener.listen(128)
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)

    def cut(self) -> None:
        """Break every connection."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for one in sockets:
            _break(one)

    def _spawn(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._target))
            except OSError:
                return
            with self._lock:
                self._sockets += [client, server]
            self._spawn(self._pass_on, client, server, False)
            self._spawn(self._pass_on, server, client, True)

    def _pass_on(self, source: socket.socket, sink: socket.socket, are_replies: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if are_replies and self._is_lost():
                    break
                if are_replies and self.delay_seconds:
                    time.sleep(self.delay_seconds)
                sink.sendall(data)
        _break(source)
        _break(sink)

    def _is_lost(self) -> bool:
        with self._lock:
            self._replies += 1
            is_lost = bool(self.lose_every) and self._replies % self.lose_every == 0
            self.lost += is_lost
        return is_lost


def _break(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
