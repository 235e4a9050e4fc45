"""Errors as Google's service words and shapes them; its clients look at them."""

from __future__ import annotations

from typing import Any

from flask import Response

from moderation.web.bodies import rendered

ERROR_TYPE = "type.googleapis.com/google.commentanalyzer.v1alpha1.Error"
KEY_INVALID = "API key not valid. Please pass a valid API key."
STATUS_NAMES = {400: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE", 404: "NOT_FOUND"}


class Refused(Exception):
    """A request that Google's service would refuse.

    Attributes:
        error_type: Google's name for it, such as ``COMMENT_EMPTY``.
    """

    def __init__(self, message: str, error_type: str = "INVALID_REQUEST") -> None:
        super().__init__(message)
        self.error_type = error_type


def refusal(error: Refused) -> Response:
    """Return the answer to a refused request."""
    return problem(400, str(error), [{"@type": ERROR_TYPE, "errorType": error.error_type}])


def problem(status: int, message: str, details: list[dict[str, Any]] | None = None) -> Response:
    """Return an error in Google's shape."""
    error: dict[str, Any] = {"code": status, "message": message, "status": STATUS_NAMES[status]}
    if details:
        error["details"] = details
    return rendered({"error": error}, status)
