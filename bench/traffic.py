"""Clients for the benches: raw HTTP on keep-alive connections, so that they take little of the processor they share.

Owns what is sent and how latencies are taken. Refuses to measure anything but whole answers of the expected status.
"""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

COMMENT_CHARACTERS = 300
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
    text = f"{rng.getrandbits(40):010x} "
    while len(text) < COMMENT_CHARACTERS:
        text += rng.choice(WORDS) + " "
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


def run(
    port: int, requests: Callable[[int], Iterator[bytes]], *, clients: int, seconds: float, expected: int = 201
) -> tuple[Timing, list[bytes]]:
    """Let clients send requests, each its own, for some seconds.

    Args:
        port: On the loopback.
        requests: Gives the requests of client number n; a client ends early when they do.
        clients: How many at once.
        seconds: How long.
        expected: The only status that is not an error.

    Returns:
        The timing and the bodies of all answers.

    Raises:
        RuntimeError: If any answer had another status.
    """
    latencies: list[float] = []
    bodies: list[bytes] = []
    errors: list[BaseException] = []
    deadline = time.perf_counter() + seconds

    def client(number: int) -> None:
        try:
            _drive(port, requests(number), deadline, expected, latencies, bodies)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise RuntimeError("a client failed") from errors[0]
    return Timing(time.perf_counter() - began, tuple(latencies)), bodies


def _drive(
    port: int,
    requests: Iterator[bytes],
    deadline: float,
    expected: int,
    latencies: list[float],
    bodies: list[bytes],
) -> None:
    connection = Connection(port)
    try:
        for message in requests:
            began = time.perf_counter()
            if began > deadline:
                return
            status, body = connection.send(message)
            if status != expected:
                raise RuntimeError(f"status {status}: {body[:300]!r}")
            latencies.append(time.perf_counter() - began)
            bodies.append(body)
    finally:
        connection.close()
