"""Log lines: JSON, in UTC, and without anything private."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from moderation import logs
from moderation.config import Settings
from moderation.core.errors import NotFound


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """Give what went to standard output so far, with logging set up as a service does."""
    before, level = logging.getLogger().handlers[:], logging.getLogger().level
    logs.configure(Settings())
    kept: list[str] = []

    def read() -> str:
        kept.append(capsys.readouterr().out)
        return "".join(kept)

    yield read
    logging.getLogger().handlers[:] = before
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(written: Callable[[], str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written().splitlines()]


def test_line_is_json_with_time_in_utc_and_request_id(written: Callable[[], str]) -> None:
    structlog.contextvars.bind_contextvars(request_id="r1")
    structlog.get_logger().info("Scored.", comment="01K", score=0.5)

    (line,) = lines(written)
    assert line["at"].endswith("Z")
    assert {
        "event": "Scored.",
        "level": "info",
        "request_id": "r1",
        "comment": "01K",
        "score": 0.5,
    }.items() <= line.items()


@pytest.mark.parametrize("name", sorted(logs.PRIVATE_FIELDS))
def test_private_fields_are_dropped(written: Callable[[], str], name: str) -> None:
    structlog.get_logger().info("Oops.", **{name: "secret-value"})

    assert "secret-value" not in written()


@pytest.mark.parametrize(
    "text", ["to jane.doe+x@example.org now", "jane@bücher.example", "jane%40example.org", "<j@x.org>"]
)
def test_addresses_are_masked(written: Callable[[], str], text: str) -> None:
    structlog.get_logger().info(f"Sent {text}", detail=text)
    logging.getLogger("library").warning("Sent %s", text)

    assert "@" not in written()
    assert "%40" not in written()
    assert "example" not in written()
    assert len(lines(written)) == 2


def test_exception_is_written_without_its_message(written: Callable[[], str]) -> None:
    try:
        raise ValueError("input was: buy my pills")
    except ValueError:
        structlog.get_logger().exception("Failed.")
        logging.getLogger("library").exception("Failed too.")

    first, second = lines(written)
    assert first["exception"] == second["exception"] == "ValueError"
    assert "test_logs.py" in first["where"][-1]
    assert "pills" not in written()


def test_our_own_errors_keep_their_sentence(written: Callable[[], str]) -> None:
    try:
        raise NotFound("There is no such site.")
    except NotFound:
        structlog.get_logger().exception("Failed.")

    assert lines(written)[0]["detail"] == "There is no such site."


def test_line_breaks_cannot_forge_a_line(written: Callable[[], str]) -> None:
    structlog.get_logger().info("One.", site='x"}\n{"event": "forged"')

    assert len(lines(written)) == 1


@pytest.mark.usefixtures("written")
def test_terminal_gets_short_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="console"))

    structlog.get_logger().info("Started the store.", pid=7, url=None)
    structlog.get_logger().warning("Oops.", detail="a\x1b[2J\nb")

    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d  Started the store\.  \(pid=7\)", first)
    assert re.fullmatch(r"\d\d:\d\d:\d\d  WARNING: Oops\.  \(detail=a \[2J b\)", second)


def test_level_is_kept(written: Callable[[], str]) -> None:
    structlog.get_logger().debug("Quiet.")
    logging.getLogger("library").debug("Quiet.")

    assert written() == ""


def test_commands_write_to_standard_error(capsys: pytest.CaptureFixture[str], written: Callable[[], str]) -> None:
    logs.configure(Settings(), stream="stderr", level="warning")

    structlog.get_logger().info("Quiet.")
    structlog.get_logger().warning("Heard.")

    out, err = capsys.readouterr()
    assert out == ""
    assert "Heard." in err
    assert "Quiet." not in err


def test_the_line_of_a_request_is_the_one_that_the_processors_would_write(written: Callable[[], str]) -> None:
    facts: dict[str, Any] = {"method": "POST", "route": "/v1/comments", "status": 201, "ms": 2.5, "site": None}
    logger = structlog.get_logger()

    logger.info("answered", **facts, request_id="r1")
    logs.write_answered(logger, **facts, request_id="r1")

    slow, quick = lines(written)
    assert list(quick) == list(slow)
    assert len(quick.pop("at")) == len(slow.pop("at"))
    assert quick == slow


def test_the_line_of_a_request_keeps_to_the_level(written: Callable[[], str]) -> None:
    logs.configure(Settings(), level="warning")

    logs.write_answered(structlog.get_logger(), status=201)

    assert written() == ""
