"""A small client of Winnow's HTTP API: what a website needs to take comments and to show them.

Standard library only, so that it can be copied anywhere. Owns time limits and the shape of errors. Refuses to wait for
long and to go through a proxy: Winnow stands next to the website.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

TIMEOUT_SECONDS = 3.0  # Winnow answers in milliseconds; a reader should not wait for one that is away.
PAGE_SIZE = 100
MAX_PAGES = 20  # Comments beyond 2,000 belong on a page of their own.


class Unavailable(Exception):
    """Winnow cannot be reached, or has trouble of its own; try again later."""


class Refused(Exception):
    """Winnow understood and said no.

    Attributes:
        status: HTTP status.
        problem: The problem document (RFC 9457); ``errors`` in it names the fields.
        retry_after_seconds: How long to wait after a 429, else 0.
    """

    def __init__(self, status: int, problem: dict[str, Any], retry_after_seconds: int = 0) -> None:
        super().__init__(problem.get("detail", f"HTTP {status}"))
        self.status = status
        self.problem = problem
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class Winnow:
    """One site's way to Winnow.

    Attributes:
        url: Where Winnow listens, without a trailing slash.
        key: The site's API key; it stays on the server.
    """

    url: str
    key: str

    def submit(self, submission: dict[str, Any], *, idempotency_key: str) -> dict[str, Any]:
        """Send one comment and return it with its status; safe to repeat with the same key.

        Raises:
            Refused, Unavailable: As their names say.
        """
        return self._call("POST", "/v1/comments", submission, {"Idempotency-Key": idempotency_key})

    def comment(self, comment_id: str) -> dict[str, Any]:
        """Return one comment.

        Raises:
            Refused, Unavailable: As their names say.
        """
        return self._call("GET", f"/v1/comments/{quote(comment_id, safe='')}")

    def thread(self, permalink: str) -> list[dict[str, Any]]:
        """Return the approved comments of one page, oldest first.

        Raises:
            Refused, Unavailable: As their names say.
        """
        comments: list[dict[str, Any]] = []
        query = {"permalink": permalink, "limit": str(PAGE_SIZE)}
        for _ in range(MAX_PAGES):
            page = self._call("GET", f"/v1/comments?{urlencode(query)}")
            comments += page["comments"]
            if not page["has_more"]:
                break
            query["cursor"] = page["cursor"]
        return comments

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        request = urllib.request.Request(self.url + path, method=method, headers=headers or {})
        request.add_header("Authorization", f"Bearer {self.key}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                return _document(response.read())
        except urllib.error.HTTPError as error:
            raise _trouble(error) from None
        except (OSError, ValueError) as error:  # HTTPError, caught above, is an OSError as well.
            raise Unavailable("Winnow cannot be reached.") from error


def _trouble(error: urllib.error.HTTPError) -> Exception:
    """Return what an answer other than 2xx means for the website."""
    if error.code >= 500:
        return Unavailable(f"Winnow answered {error.code}.")
    retry = error.headers.get("Retry-After", "0")
    try:
        problem = _document(error.read())
    except (OSError, ValueError):
        problem = {}
    return Refused(error.code, problem, int(retry) if retry.isdecimal() else 0)


def _document(body: bytes) -> dict[str, Any]:
    found = json.loads(body) if body else {}
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found
