"""``winnow moderator`` as an operator uses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from moderation.cli import main

PASSWORD = "harbour lamp otter\n"
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a way to call ``winnow`` against the tests' store."""
    from moderation.config import Settings
    from moderation.keyring_file import load_keyring

    load_keyring(Settings(data_dir=tmp_path))  # With an outside store the keys must be there already.
    monkeypatch.setenv("WINNOW_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("WINNOW_REDIS_URL", store_url)
    monkeypatch.setenv("WINNOW_SECRET_KEY_FILE", str(tmp_path / "secret.keys"))

    def run(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(main, list(arguments), input=stdin)

    run("site", "add", "site-a", "https://a.example")
    return run


def test_add_and_list(run: Run) -> None:
    added = run("moderator", "add", "Alice", "--site", "site-a", "--password-stdin", "--json", stdin=PASSWORD)
    listed = run("moderator", "list", "--json")

    assert added.exit_code == 0, added.output
    account = json.loads(added.stdout)
    assert account["name"] == "Alice"
    assert account["role"] == "moderator"
    assert account["sites"] == ["site-a"]
    assert json.loads(listed.stdout) == [account]
    assert "argon2" not in added.output + listed.output


def test_an_admin_needs_no_site(run: Run) -> None:
    result = run("moderator", "add", "Root", "--role", "admin", "--password-stdin", stdin=PASSWORD)

    assert result.exit_code == 0, result.output
    assert "admin for all sites" in run("moderator", "list").stdout


@pytest.mark.parametrize(
    "arguments, stdin, sentence",
    [
        (("add", "Alice", "--password-stdin"), PASSWORD, "cannot be added"),
        (("add", "Alice", "--site", "nowhere", "--password-stdin"), PASSWORD, "There is no site 'nowhere'"),
        (("add", "Alice", "--site", "site-a", "--password-stdin"), "password1\n", "guessed first"),
        (("add", "Alice", "--site", "site-a", "--password-stdin"), "", "No password came"),
        (("add", "../x", "--site", "site-a", "--password-stdin"), PASSWORD, "cannot be added"),
        (("disable", "Nobody"), "", "There is no moderator 'Nobody'"),
        (("password", "Nobody", "--password-stdin"), PASSWORD, "There is no moderator 'Nobody'"),
        (("add", "Alice", "--role", "king", "--password-stdin"), PASSWORD, "king"),
    ],
)
def test_bad_input_gets_a_sentence_and_exit_code_2(
    run: Run, arguments: tuple[str, ...], stdin: str, sentence: str
) -> None:
    result = run("moderator", *arguments, stdin=stdin)

    assert result.exit_code == 2
    assert sentence in result.output
    assert "Traceback" not in result.output
    assert PASSWORD.strip() not in result.output


@pytest.mark.slow
def test_disable_and_a_new_password_open_and_close_the_account(run: Run) -> None:
    run("moderator", "add", "Alice", "--site", "site-a", "--password-stdin", stdin=PASSWORD)

    assert run("moderator", "disable", "Alice").exit_code == 0
    assert "(disabled)" in run("moderator", "list").stdout
    assert run("moderator", "password", "Alice", "--password-stdin", stdin="violet cart stream\n").exit_code == 0
    assert "(disabled)" not in run("moderator", "list").stdout


def test_the_password_is_asked_for_twice_without_stdin(run: Run) -> None:
    result = run("moderator", "add", "Alice", "--site", "site-a", stdin=PASSWORD + PASSWORD)

    assert result.exit_code == 0, result.output
    assert PASSWORD.strip() not in result.output
