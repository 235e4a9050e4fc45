"""Log lines: one JSON object a line for machines, readable ones on a terminal.

Owns the format and the last line of defence for privacy: fields that must never be logged are dropped, addresses are
masked, and exceptions are written with their type and place but without their message, which may quote the input.
Refuses to configure itself at import.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

import msgspec
import structlog
from structlog.types import EventDict, Processor

from moderation.config import Settings
from moderation.core.errors import WinnowError

PRIVATE_FIELDS = frozenset(
    "email author_email address ip user_ip remote_addr content text key api_key secret password token "
    "authorization cookie webhook_secret".split()
)
_ADDRESS = re.compile(r"[^\s<>\"'=:,;()\[\]]{1,64}(?:@|%40)[^\s<>\"',;()\[\]]{1,255}")
MASK = "[removed]"
TIME_FOR_MACHINES = "iso"
TIME_FOR_PEOPLE = "%H:%M:%S"
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
Stream = Literal["stdout", "stderr"]
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=repr)
_bound: dict[int, tuple[tuple[object, ...], Any]] = {}
_direct: list[list[Processor]] = []  # The processors whose lines ``write_answered`` writes itself, if there are any.


def configure(settings: Settings, *, stream: Stream = "stdout", level: str | None = None) -> None:
    """Set up logging for this process: structlog, and the standard library's loggers through the same pipeline.

    Args:
        settings: For the level and format.
        stream: Services write to ``stdout``; commands to ``stderr``, since their answer goes to ``stdout``.
        level: Replaces the level of the settings.
    """
    number = LEVELS[level or settings.log_level]
    is_for_machines = _is_for_machines(settings.log_format, stream)
    shared = _shared_processors(TIME_FOR_MACHINES if is_for_machines else TIME_FOR_PEOPLE)
    renderer: Processor = structlog.processors.JSONRenderer(serializer=_json) if is_for_machines else for_people
    processors = [*shared, renderer]
    _direct[:] = [processors] if is_for_machines and stream == "stdout" and number <= logging.INFO else []
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: structlog.WriteLogger(getattr(sys, stream)),
        cache_logger_on_first_use=False,
    )
    handler = _CurrentStream(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.INFO))


def _shared_processors(time_format: str) -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt=time_format, utc=time_format == TIME_FOR_MACHINES, key="at"),
        describe_exception,
        drop_private,
    ]


def _is_for_machines(log_format: str, stream: Stream) -> bool:
    if log_format == "auto":
        return stream == "stdout" and not sys.stdout.isatty()
    return log_format == "json"


def for_people(_: object, __: str, event: EventDict) -> str:
    """Return a line for a terminal: the time of day, the sentence, and the facts behind it."""
    at, level, said = event.pop("at"), str(event.pop("level")), event.pop("event")
    event.pop("logger", None)
    facts = "  ".join(f"{name}={value}" for name, value in event.items() if value is not None)
    loud = "" if level in {"info", "debug"} else f"{level.upper()}: "
    return printable(f"{at}  {loud}{said}" + (f"  ({facts})" if facts else ""))


def printable(line: str) -> str:
    """Return a line without control characters, which could forge others or move a terminal's cursor."""
    return "".join(ch if ch.isprintable() else " " for ch in line)


def _json(event: EventDict, **_: Any) -> str:
    return _ENCODER.encode(event)


def bound(logger: Any) -> Any:
    """Return a logger of structlog's ready for use; it holds as long as the configuration and the output do.

    structlog puts a logger together for every line; whoever writes one for each request keeps this instead.
    """
    key = (structlog.get_config()["processors"], sys.stdout, sys.stderr)
    kept = _bound.get(id(logger))
    if kept is None or any(one is not other for one, other in zip(kept[0], key, strict=True)):
        kept = _bound[id(logger)] = (key, logger.bind())
    return kept[1]


def write_answered(logger: Any, **facts: str | int | float | None) -> None:
    """Write the line of an answered request, which takes a quarter of the time when it is meant for a machine.

    Then no processor looks at it: no fact may be anything that a client chose freely.

    Args:
        logger: Of structlog's.
        facts: Of the request: its id, route, status and the like.
    """
    if not _direct or structlog.get_config()["processors"] is not _direct[0]:
        bound(logger).info("answered", **facts)
        return
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    line = msgspec.json.encode({**facts, "event": "answered", "level": "info", "at": at}).decode()
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class _CurrentStream(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what ``sys.stdout`` or ``sys.stderr`` is at the moment, not to what it was at set-up."""

    def __init__(self, name: Stream) -> None:
        self._stream_name = name
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return getattr(sys, self._stream_name)


def describe_exception(_: object, __: str, event: EventDict) -> EventDict:
    """Replace an exception by its type and where it was raised; its message may quote what a client sent."""
    found = event.pop("exc_info", None)
    error = _exception_of(found)
    if error is not None:
        event["exception"] = type(error).__name__
        event["where"] = _places(error.__traceback__)
        if isinstance(error, WinnowError):
            event["detail"] = str(error)
    return event


def _exception_of(found: object) -> BaseException | None:
    if found is True:
        return sys.exc_info()[1]
    if isinstance(found, tuple):
        found = found[1]
    return found if isinstance(found, BaseException) else None


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-8:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def drop_private(_: object, __: str, event: EventDict) -> MutableMapping[str, Any]:
    """Take out what a log must never hold, should a caller have put it there."""
    for name, value in list(event.items()):
        if name in PRIVATE_FIELDS:
            event[name] = MASK
        elif isinstance(value, str) and ("@" in value or "%40" in value):
            event[name] = _ADDRESS.sub(MASK, value)
    return event
