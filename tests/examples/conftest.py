"""The example website beside a running service, as `winnow demo` sets them up, and browsers to visit it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import clean_environ, wait_for


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Give what ``winnow demo --json`` says, while it runs."""
    directory = tmp_path_factory.mktemp("demo")
    output = directory / "demo.json"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "moderation.cli", "demo", "--json", "--data-dir", str(directory / "data")],
            stdout=file,
            env=clean_environ(),
            cwd=directory,
        )
    wait_for(lambda: output.stat().st_size or process.poll() is not None, seconds=240, what="answer")
    assert process.poll() is None
    yield {**json.loads(output.read_text()), "directory": directory / "data"}
    process.terminate()
    assert process.wait(timeout=30) == 0


@pytest.fixture
def visit(chromium: Any, demo: dict[str, Any]) -> Iterator[Callable[..., Any]]:
    """Give a function that opens the article as a new reader; the browser must not complain about anything."""
    contexts, complaints = [], []

    def open_page(**options: Any) -> Any:
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(demo["addresses"]["article"])
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [one for one in complaints if "status of 422" not in one] == []


@pytest.fixture
def data_directory(demo: dict[str, Any]) -> Path:
    """Give where the running service keeps everything."""
    found: Path = demo["directory"]
    return found
