"""Sixteen websites' worth of traffic that remembers everything it was told.

Owns the mixture of requests and the journal: one ``Operation`` for each thing that a client wanted, with every answer
it got while it tried. Refuses to judge; ``checker`` does that.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

CLIENTS = 16
ANSWER_SECONDS = 5.0  # A client gives up on one attempt after this; no answer should come so late.
PATIENCE_SECONDS = 40.0  # For the service to come back, counted from the first attempt.
PAUSE_SECONDS = 0.05
WORDS = "tomato garden harvest weather morning bread kitchen travel history music engine bicycle winter photo".split()


class Kind(StrEnum):
    """What a client wants."""

    SUBMIT = "submit"
    DECIDE = "decide"
    UNDO = "undo"


@dataclass(slots=True)
class Operation:
    """One thing that a client wanted, and what came of it.

    Attributes:
        tag: Unique; the external id of a submission, the moderator's name in a decision.
        key: Idempotency-Key, or None; without one the client does not try again.
        body: What was sent.
        comment_id: Which comment is decided on.
        statuses: Of every attempt; 0 where no answer came.
        answers: The bodies of the 2xx answers.
    """

    kind: Kind
    tag: str
    body: dict[str, Any]
    key: str | None
    comment_id: str | None = None
    statuses: list[int] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_acknowledged(self) -> bool:
        """Return whether a 2xx came."""
        return bool(self.answers)

    @property
    def is_in_doubt(self) -> bool:
        """Return whether it may have happened although no 2xx came: an attempt had no answer, or a 5xx."""
        return not self.answers and any(status == 0 or status >= 500 for status in self.statuses)

    @property
    def path(self) -> str:
        """Return where it is sent."""
        if self.kind is Kind.SUBMIT:
            return "/v1/comments"
        return f"/v1/comments/{self.comment_id}/{'decision' if self.kind is Kind.DECIDE else 'undo'}"


@dataclass(slots=True)
class Timed:
    """One attempt: when it ended, how long it took, and the status that came; 0 is no answer."""

    at: float
    seconds: float
    status: int
    retry_after: str | None = None


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._key = key
        self._connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: bytes, key: str | None) -> tuple[int, bytes, str | None]:
        """Return status, body and Retry-After; (0, b"", None) if no answer came."""
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_SECONDS)
            self._connection.request("POST", path, body, headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read(), answer.getheader("Retry-After")
        except (OSError, http.client.HTTPException):
            self.close()
            return 0, b"", None

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class Load:
    """Runs the clients until told to stop, then lets each finish what it began."""

    def __init__(
        self, port: int, key: str, *, clients: int = CLIENTS, pace_seconds: float = 0.0, other_port: int | None = None
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            port: Of the service, on the loopback.
            key: The site's.
            clients: How many at once.
            pace_seconds: Pause of each client between two operations, for runs that last.
            other_port: Where every second client sends its requests, if there is a second host.
        """
        self._ports = (port, other_port or port)
        self._key = key
        self._pace_seconds = pace_seconds
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._pending: list[str] = []
        self._decided: list[str] = []
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]
        self.operations: list[Operation] = []
        self.attempts: list[Timed] = []

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Begin nothing new, and wait until what was begun has ended."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def statuses(self) -> Counter[int]:
        """Return how often each status came; 0 is no answer."""
        return Counter(attempt.status for attempt in self.attempts)

    def wait_for_answers(self, count: int, *, seconds: float = 30.0) -> None:
        """Wait until so many more requests have been answered with 2xx."""
        wanted = self._acknowledged() + count
        deadline = time.monotonic() + seconds
        while self._acknowledged() < wanted:
            assert time.monotonic() < deadline, f"no {count} answers within {seconds} s: {self.statuses()}"
            time.sleep(0.02)

    def _acknowledged(self) -> int:
        return sum(200 <= attempt.status < 300 for attempt in list(self.attempts))

    def _run(self, number: int) -> None:
        rng = random.Random(number)
        client = Client(self._ports[number % 2], self._key)
        mine: list[Operation] = []
        try:
            while not self._stop.is_set():
                self._act(client, rng, mine, f"{number:02d}-{len(mine):06d}")
                self._stop.wait(self._pace_seconds)
        except BaseException as error:
            self._errors.append(error)
        finally:
            client.close()

    def _act(self, client: Client, rng: random.Random, mine: list[Operation], tag: str) -> None:
        dice = rng.random()
        operation: Operation | None = None
        if dice < 0.05 and mine:
            return self._repeat(client, rng.choice(mine[-50:]))
        if dice < 0.40:
            operation = self._ruling(rng, tag)
        elif dice < 0.45:
            operation = self._undo(rng, tag)
        operation = operation or submission(rng, tag)
        if rng.random() < 0.1:
            operation.key = None  # A client that knows no idempotency does not dare to try again either.
        mine.append(operation)
        self.operations.append(operation)
        self._perform(client, operation)
        return self._learn(operation)

    def _ruling(self, rng: random.Random, tag: str) -> Operation | None:
        """Decide on a pending comment; now and then on one that a colleague is deciding on."""
        with self._lock:
            if not self._pending:
                return None
            place = rng.randrange(len(self._pending))
            comment_id = self._pending[place] if rng.random() < 0.2 else self._pending.pop(place)
        ruling = rng.choice(({"decision": "approve"}, {"decision": "reject", "reason": rng.choice(["spam", "other"])}))
        return Operation(Kind.DECIDE, tag, {**ruling, "moderator": f"Alice {tag}"}, tag, comment_id)

    def _undo(self, rng: random.Random, tag: str) -> Operation | None:
        with self._lock:
            if not self._decided:
                return None
            comment_id = self._decided.pop(rng.randrange(len(self._decided)))
        return Operation(Kind.UNDO, tag, {"moderator": f"Alice {tag}"}, tag, comment_id)

    def _learn(self, operation: Operation) -> None:
        if not operation.is_acknowledged:
            return
        answer = operation.answers[0]
        with self._lock:
            if answer["status"] == "pending":
                self._pending.append(answer["id"])
            elif operation.kind is Kind.DECIDE:
                self._decided.append(answer["id"])

    def _perform(self, client: Client, operation: Operation) -> None:
        """Send it until an answer settles it; a client without a key tries once."""
        began = time.monotonic()
        while not self._attempt(client, operation):
            if operation.key is None or time.monotonic() - began > PATIENCE_SECONDS:
                return
            time.sleep(PAUSE_SECONDS)

    def _repeat(self, client: Client, operation: Operation) -> None:
        """Send an earlier request again, as after an answer that got lost on its way."""
        if operation.key is not None:
            self._attempt(client, operation)

    def _attempt(self, client: Client, operation: Operation) -> bool:
        began = time.monotonic()
        status, raw, retry_after = client.post(operation.path, json.dumps(operation.body).encode(), operation.key)
        ended = time.monotonic()
        self.attempts.append(Timed(ended, ended - began, status, retry_after))
        operation.statuses.append(status)
        if 200 <= status < 300:
            operation.answers.append(json.loads(raw))
        return 200 <= status < 500


def submission(rng: random.Random, tag: str) -> Operation:
    """Return a comment that nobody has sent before; one in ten falls into the honeypot."""
    number = rng.randrange(200)
    body: dict[str, Any] = {
        "content": f"{tag} " + " ".join(rng.choices(WORDS, k=rng.randrange(6, 60))),
        "permalink": f"https://site-a.example/{rng.randrange(20)}",
        "author": f"Mallory {number}",
        "author_email": f"mallory-{number}@mail.example",
        "external_id": tag,
        "user_ip": f"198.51.{rng.randrange(100)}.7",
    }
    if rng.random() < 0.1:
        body["honeypot"] = "filled in"
    return Operation(Kind.SUBMIT, tag, body, tag)
