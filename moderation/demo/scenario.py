"""The comments that the demonstration sends, as ``scenario.toml`` holds them.

Owns their shape. Refuses unknown fields, so that a slip in the file is found when it is read.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("scenario.toml")
USUAL_SECONDS = 41.0  # Between showing and sending the form, where the sample does not say.


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One comment to send.

    Attributes:
        name: Unique; also its external id and its Idempotency-Key.
        shows: What it is there for.
        approve: A moderator approves it in the end.
    """

    name: str
    shows: str
    author: str
    email: str
    content: str
    url: str | None = None
    language: str | None = None
    honeypot: str = ""
    form_seconds: float = USUAL_SECONDS
    approve: bool = False

    def submission(self, permalink: str) -> dict[str, Any]:
        """Return it as the API takes it, written under a page."""
        return {
            "content": self.content,
            "permalink": permalink,
            "author": self.author,
            "author_email": self.email,
            "author_url": self.url,
            "external_id": self.name,
            "language": self.language,
            "honeypot": self.honeypot,
            "form_seconds": self.form_seconds,
        }


def load_samples(path: Path = FILE) -> tuple[Sample, ...]:
    """Return the samples in the order in which they are sent."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(Sample(**{**one, "content": one["content"].strip()}) for one in document["comments"])
