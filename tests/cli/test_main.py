"""The ``winnow`` command: quick help, shared options, sentences instead of tracebacks."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from moderation import cli
from moderation.cli import COMMANDS, Options, main
from moderation.core.errors import InvalidInput, NotFound, StoreUnavailable
from tests.processes import clean_environ, slowdown

HELP_SECONDS = 0.3
HEAVY = {
    "flask",
    "redis",
    "numpy",
    "numba",
    "sklearn",
    "pydantic",
    "structlog",
    "rich",
    "gunicorn",
    "moderation.config",
}


def winnow(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "moderation.cli", *arguments]
    return subprocess.run(
        command, env=clean_environ(**environ), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.alone
def test_help_answers_at_once() -> None:
    """The best of five: other programs on the machine slow it down, but none speeds it up."""
    taken = []
    for _ in range(5):
        slower = slowdown()
        began = time.perf_counter()
        assert winnow("--help").returncode == 0
        taken.append((time.perf_counter() - began) / slower)

    assert min(taken) < HELP_SECONDS


def test_help_imports_nothing_heavy() -> None:
    script = """
import sys
from moderation.cli import main
main(["--help"], standalone_mode=False)
print(sorted(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env=clean_environ(), capture_output=True, text=True, check=True
    )

    imported = set(done.stdout.rpartition("[")[2].strip("]\n").replace("'", "").split(", "))
    assert "moderation.cli" in imported
    assert not imported & HEAVY


def test_every_command_exists_and_says_what_the_table_says() -> None:
    for name, (target, _) in COMMANDS.items():
        module, _, attribute = target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command), name


def leaves(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        assert child is not None
        yield from leaves(child, (*path, name))


def all_leaves() -> list[tuple[tuple[str, ...], click.Command]]:
    return list(leaves(main, ()))


def test_every_command_takes_the_shared_options_and_has_an_example() -> None:
    for path, command in all_leaves():
        options = {name for parameter in command.params for name in parameter.opts}
        assert {"--data-dir", "--redis-url"} <= options, path
        text = f"{command.help or ''}{command.epilog or ''}"
        assert "Example" in text or "winnow " in text, f"{path} has no example"


@pytest.mark.alone
@pytest.mark.parametrize("arguments", [["--data-dir", "{}", "secret", "list"], ["secret", "list", "--data-dir", "{}"]])
def test_shared_options_stand_anywhere(arguments: list[str], tmp_path: Path) -> None:
    done = winnow(*(part.format(tmp_path / "d") for part in arguments), "--json")

    assert json.loads(done.stdout) == {"file": str(tmp_path / "d" / "secret.keys"), "keys": ["k1"]}


def test_version_is_shown() -> None:
    assert winnow("--version").stdout.startswith("winnow ")


@pytest.mark.alone
@pytest.mark.parametrize(
    "arguments, environ, sentence",
    [
        (["secret", "list"], {"WINNOW_PORT": "http"}, "winnow.E007: WINNOW_PORT is not a whole number."),
        (["secret", "list", "--redis-url", "ftp://x"], {}, "winnow.E002"),
        (["serve", "--port", "70000"], {}, "winnow.E007: WINNOW_PORT is out of range."),
        (["serve", "--redis-url", "redis+sentinel://a"], {}, "name by which the sentinels know the primary is missing"),
        (["nonsense"], {}, "No such command"),
        (["secret", "list", "--nonsense"], {}, "No such option"),
        (["restore", "/nonexistent.tar.gz"], {}, "does not exist"),
    ],
)
def test_asking_wrongly_gives_a_sentence_and_exit_code_2(
    arguments: list[str], environ: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    done = winnow(*arguments, WINNOW_DATA_DIR=str(tmp_path / "d"), **environ)

    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.alone
def test_data_directory_without_permission_gives_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    done = winnow("site", "list", "--data-dir", str(tmp_path / "file" / "below"))

    assert done.returncode == 2
    assert "winnow.E001" in done.stderr
    assert "Traceback" not in done.stderr


@click.command()
@click.argument("kind")
def breaks(kind: str) -> None:
    errors: dict[str, Exception] = {
        "away": StoreUnavailable("The store does not answer."),
        "wrong": InvalidInput("That is no URL."),
        "absent": NotFound("There is no such site."),
        "disk": OSError(28, "No space left on device", "/data/x"),
        "bug": KeyError("jane@example.org"),
    }
    raise errors[kind]


@pytest.mark.parametrize(
    "kind, code, sentence",
    [
        ("away", 1, "The store does not answer."),
        ("wrong", 2, "That is no URL."),
        ("absent", 2, "There is no such site."),
        ("disk", 1, "No space left on device"),
        ("bug", 1, "something unexpected happened (KeyError)"),
    ],
)
def test_errors_become_sentences(kind: str, code: int, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "breaks", ("tests.cli.test_main:breaks", ""))  # type: ignore[arg-type]
    monkeypatch.setattr(cli.importlib, "import_module", lambda _: sys.modules[__name__])

    done = CliRunner().invoke(main, ["breaks", kind])

    assert done.exit_code == code
    assert sentence in done.stderr
    assert "jane" not in done.output
    assert "Traceback" not in done.output


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINNOW_DEBUG", "1")
    monkeypatch.setitem(COMMANDS, "breaks", ("tests.cli.test_main:breaks", ""))  # type: ignore[arg-type]
    monkeypatch.setattr(cli.importlib, "import_module", lambda _: sys.modules[__name__])

    done = CliRunner().invoke(main, ["breaks", "bug"])

    assert isinstance(done.exception, KeyError)


@pytest.mark.alone
def test_unknown_setting_is_named_on_standard_error(tmp_path: Path) -> None:
    done = winnow("secret", "list", "--json", WINNOW_DATA_DIR=str(tmp_path / "d"), WINNOW_TREADS="4")

    assert "WINNOW_THREADS" in done.stderr
    assert json.loads(done.stdout)["keys"] == ["k1"]


def test_data_directory_reaches_commands_of_the_classifier(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WINNOW_DATA_DIR", "elsewhere")
    monkeypatch.chdir(tmp_path)

    Options().remember("data_dir", "here")

    assert os.environ["WINNOW_DATA_DIR"] == str(tmp_path / "here")


def test_rotating_secrets_adds_a_key_and_shows_none(tmp_path: Path) -> None:
    done = winnow("secret", "rotate", "--json", "--data-dir", str(tmp_path / "d"))

    assert json.loads(done.stdout) == {"newest": 2}
    keys = (tmp_path / "d" / "secret.keys").read_text().split()
    assert [key.partition(":")[0] for key in keys] == ["k1", "k2"]
    assert not any(key.partition(":")[2] in done.stdout + done.stderr for key in keys)
