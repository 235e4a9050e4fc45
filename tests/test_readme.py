"""The README's examples are run as they stand, and their answers have the shape that is shown."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require
from tests.processes import ROOT, clean_environ, serving

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
REAL_ADDRESS = "http://127.0.0.1:8000"


def block(language: str, beginning: str) -> str:
    """Return the one code block of a language that begins so."""
    [found] = [text for kind, text in BLOCK.findall(README) if kind == language and text.startswith(beginning)]
    return str(found)


def shape(value: Any) -> Any:
    """Return what stays of an answer without its figures: names, and for lists the shape of an entry."""
    if isinstance(value, dict):
        return {name: shape(found) for name, found in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Give the address of a running service and its data directory."""
    data_dir = tmp_path_factory.mktemp("readme") / "data"
    with serving(data_dir) as running:
        yield running.url, data_dir
        running.stop()


@pytest.fixture(scope="module")
def key(service: tuple[str, Path]) -> str:
    """Give the key that the README's own command prints."""
    [command] = [line for line in block("sh", "make setup").splitlines() if line.startswith("winnow site add")]
    words = command.partition("#")[0].split()[1:]
    done = subprocess.run(
        [sys.executable, "-m", "moderation.cli", *words, "--data-dir", str(service[1])],
        capture_output=True,
        text=True,
        env=clean_environ(),
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    [found] = re.findall(r"\b[a-z0-9]{12}\b", done.stdout)
    return found


@pytest.mark.slow
def test_curl_example_is_answered_as_shown(service: tuple[str, Path], key: str) -> None:
    require(shutil.which("curl"), "The README's example needs curl.")
    shown = json.loads(block("json", "{"))

    script = block("sh", "curl").replace(REAL_ADDRESS, service[0])
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env={"KEY": key}, timeout=60)
    answer = json.loads(done.stdout)

    assert shape(answer) == shape(shown)
    assert answer["status"] == shown["status"]
    assert answer["author"]["name"] == shown["author"]["name"]
    assert answer["verdict"]["model"] == shown["verdict"]["model"], "The README shows what an earlier model said."
    assert {one["code"] for one in answer["verdict"]["reasons"]} == {one["code"] for one in shown["verdict"]["reasons"]}
    assert "jane@example.org" not in done.stdout


def test_two_commands_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    commands = [line.partition("#")[0].split() for line in block("sh", "make demo").splitlines()]

    assert commands == [["make", "demo"], ["make", "test"]]
    assert all(f"\n{target}:" in makefile for _, target in commands)


def test_screenshots_exist_and_are_small() -> None:
    images = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)

    assert images
    assert all((ROOT / image).stat().st_size < 200_000 for image in images)
