"""``winnow demo``: the whole line from a website's comment to a decision that it hears of, and nothing left behind."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from moderation.demo import report
from moderation.demo.play import MODERATOR, Accounts, Approval, Sent, fresh_password
from moderation.demo.scenario import load_samples
from tests.processes import ROOT, children_of, clean_environ, fetch, is_running, wait_for

DEMO = (sys.executable, "-m", "moderation.cli", "demo")
STATUSES = {"approved", "pending", "rejected"}


def environ(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which temporary directories are easy to find."""
    return clean_environ(TMPDIR=str(tmp_path))


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[Path]]:
    """Play it once; give its answer and what it left in the directory of temporary files."""
    directory = tmp_path_factory.mktemp("once")
    command = [*DEMO, "--once", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environ(directory), timeout=240, cwd=directory)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), list(directory.iterdir())


@pytest.mark.slow
def test_every_sample_is_answered(once: tuple[dict[str, Any], list[Path]]) -> None:
    answers = {one["sample"]: one for one in once[0]["comments"]}

    assert list(answers) == [sample.name for sample in load_samples()]
    accepted = [one for one in answers.values() if one["http_status"] == 201]
    assert {one["status"] for one in accepted} <= STATUSES
    assert all(one["verdict"]["model"] and one["verdict"]["reasons"] for one in accepted)
    assert all(set(one["verdict"]["scores"]) == {"spam", "toxicity"} for one in accepted)


@pytest.mark.slow
def test_rules_and_classifier_do_what_the_samples_are_there_for(once: tuple[dict[str, Any], list[Path]]) -> None:
    answers = {one["sample"]: one for one in once[0]["comments"]}
    codes = {
        name: {one["code"] for one in found["verdict"]["reasons"]} for name, found in answers.items() if "id" in found
    }

    assert answers["reader"]["status"] == "approved"
    assert answers["casino"]["status"] == "rejected"
    assert answers["insult"]["status"] == "pending"
    assert (answers["honeypot"]["status"], "honeypot" in codes["honeypot"]) == ("rejected", True)
    assert (answers["four-sources"]["status"], "too-many-links" in codes["four-sources"]) == ("pending", True)
    assert "copy-of-recent" in codes["flattery-copy-2"]
    assert "copy-of-recent" not in codes["flattery-copy-1"]
    assert "obfuscated-text" in codes["disguised"]
    assert "shortener-link" in codes["shortener"]
    assert "disposable-email" in codes["throw-away"]
    assert [one["pointer"] for one in answers["wrong-address"]["problem"]["errors"]] == ["/author_email"]


@pytest.mark.slow
def test_website_hears_of_the_approval_by_signed_webhook(once: tuple[dict[str, Any], list[Path]]) -> None:
    approval = once[0]["approval"]

    assert (approval["sample"], approval["status"]) == ("four-sources", "approved")
    assert approval["decision"]["moderator"] == MODERATOR
    assert approval["webhook"] == {"type": "comment.approved", "signature": "verified"}


@pytest.mark.slow
def test_once_leaves_nothing_behind(once: tuple[dict[str, Any], list[Path]]) -> None:
    played, left = once

    assert left == []
    assert [fetch(url) for url in played["addresses"].values()] == [0, 0, 0]


class Demo:
    """A ``winnow demo`` that goes on."""

    def __init__(self, tmp_path: Path) -> None:
        self.directory = tmp_path
        self._output = tmp_path.parent / f"{tmp_path.name}.json"
        with self._output.open("wb") as output:
            command = [*DEMO, "--json"]
            self.process = subprocess.Popen(command, stdout=output, env=environ(tmp_path), cwd=tmp_path)
        wait_for(lambda: self._output.stat().st_size or self.process.poll() is not None, seconds=240, what="table")
        assert self.process.poll() is None
        self.pids = self._descendants(self.process.pid)
        self.addresses = json.loads(self._output.read_text())["addresses"]

    def _descendants(self, pid: int) -> list[int]:
        found = children_of(pid)
        return found + [one for child in found for one in self._descendants(child)]


@pytest.fixture
def demo(tmp_path: Path) -> Any:
    started = Demo(tmp_path)
    yield started
    if started.process.poll() is None:
        started.process.kill()
    started.process.wait()


@pytest.mark.slow
def test_goes_on_until_ctrl_c_and_stops_everything(demo: Demo) -> None:
    assert [fetch(url) for url in demo.addresses.values()] == [200, 200, 200]
    assert len(demo.pids) >= 6  # Supervisor, store, gunicorn and its workers, worker, website.

    demo.process.send_signal(signal.SIGINT)

    assert demo.process.wait(timeout=90) == 0
    assert not [pid for pid in demo.pids if is_running(pid)]
    assert list(demo.directory.iterdir()) == []


@pytest.mark.slow
def test_killed_demo_leaves_no_process(demo: Demo) -> None:
    demo.process.kill()

    wait_for(lambda: not [pid for pid in demo.pids if is_running(pid)], seconds=30, what="end of its processes")


def serving_children_of(pid: int) -> list[int]:
    """Return the children that have become a service; right after the fork a child is a copy of its parent."""
    return [one for one in children_of(pid) if b"serve" in Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0")]


@pytest.mark.slow
def test_ctrl_c_while_starting_stops_what_was_started(tmp_path: Path) -> None:
    process = subprocess.Popen([*DEMO, "--once"], env=environ(tmp_path), cwd=tmp_path, stderr=subprocess.PIPE)
    [service] = wait_for(lambda: serving_children_of(process.pid), seconds=60, what="service")

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=90)

    assert process.returncode == 130
    assert not is_running(service)
    assert list(tmp_path.iterdir()) == []


def refusal(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEMO, *arguments], capture_output=True, text=True, env=environ(tmp_path), timeout=90, cwd=tmp_path
    )


def test_used_data_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret.keys").write_text("k1:00")

    done = refusal(tmp_path, "--data-dir", str(tmp_path / "data"))

    assert done.returncode == 2
    assert "is not an empty directory" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "data" / "secret.keys").read_text() == "k1:00"


def test_outside_store_is_refused(tmp_path: Path) -> None:
    done = refusal(tmp_path, "--redis-url", "redis://127.0.0.1:6379/0")

    assert done.returncode == 2
    assert "always runs its own store" in done.stderr


def test_settings_of_a_real_service_are_not_touched() -> None:
    from moderation.demo.stage import service_environ

    real = {"WINNOW_REDIS_URL": "redis://real/0", "WINNOW_DATA_DIR": "/real", "WINNOW_SECRET_KEY_FILE": "/real/keys"}

    found = service_environ({**real, "PATH": "/bin"}, Path("/demo"))

    assert not set(real.values()) & set(found.values())
    assert (found["WINNOW_DATA_DIR"], found["PATH"]) == ("/demo", "/bin")


def test_help_has_an_example() -> None:
    done = subprocess.run([*DEMO, "--help"], capture_output=True, text=True, env=dict(os.environ), cwd=ROOT, timeout=90)

    assert "Example: winnow demo" in done.stdout


def test_samples_have_names_of_their_own_and_one_is_approved() -> None:
    samples = load_samples()

    assert len({one.name for one in samples}) == len(samples)
    assert [one.name for one in samples if one.approve] == ["four-sources"]
    assert all(one.content == one.content.strip() for one in samples)


def test_passwords_differ() -> None:
    assert len({fresh_password() for _ in range(100)}) == 100


SAMPLE = load_samples()[0]
PENDING = {
    "id": "01K",
    "status": "pending",
    "version": 1,
    "author": {"name": "Mallory"},
    "decision": {"moderator": "demo"},
    "verdict": {
        "scores": {"spam": 0.5},
        "reasons": [
            {"code": "model-toxicity", "weight": -4.0, "detail": "Not rude.", "evidence": []},
            {
                "code": "model-spam",
                "weight": 1.0,
                "detail": "Resembles spam.",
                "evidence": [{"text": "buy\nnow", "weight": 2.0}, {"text": "thanks", "weight": -1.0}],
            },
        ],
    },
}
PROBLEM = {"status": 422, "detail": "Wrong.", "errors": [{"pointer": "/author_email", "detail": "Not an address."}]}


def printed(*sent: Sent, width: int = 120) -> str:
    accounts = Accounts("demo", "key", "whsec_", "demo", "secret-word")
    approval = Approval(PENDING, "comment.approved", 0.2)
    console = Console(width=width, record=True, file=io.StringIO())
    report.show(console, report.Played("http://h:1", "http://h:2", accounts, sent, approval))
    return console.export_text()


def test_table_shows_reasons_that_speak_for_the_answer() -> None:
    text = printed(Sent(SAMPLE, 201, PENDING))

    assert "Resembles spam." in text
    assert "“buy now” +2.0" in text
    assert "thanks" not in text
    assert "Not rude." not in text


def test_table_shows_what_a_refused_comment_was_told() -> None:
    text = printed(Sent(SAMPLE, 422, PROBLEM))

    assert "HTTP 422" in text
    assert "/author_email: Not an address." in text


def test_table_shows_characters_that_would_not_be_seen() -> None:
    text = printed(Sent(replace(SAMPLE, content="v\u200bi\x1b[31ma"), 201, PENDING))

    assert "v·i·[31ma" in text


@pytest.mark.parametrize("width", [80, 200])
def test_addresses_and_login_are_whole_at_any_width(width: int) -> None:
    text = printed(Sent(SAMPLE, 201, PENDING), width=width)

    for word in ("http://h:2/", "http://h:1/review/", "http://h:1/docs", "secret-word"):
        assert word in text
