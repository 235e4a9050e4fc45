"""Rows for imports and exports, and ways to bring them in and look at what came of it."""

from __future__ import annotations

import json
from typing import Any

from moderation.core.comment import RejectReason, Ruling, Submission
from moderation.service.decisions import Judgment
from moderation.service.services import Services
from tests.cli.commands import Commands

ADDRESS = "Mallory.Example+blog@Example.ORG"


def foreign(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "content": f"Remark number {number}, long ago",
        "permalink": "https://alice-site.example/a",
        "author": "Mallory",
        "author_email": ADDRESS,
        "created_at": "2026-05-01T10:00:00Z",
        **fields,
    }


def lines(*found: object) -> str:
    return "".join(one if isinstance(one, str) else json.dumps(one) + "\n" for one in found)


def exported(winnow: Commands, site: str = "alice-site") -> list[dict[str, Any]]:
    result = winnow.run("comments", "export", site)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def bring_in(winnow: Commands, *found: object, site: str = "alice-site") -> dict[str, int]:
    answer = winnow.json("comments", "import", site, "-", stdin=lines(*found))
    return {name: answer[name] for name in ("imported", "present", "erased", "refused")}


def a_life(services: Services) -> None:
    """Comments of each status, decided, undone, edited and labelled."""
    site = services.sites.read("alice-site")
    made = []
    for number in range(4):
        text = f"Remark {number} with “quotes”, ☃ and\nlines"
        submission = Submission(content=text, permalink="https://alice-site.example/a", author_name="Mallory")
        made.append(services.submissions.submit(site, submission).comment)
    judgments = [
        Judgment(ruling=Ruling.REJECT, reason=RejectReason.SPAM, moderator="Alice", note="no", override=True),
        Judgment(ruling=Ruling.APPROVE, moderator="Bob", override=True),
        Judgment(ruling=Ruling.REJECT, reason=RejectReason.OFF_TOPIC, override=True),
    ]
    for comment, judgment in zip(made, judgments, strict=False):
        services.decisions.decide(site, comment.id, judgment)


def without_versions(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows without what counts anew after an import."""
    return sorted(
        ({name: value for name, value in row.items() if name not in {"version"}} for row in found),
        key=lambda row: str(row["id"]),
    )
