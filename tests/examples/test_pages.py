"""The pages "switch … in five minutes": every command on them runs, in the order in which a reader types it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from moderation.config import Settings
from tests.processes import ROOT, clean_environ, slowdown
from tests.receiver import Receiver
from tests.web.protocols.conftest import Live, live
from tests.web.protocols.coral_server import TOKEN, CoralServer

__all__ = ["live"]
pytestmark = pytest.mark.slow
_BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
OTHER_PROGRAMS = {"coral-cli": f"""echo '{{"token": {{"id": "1", "name": "winnow"}}, "signedToken": "{TOKEN}"}}'"""}


@pytest.fixture
def coral() -> Iterator[CoralServer]:
    with Receiver() as receiver:
        server = CoralServer(receiver)
        receiver.answer = server.answer
        yield server


def commands_of(page: str) -> str:
    """Return the shell commands of a page as one script."""
    text = (ROOT / "docs" / page).read_text()
    blocks = [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in _BLOCK.findall(text)]
    assert blocks, "the page has no commands"
    return "\n".join(blocks)


def programs(folder: Path, settings: Settings, store_url: str) -> None:
    """Put ``winnow`` on this store, and what other programs there are, into a folder."""
    folder.mkdir()
    shared = f"--data-dir '{settings.data_dir}' --redis-url '{store_url}'"
    scripts = {**OTHER_PROGRAMS, "winnow": f"""exec '{sys.executable}' -m moderation.cli {shared} "$@\""""}
    scripts["python"] = f"""exec '{sys.executable}' "$@\""""
    for name, line in scripts.items():
        script = folder / name
        script.write_text(f"#!/bin/sh\n{line}\n")
        script.chmod(0o755)


@pytest.mark.parametrize(
    "page, said",
    [
        ("akismet.md", ["API key", "akismet.pem"]),
        ("perspective.md", ["API key", '"TOXICITY"']),
        ("coral.md", ["API key", "signedToken", "may moderate", '"actionType":"FLAG"']),
    ],
    ids=["akismet", "perspective", "coral"],
)
def test_commands_run(
    page: str, said: list[str], live: Live, coral: CoralServer, store_url: str, tmp_path: Path
) -> None:
    programs(tmp_path / "bin", live.services.settings, store_url)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "secret.txt").write_text("5f1d4c0b" * 8)
    (tmp_path / "token.txt").write_text(TOKEN)
    script = commands_of(page)
    for shown, real in {
        "https://winnow.example": live.url,
        "http://127.0.0.1:8000": live.url,
        "https://coral.example": coral.url,
        "site add blog": "site add another",  # The one of that name is there already, and $KEY is its key.
        "Buy pills": "Best casino, buy pills",  # A word that the tests' classifier knows.
    }.items():
        script = script.replace(shown, real)

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script + "\nls"],
        cwd=tmp_path,
        env={
            **clean_environ(),
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "KEY": live.key,
            "PYTHONPATH": str(ROOT),
            "WINNOW_WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8",
        },
        capture_output=True,
        text=True,
        timeout=60 * slowdown(),
        check=False,
    )

    assert done.returncode == 0, (script, done.stdout, done.stderr)
    for words in said:
        assert words in done.stdout, (words, done.stdout)
