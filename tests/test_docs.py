"""The documentation says what is: generated pages are current, and every link, setting, command and route is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.generate import PAGES
from moderation.cli import COMMANDS
from moderation.config import field_names, variable_of
from tests.processes import ROOT

SKIPPED = {".venv", ".git", "node_modules", "build", "dist"}
DOCUMENTS = sorted(path for path in ROOT.rglob("*.md") if not SKIPPED & set(path.relative_to(ROOT).parts))
LINK = re.compile(r"\]\(([^)\s]+)\)")


def slug(heading: str) -> str:
    """Return the anchor that a heading gets, after GitHub's rules."""
    plain = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return plain.replace(" ", "-")


def anchors(path: Path) -> set[str]:
    return {slug(line.lstrip("#")) for line in path.read_text().splitlines() if line.startswith("#")}


@pytest.mark.parametrize("page", PAGES)
def test_generated_page_is_current(page: str) -> None:
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")

    assert written == PAGES[page](), "run: make docs"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    broken = []
    for target in LINK.findall(path.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)

    assert broken == []


def test_every_setting_has_its_heading() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()

    assert [name for name in field_names() if f"### `{variable_of(name)}`" not in text] == []


def test_every_command_has_its_heading() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()

    assert [name for name in COMMANDS if f"## `winnow {name}`" not in text] == []


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [path.name[:3] for path in sorted((ROOT / "docs" / "decisions").glob("*.md"))]

    assert numbers == [f"{number:03d}" for number in range(1, len(numbers) + 1)]


def test_no_document_names_a_place_on_one_machine() -> None:
    marks = ("/root/", "/home/", "file://", "/tmp/")

    assert [(path.name, mark) for path in DOCUMENTS for mark in marks if mark in path.read_text()] == []
