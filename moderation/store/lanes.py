"""Connections for scripts, with as little between the caller and the socket as there can be.

Owns the short way for what every request does: one ``EVALSHA`` and its reply. redis-py opens a connection and knows
its server; its own way to run a script takes three times as long, for retries, metrics and a health check that are not
wanted here. Connections are handed out last in, first out; there are never more than threads. Refuses to retry and to
translate what the server says: ``connection`` does.
"""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import hiredis
import redis
from redis.sentinel import SentinelConnectionPool

Argument = str | int | float | bytes
RECEIVE_BYTES = 65536
_SERVER_CLOSED = "The server closed the connection."
_NOT_ENOUGH_DATA = object()


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the digest by which the server knows it."""

    source: str
    sha: str

    @classmethod
    def of(cls, source: str) -> Script:
        """Return the script of a source text."""
        return cls(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


class Lane:
    """One connection: redis-py opens and closes it; in between its socket and its reader are used as they are."""

    __slots__ = ("_connection", "_reader", "_socket")

    def __init__(self, pool: redis.ConnectionPool) -> None:
        connection: Any = pool.connection_class(**pool.connection_kwargs)
        connection.connect()  # Not left to the first command, which would not ask sentinels where the primary is.
        self._connection = connection
        self._socket: socket.socket = connection._sock
        self._reader = hiredis.Reader(
            protocolError=redis.exceptions.InvalidResponse,
            replyError=connection._parser.parse_error,
            encoding="utf-8",
            notEnoughData=_NOT_ENOUGH_DATA,
        )
        _let_the_kernel_keep_time(self._socket)

    def send(self, command: str, script: str, rest: tuple[Argument, ...]) -> None:
        """Send a script with its count of keys, keys and arguments.

        Raises:
            redis.TimeoutError, redis.ConnectionError: If the server does not take it.
        """
        try:
            self._socket.sendall(hiredis.pack_command((command, script, *rest)))  # type: ignore[arg-type]  # Its own slip.
        except OSError as error:
            raise _translated(error) from error

    def receive(self) -> Any:
        """Return the next reply.

        Raises:
            redis.RedisError: As ``send``, and what the server says.
        """
        reply = self._reader.gets()
        while reply is _NOT_ENOUGH_DATA:
            self._feed()
            reply = self._reader.gets()
        if isinstance(reply, redis.exceptions.RedisError):
            raise reply
        return reply

    def _feed(self) -> None:
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except OSError as error:
            raise _translated(error) from error
        if not data:
            raise redis.exceptions.ConnectionError(_SERVER_CLOSED)
        self._reader.feed(data)

    def close(self) -> None:
        """Close the connection."""
        self._connection.disconnect()


def _let_the_kernel_keep_time(one: socket.socket) -> None:
    """Give a socket its time limit in the kernel: Python's own costs a ``poll`` before each read and each write.

    TLS keeps Python's, since its reads are not those of the socket.
    """
    seconds = one.gettimeout()
    if seconds is None or isinstance(one, ssl.SSLSocket):
        return
    limit = struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))  # struct timeval of POSIX.
    one.settimeout(None)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def _translated(error: OSError) -> redis.exceptions.RedisError:
    """Return what redis-py would have raised; the kernel says "try again" when its time limit is over."""
    if isinstance(error, (TimeoutError, BlockingIOError)):
        return redis.exceptions.TimeoutError("The server did not answer in time.")
    return redis.exceptions.ConnectionError(_SERVER_CLOSED)


class Lanes:
    """The connections of one process to one server; safe for threads and for use on both sides of a fork."""

    def __init__(self, pool: redis.ConnectionPool) -> None:
        self._pool = pool
        self._free: list[Lane] = []
        self._pid = os.getpid()

    def run(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """Run a script and return its reply.

        Raises:
            redis.RedisError: As the server or the connection says; other idle connections are dropped with a broken
                one, since a server that was started again has forgotten them all, and with one to a primary that has
                become a replica: a new one asks the sentinels, where there are any, who is primary now.
        """
        return self.begin(script, keys, args)()

    def begin(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Callable[[], Any]:
        """Send a script and return what gives its reply; to be called once, or not at all: then its connection goes.

        Raises:
            redis.RedisError: As ``run``; so does what is returned.
        """
        lane = self._take()
        rest = (len(keys), *keys, *args)
        try:
            lane.send("EVALSHA", script.sha, rest)
        except BaseException:
            self._drop(lane)
            raise
        return partial(self._reply, lane, script, rest)

    def _reply(self, lane: Lane, script: Script, rest: tuple[Argument, ...]) -> Any:
        try:
            try:
                reply = lane.receive()
            except redis.exceptions.NoScriptError:
                lane.send("EVAL", script.source, rest)
                reply = lane.receive()
        except redis.exceptions.ReadOnlyError as error:
            self._drop(lane)
            if isinstance(self._pool, SentinelConnectionPool):
                raise redis.exceptions.ConnectionError("The primary has become a replica.") from error
            raise
        except redis.exceptions.ResponseError:
            self._free.append(lane)
            raise
        except BaseException:
            self._drop(lane)
            raise
        self._free.append(lane)
        return reply

    def _drop(self, lane: Lane) -> None:
        lane.close()
        self.close()

    def close(self) -> None:
        """Drop the idle connections."""
        while self._free:
            self._free.pop().close()

    def _take(self) -> Lane:
        if self._pid != os.getpid():  # Sockets of the parent must not be shared.
            self._free, self._pid = [], os.getpid()
        try:
            return self._free.pop()
        except IndexError:
            return Lane(self._pool)
