"""A website's end of the webhooks, on the loopback: it remembers every request it got."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """One webhook request."""

    path: str
    headers: str
    body: bytes

    @property
    def id(self) -> str:
        """Return ``webhook-id``, which all attempts share."""
        lines = (line.partition(": ") for line in self.headers.splitlines())
        return next(value for name, _, value in lines if name.lower() == "webhook-id")

    @property
    def event(self) -> dict[str, Any]:
        """Return the parsed body."""
        found: dict[str, Any] = json.loads(self.body)
        return found


class Receiver:
    """Listens while it is entered."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                received.append(Received(self.path, str(self.headers), body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        return Handler
