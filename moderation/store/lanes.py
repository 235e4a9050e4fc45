"""Connections for scripts, with as little between the caller and the socket as there can be.

Owns the short way for what every request does: one ``EVALSHA`` and its reply. redis-py's own way to run a script takes
three times as long, for retries, metrics and a health check that are not wanted here. Connections are handed out last
in, first out; there are never more than threads. Refuses to retry and to translate errors: ``connection`` does.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import hiredis
import redis

Argument = str | int | float | bytes


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the digest by which the server knows it."""

    source: str
    sha: str

    @classmethod
    def of(cls, source: str) -> Script:
        """Return the script of a source text."""
        return cls(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


class Lanes:
    """The connections of one process to one server; safe for threads and for use on both sides of a fork."""

    def __init__(self, pool: redis.ConnectionPool) -> None:
        self._pool = pool
        self._free: list[Any] = []
        self._pid = os.getpid()

    def run(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """Run a script and return its reply.

        Raises:
            redis.RedisError: As the server or the connection says; other idle connections are dropped with a broken
                one, since a server that was started again has forgotten them all.
        """
        return self.begin(script, keys, args)()

    def begin(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Callable[[], Any]:
        """Send a script and return what gives its reply; to be called once, or not at all: then its connection goes.

        Raises:
            redis.RedisError: As ``run``; so does what is returned.
        """
        connection = self._take()
        rest: Any = (len(keys), *keys, *args)
        try:
            _send(connection, "EVALSHA", script.sha, rest)
        except BaseException:
            self._drop(connection)
            raise
        return partial(self._reply, connection, script, rest)

    def _reply(self, connection: Any, script: Script, rest: Any) -> Any:
        try:
            try:
                reply = connection.read_response()
            except redis.exceptions.NoScriptError:
                _send(connection, "EVAL", script.source, rest)
                reply = connection.read_response()
        except redis.exceptions.ResponseError:
            self._free.append(connection)
            raise
        except BaseException:
            self._drop(connection)
            raise
        self._free.append(connection)
        return reply

    def _drop(self, connection: Any) -> None:
        connection.disconnect()
        self.close()

    def close(self) -> None:
        """Drop the idle connections."""
        while self._free:
            self._free.pop().disconnect()

    def _take(self) -> Any:
        if self._pid != os.getpid():  # Sockets of the parent must not be shared.
            self._free, self._pid = [], os.getpid()
        try:
            return self._free.pop()
        except IndexError:
            connection = self._pool.connection_class(**self._pool.connection_kwargs)
        connection.connect()  # Not left to the first command, which would not ask sentinels where the primary is.
        return connection


def _send(connection: Any, command: str, script: str, rest: Any) -> None:
    connection.send_packed_command((hiredis.pack_command((command, script, *rest)),), check_health=False)
