"""docs/security.md names tests that exist."""

from __future__ import annotations

import re

from tests.processes import ROOT

PAGE = ROOT / "docs" / "security.md"


def test_every_named_test_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8")))
    written = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }

    assert len(named) > 50
    assert named <= written, sorted(named - written)


def test_every_item_has_a_test() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| \d", line)]

    assert len(rows) > 25
    assert all("`test_" in row.rsplit("|", 2)[1] for row in rows)
