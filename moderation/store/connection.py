"""The connection to the store: time limits, error translation, scripts.

Owns every ``redis.RedisError``: above this package only ``StoreUnavailable`` is seen. redis-py's own time limits and
retries are not used, because they block a web worker for a minute and repeat writes blindly. Here a request waits half
a second at most, and a broken connection is tried once more: all writes carry an operation id, so that the second run
of one that had in fact succeeded changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import redis
import structlog
from redis.sentinel import MasterNotFoundError

from moderation.core.errors import StoreUnavailable
from moderation.store.lanes import Argument, Script
from moderation.store.topology import READ_SECONDS, Scripts, close_client, opener, scripts_of

TRIPPED_SECONDS = 0.5  # How long the breaker answers for the store after it failed.
FAILURES_TO_TRIP = 3
VAIN_SECONDS = 0.2  # Whoever waits this long in vain, while nobody is answered, has waited for all.
OPENINGS = 10  # Of a cluster on a busy machine, for those who can wait; each is given OPEN_SECONDS.
SAID_SECONDS = 5.0  # A store that comes and goes is not said to do so more often than this.
SCRIPTS = Path(__file__).parent / "scripts"
RETRY_AFTER_SECONDS = 1

# No reply, and those of a server that cannot serve now: starting, read-only replica, out of memory, failing over.
_AWAY = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    redis.exceptions.BusyLoadingError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.TryAgainError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.MasterDownError,
    redis.exceptions.RedisClusterException,  # No node answers, or nobody has the slot now.
)
_REFUSAL_WORDS = ("MISCONF", "NOREPLICAS", "BUSY ", "OOM ", "READONLY", "LOADING", "-READONLY")

_CODES = frozenset(word.strip(" -") for word in _REFUSAL_WORDS)

log = structlog.get_logger("winnow.store")


class Breaker:
    """Answers for a store that keeps failing, so that requests need not wait for it one by one.

    Says in the log that the store is away, and that it is back; not for each request.
    """

    __slots__ = ("_answered_at", "_began", "_failures", "_is_said", "_open_until", "_said_at")

    def __init__(self) -> None:
        self._answered_at = float("-inf")
        self._failures = 0
        self._open_until = 0.0
        self._began = 0.0
        self._is_said = False
        self._said_at = -SAID_SECONDS

    def check(self) -> None:
        """Raise StoreUnavailable while the breaker is open."""
        if self._failures >= FAILURES_TO_TRIP and time.monotonic() < self._open_until:
            raise StoreUnavailable("The store does not answer; try again in a second.")

    def failed(self, error: Exception, began: float) -> None:
        """Count a failure of what began at a time; a long wait, in which nobody was answered, counts for all.

        Else a request that comes after those who wait, and before three of them have failed, would wait as long again.
        """
        self.refused(error)
        now = time.monotonic()
        was_in_vain = now - began >= VAIN_SECONDS and self._answered_at < began
        self._failures = max(FAILURES_TO_TRIP, self._failures) if was_in_vain else self._failures + 1
        self._open_until = now + TRIPPED_SECONDS

    def refused(self, error: Exception) -> None:
        """Note that the store answers, but not as it should; it may still be read."""
        now = time.monotonic()
        if self._is_said or now - self._said_at < SAID_SECONDS:
            return
        self._began = self._said_at = now
        self._is_said = True
        log.warning("The store is away; requests get 503 until it is back.", cause=_cause(error))

    def succeeded(self) -> None:
        """Forget earlier failures."""
        self._answered_at = time.monotonic()
        self._failures = 0
        if self._is_said:
            self._is_said = False
            log.warning("The store is back.", seconds=round(time.monotonic() - self._began, 2))


def _cause(error: Exception) -> str:
    """Return the server's own code for a refusal, or the kind of the error; never its text, which may quote values."""
    word = str(error).lstrip("-").partition(" ")[0]
    return word if word in _CODES else type(error).__name__


def _raise(error: Exception) -> None:
    raise error


class Connection:
    """One process's access to the store; safe for threads, and for use on both sides of a fork."""

    def __init__(self, url: str, *, read_seconds: float = READ_SECONDS) -> None:
        self.url = url
        self._open = opener(url, read_seconds=read_seconds)
        self._breaker = Breaker()
        self._scripts: dict[str, Script] = {}

    @property
    def client(self) -> redis.Redis:
        """Return the client, for commands whose errors the caller handles.

        Raises:
            StoreUnavailable: If the store is a cluster of which no node answers.
        """
        for _ in range(OPENINGS - 1):  # Start-up and commands have the time that a request has not.
            with suppress(redis.exceptions.TimeoutError):
                return self._client
        try:
            return self._client
        except redis.exceptions.TimeoutError as error:
            raise StoreUnavailable("The store does not answer; try again in a second.") from error

    @cached_property
    def _client(self) -> redis.Redis:
        return self._open()

    @cached_property
    def _lanes(self) -> Scripts:
        return scripts_of(self._client)

    def close(self) -> None:
        """Drop all connections, as before a fork."""
        if "_lanes" in self.__dict__:
            self._lanes.close()
            del self.__dict__["_lanes"]
        if "_client" in self.__dict__:
            close_client(self._client)
            del self.__dict__["_client"]

    def call(self, command: Callable[[Any], Any]) -> Any:
        """Run a command, once more if the connection was broken.

        Args:
            command: Takes the client; must be safe to repeat.

        Raises:
            StoreUnavailable: If the store does not answer within its time limit, or refuses to serve.
        """
        return self._guarded(lambda: command(self._client))

    def run(self, name: str, keys: Sequence[str], args: Sequence[Argument] = ()) -> Any:
        """Run the script ``name`` atomically and return its reply; scripts must be safe to repeat."""
        script = self._scripts.get(name) or self._load(name)
        return self._guarded(lambda: self._lanes.run(script, keys, args))

    def ahead(self, name: str, keys: Sequence[str], args: Sequence[Argument] = ()) -> Callable[[], Any]:
        """Send a script now and return what gives its reply, so that other work is done while the store does its own.

        Whatever goes wrong is raised, and tried once more, when the reply is asked for, as ``run`` does. That may be
        done once, or never.
        """
        script = self._scripts.get(name) or self._load(name)
        begun: list[Callable[[], Any]] = []
        with suppress(StoreUnavailable):  # The breaker is asked again below, and then it is said.
            self._breaker.check()
            begun.append(self._begun(script, keys, args))

        def act() -> Any:
            return begun.pop()() if begun else self._lanes.run(script, keys, args)

        return lambda: self._guarded(act)

    def _begun(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Callable[[], Any]:
        try:
            return self._lanes.begin(script, keys, args)
        except redis.exceptions.RedisError as error:
            return partial(_raise, error)

    def _load(self, name: str) -> Script:
        script = self._scripts[name] = Script.of((SCRIPTS / f"{name}.lua").read_text(encoding="utf-8"))
        return script

    def _guarded(self, act: Callable[[], Any]) -> Any:
        self._breaker.check()
        began = time.monotonic()
        try:
            try:
                result = act()
            except (redis.exceptions.TimeoutError, MasterNotFoundError):
                raise  # Whoever was just asked would be waited for again.
            except redis.exceptions.ConnectionError:
                result = act()
        except _AWAY as error:
            self._breaker.failed(error, began)
            raise StoreUnavailable("The store does not answer; try again in a second.") from error
        except redis.exceptions.ResponseError as error:
            if not str(error).lstrip("-").startswith(_REFUSAL_WORDS):
                raise
            self._breaker.refused(error)
            raise StoreUnavailable("The store refuses writes for now; try again in a second.") from error
        self._breaker.succeeded()
        return result

    def ping(self) -> None:
        """Raise StoreUnavailable unless the store answers."""
        self.call(lambda client: client.ping())
