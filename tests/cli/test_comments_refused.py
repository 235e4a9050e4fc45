"""``winnow comments`` given rubbish: a sentence that says where, and the rest comes in."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from moderation import bootstrap
from moderation.cli import rows
from moderation.config import Settings
from moderation.core.errors import ModelUnavailable
from moderation.scoring import Scorer
from moderation.service.services import Services
from tests.cli.commands import Commands
from tests.cli.rows_in_and_out import a_life, exported, foreign, lines
from tests.keyword_model import KeywordModel


@pytest.fixture
def winnow(settings: Settings, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setattr(Scorer, "model", KeywordModel())
    commands = Commands(settings, store_url)
    for name in ("alice-site", "bob-site"):
        commands.json("site", "add", name, f"https://{name}.example")
    return commands


@pytest.fixture
def services(winnow: Commands) -> Services:
    return bootstrap.build(winnow.settings, winnow.redis_url)


BAD = [
    ("not json", "not valid JSON"),
    ("[" * 100_000, "not valid JSON"),
    ("[]", "object"),
    ("null", "object"),
    ("\x00", "not valid JSON"),
    (json.dumps(foreign(zzz=1)), "zzz: There is no such field."),
    (json.dumps(foreign(author_email="mallory")), "author_email"),
    (json.dumps(foreign(permalink="ftp://x")), "permalink"),
    (json.dumps(foreign(content="\ud800")), "not valid JSON"),
    (json.dumps(foreign(created_at="yesterday")), "created_at"),
    (json.dumps(foreign(created_at="2026-05-01T10:00:00")), "created_at"),
    (json.dumps(foreign(created_at="0001-01-01T00:00:00Z")), "created_at"),
    (json.dumps(foreign(status="deleted")), "status"),
    (json.dumps(foreign(status="approved", decision={"decision": "reject", "at": "2026-06-01T12:00:00Z"})), "status"),
    (json.dumps(foreign(content="x" * (1 << 20))), "longer than 1 MiB"),
    (json.dumps({"author": {"name": "x"}}), "verdict: This field is required."),
]


@pytest.mark.parametrize("bad, said", BAD, ids=range(len(BAD)))
def test_bad_row_is_named_with_its_line_and_the_others_come_in(
    winnow: Commands, tmp_path: Path, bad: str, said: str
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(lines(foreign(1), "\n", bad + "\n", foreign(2)), encoding="utf-8")

    result = winnow.run("comments", "import", "alice-site", str(file))

    assert result.exit_code == 2
    (complaint,) = (line for line in result.stderr.splitlines() if line.startswith(str(file)))
    assert complaint.startswith(f"{file}:3: ")
    assert said in complaint
    assert len(exported(winnow)) == 2


def exported_row(services: Services) -> dict[str, Any]:
    a_life(services)
    site = services.sites.read("alice-site")
    return json.loads(json.dumps(rows.export_row(next(services.privacy.export(site, lambda one: one)))))  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    "change, said",
    [
        ({"id": "../../etc"}, "id"),
        ({"status": "pending"}, "status"),
        ({"author": {"id": "k1.short", "name": "x"}}, "author.id"),
        ({"author": {"id": None, "name": "x", "email": "a@b.example"}}, "author.email"),
        ({"verdict": {"action": "approve", "scores": {"spam": 2}}}, "verdict.scores.spam"),
        ({"verdict": {"action": "approve", "scores": {"ham": 0.5}}}, "verdict.scores"),
        ({"version": 0}, "version"),
        ({"history": [{"status": "pending"}] * 21}, "history"),
    ],
)
def test_damaged_export_is_refused(winnow: Commands, services: Services, change: dict[str, Any], said: str) -> None:
    row = {**exported_row(services), **change}

    assert said in winnow.refused("comments", "import", "bob-site", "-", stdin=lines(row))
    assert exported(winnow, "bob-site") == []


@pytest.mark.parametrize(
    "reason, said",
    [
        ({"code": "invented"}, "code"),
        ({"evidence": [{"start": 5, "end": 2, "text": "", "weight": 1}]}, "evidence.0"),
        ({"evidence": [{"start": 0, "end": 10_000, "text": "", "weight": 1}]}, "evidence.0"),
        ({"weight": 1e999}, "weight"),
    ],
)
def test_damaged_reason_is_refused(winnow: Commands, services: Services, reason: dict[str, Any], said: str) -> None:
    row = exported_row(services)
    whole = {"code": "model-spam", "label": "spam", "weight": 1.0, "detail": "x", "evidence": [], **reason}
    row["verdict"] = {**row["verdict"], "reasons": [whole]}

    assert said in winnow.refused("comments", "import", "bob-site", "-", stdin=lines(row))


def test_erasing_needs_an_address_on_standard_input(winnow: Commands) -> None:
    assert "No address" in winnow.refused("comments", "erase", "alice-site", "--email-stdin", stdin="")
    assert "author_email" in winnow.refused("comments", "erase", "alice-site", "--email-stdin", stdin="nobody\n")
    assert "nobody" not in winnow.refused("comments", "erase", "alice-site", "--email-stdin", stdin="nobody\n")


def test_failed_export_leaves_the_old_file(winnow: Commands, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    target.write_text("the old one")

    winnow.refused("comments", "export", "nobody", "--output", str(target))

    assert target.read_text() == "the old one"
    assert list(tmp_path.glob("*.part")) == []


def test_export_to_where_nothing_can_be_written_gets_a_sentence(winnow: Commands, tmp_path: Path) -> None:
    winnow.refused("comments", "export", "alice-site", "--output", str(tmp_path / "no" / "out.jsonl"), code=1)


def test_damaged_gzip_gets_a_sentence(winnow: Commands, tmp_path: Path) -> None:
    target = tmp_path / "cut.gz"
    target.write_bytes(gzip.compress(lines(*(foreign(number) for number in range(50))).encode())[:-20])

    assert "gzip" in winnow.refused("comments", "import", "alice-site", str(target))


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_unreadable_file_gets_a_sentence(winnow: Commands, tmp_path: Path, name: str) -> None:
    assert "cannot be read" in winnow.refused("comments", "import", "alice-site", str(tmp_path / name))


def test_json_and_rows_do_not_share_standard_output(winnow: Commands) -> None:
    assert "--output" in winnow.refused("comments", "export", "alice-site", "--json")


def test_complaints_are_limited(winnow: Commands) -> None:
    result = winnow.run("comments", "import", "alice-site", "-", stdin="x\n" * 500)

    assert len([line for line in result.stderr.splitlines() if line.startswith("-:")]) == 100
    assert "500 refused" in result.stdout


def test_import_without_a_classifier_stops_before_the_first_row(
    winnow: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Scorer) -> None:
        raise ModelUnavailable("There is no classifier.")

    monkeypatch.setattr(Scorer, "model", property(broken))

    said = winnow.refused("comments", "import", "alice-site", "-", stdin=lines(foreign(1), foreign(2)), code=1)

    assert said == "winnow: There is no classifier.\n"
    assert exported(winnow) == []
