"""Clients for the benches: raw HTTP on keep-alive connections, so that they take little of the processor they share.

Owns what is sent and how latencies are taken. Refuses to measure anything but whole answers of the expected status.
"""

from __future__ import annotations

import json
import random
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

COMMENT_CHARACTERS = 300
SHORTEST_WORD = 3  # On average they are longer, blank included.
ANSWER_SECONDS = 10.0
RECEIVE_BYTES = 1 << 18
LENGTH = b"content-length:"
AUTHORS = 2000
PAGES = 200
WORDS = (
    "the garden this summer gave us more tomatoes than we could ever eat and my neighbour says it was the compost that "
    "made the difference while others think only of the weather or how much water they got in June when nobody else "
    "had any left because of a long drought which I remember from years ago thank you for writing about all of it"
).split()


@dataclass(frozen=True, slots=True)
class Timing:
    """What a run of clients measured.

    Attributes:
        seconds: Of wall-clock time.
        latencies: In seconds, one a request, in the order in which they ended within each client.
    """

    seconds: float
    latencies: tuple[float, ...]

    def percentile(self, share: float) -> float:
        """Return the latency in milliseconds below which ``share`` of the requests lie."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000

    @property
    def per_second(self) -> float:
        """Return requests a second."""
        return len(self.latencies) / self.seconds


class Connection:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, message: bytes) -> tuple[int, bytes]:
        """Send one request and return status and body."""
        self._socket.sendall(message)
        received = self._socket.recv(65536)
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
        head = received[:end].lower()
        place = head.index(b"content-length:") + len(b"content-length:")
        length = int(head[place:].split(b"\r\n", 1)[0])
        while len(received) < end + 4 + length:
            received += self._more()
        return int(received[9:12]), received[end + 4 :]

    def _more(self) -> bytes:
        found = self._socket.recv(65536)
        if not found:
            raise ConnectionError("the server closed the connection")
        return found

    def close(self) -> None:
        """Close it."""
        self._socket.close()


def request(path: str, body: object, key: str, *, idempotency: str | None = None) -> bytes:
    """Return the bytes of a POST request."""
    content = json.dumps(body).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
    ]
    lines += [f"Content-Length: {len(content)}"] + ([f"Idempotency-Key: {idempotency}"] if idempotency else [])
    return "\r\n".join([*lines, "", ""]).encode() + content


def comment(rng: random.Random) -> dict[str, object]:
    """Return a submission of a new 300-character comment."""
    text = f"{rng.getrandbits(40):010x} " + " ".join(rng.choices(WORDS, k=COMMENT_CHARACTERS // SHORTEST_WORD))
    author = rng.randrange(AUTHORS)
    return {
        "content": text[: COMMENT_CHARACTERS - 1] + ".",
        "permalink": f"https://bench.example/{rng.randrange(PAGES)}",
        "author": f"Mallory {author}",
        "author_email": f"mallory.{author}@mail.example.org",
        "user_ip": f"198.51.{rng.randrange(100)}.{rng.randrange(256)}",
    }


def submissions(key: str, seed: int) -> Iterator[bytes]:
    """Yield requests for new comments without end."""
    rng = random.Random(seed)
    while True:
        yield request("/v1/comments", comment(rng), key)


class _Client:
    """A client of ``run``: its connection, its requests, and what has arrived of an answer."""

    def __init__(self, port: int, requests: Iterator[bytes]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.began = 0.0
        self._requests = requests
        self._received = bytearray()

    def ask(self, deadline: float) -> bool:
        """Send the next request, unless there is none or time is over."""
        message = next(self._requests, None)
        self.began = time.perf_counter()
        if message is None or self.began > deadline:
            self.socket.close()
            return False
        self.socket.sendall(message)
        return True

    def hear(self) -> tuple[int, bytes] | None:
        """Take what has arrived, and return status and body once the answer is whole."""
        found = self.socket.recv(RECEIVE_BYTES)
        if not found:
            raise ConnectionError("the server closed the connection")
        self._received += found
        end = self._received.find(b"\r\n\r\n") + 4
        if end < 4:
            return None
        head = bytes(self._received[:end]).lower()
        length = int(head[head.index(LENGTH) + len(LENGTH) :].split(b"\r\n", 1)[0])
        if len(self._received) < end + length:
            return None
        body = bytes(self._received[end:])
        self._received.clear()
        return int(head[9:12]), body


def run(
    port: int, requests: Callable[[int], Iterator[bytes]], *, clients: int, seconds: float, expected: int = 201
) -> tuple[Timing, list[bytes]]:
    """Let clients send requests, each its own, for some seconds; one thread drives them all.

    Args:
        port: On the loopback.
        requests: Gives the requests of client number n; a client ends early when they do.
        clients: How many at once.
        seconds: How long.
        expected: The only status that is not an error.

    Returns:
        The timing and the bodies of all answers.

    Raises:
        RuntimeError: If any answer had another status, or did not come.
    """
    latencies: list[float] = []
    bodies: list[bytes] = []
    everyone = [_Client(port, requests(number)) for number in range(clients)]
    began = time.perf_counter()
    with selectors.DefaultSelector() as waiting:
        for client in everyone:
            if client.ask(began + seconds):
                waiting.register(client.socket, selectors.EVENT_READ, client)
        while waiting.get_map():
            for client, body in _heard(waiting, expected):
                latencies.append(time.perf_counter() - client.began)
                bodies.append(body)
                _ask_again(waiting, client, began + seconds)
    return Timing(time.perf_counter() - began, tuple(latencies)), bodies


def _ask_again(waiting: selectors.BaseSelector, client: _Client, deadline: float) -> None:
    file = client.socket.fileno()  # A closed socket has none.
    if not client.ask(deadline):
        waiting.unregister(file)


def _heard(waiting: selectors.BaseSelector, expected: int) -> Iterator[tuple[_Client, bytes]]:
    """Yield the clients whose answers are whole now."""
    ready = waiting.select(ANSWER_SECONDS)
    if not ready:
        raise RuntimeError("no answer came")
    for key, _ in ready:
        answer = key.data.hear()
        if answer is not None and answer[0] != expected:
            raise RuntimeError(f"status {answer[0]}: {answer[1][:300]!r}")
        if answer is not None:
            yield key.data, answer[1]
