"""From errors to problem documents (RFC 9457): the one place that knows which error has which HTTP status.

Every answer that is not a success goes through here, Flask's own ones included.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from moderation.core import errors
from moderation.core.errors import InvalidInput, WinnowError
from moderation.service.events import timestamp
from moderation.store.connection import RETRY_AFTER_SECONDS

PROBLEM_TYPE = "application/problem+json"
STATUS_OF_ERROR: dict[type[WinnowError], HTTPStatus] = {
    errors.InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.MalformedBody: HTTPStatus.BAD_REQUEST,
    errors.InvalidCursor: HTTPStatus.BAD_REQUEST,
    errors.KeyReuse: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    errors.StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ModelUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.WebhookRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
}
_DETAILS = {
    400: "The request could not be understood.",
    404: "There is nothing at this address.",
    405: "This address does not take this method; see the Allow header.",
    408: "The request took too long to arrive.",
    411: "The request needs a Content-Length.",
    413: "The body is too large.",
    415: "The body must be application/json.",
}
_CODES = {  # Written out, because Python's own phrases change from version to version.
    400: "bad-request",
    404: "not-found",
    405: "method-not-allowed",
    408: "request-timeout",
    411: "length-required",
    413: "body-too-large",
    414: "uri-too-long",
    415: "unsupported-media-type",
    431: "headers-too-large",
    500: "internal-error",
}
_INTERNAL = "Something went wrong here; the log has it under the request id."
_log = structlog.get_logger(__name__)


class UnsupportedBody(WinnowError):
    """The body is not JSON by its content type."""

    code = "unsupported-media-type"


STATUS_OF_ERROR[UnsupportedBody] = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


def init_app(app: Flask) -> None:
    """Answer every error of the app with a problem document."""
    app.register_error_handler(WinnowError, problem_of_error)
    app.register_error_handler(HTTPException, _problem_of_http)
    app.register_error_handler(Exception, problem_of_bug)


def status_of(error: WinnowError) -> HTTPStatus:
    """Return the HTTP status of an error; the nearest class that has one decides."""
    for kind in type(error).__mro__:
        if kind in STATUS_OF_ERROR:
            return STATUS_OF_ERROR[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem(status: int, code: str, detail: str, **extra: Any) -> Response:
    """Return a problem document."""
    body = {
        "type": f"urn:winnow:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": g.get("request_id", ""),
        **{name: value for name, value in extra.items() if value is not None},
    }
    return Response(msgspec.json.encode(body), status=status, content_type=PROBLEM_TYPE)


def problem_of_error(error: WinnowError) -> Response:
    """Return the problem document of one of our own errors."""
    status = status_of(error)
    faults = [_fault(one) for one in error.faults] if isinstance(error, InvalidInput) and error.faults else None
    decided = _decided(error) if isinstance(error, errors.AlreadyDecided) else None
    version = error.current if isinstance(error, errors.StaleVersion) else None
    response = problem(status, error.code, str(error), errors=faults, decision=decided, current_version=version)
    if isinstance(error, errors.RateLimited):
        response.headers["Retry-After"] = str(error.retry_after_seconds)
        response.headers.extend(
            rate_headers(error.quota, error.window_seconds, left=0, reset=error.retry_after_seconds)
        )
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="winnow"'
    return response


def rate_headers(quota: int, window_seconds: int, *, left: int, reset: int) -> dict[str, str]:
    """Return the fields of draft-ietf-httpapi-ratelimit-headers-11; times in seconds."""
    return {"RateLimit-Policy": f'"default";q={quota};w={window_seconds}', "RateLimit": f'"default";r={left};t={reset}'}


def _decided(error: errors.AlreadyDecided) -> dict[str, object] | None:
    """Return the decision in force, its time as everywhere in the API."""
    if error.decision is None:
        return None
    at = error.decision.get("at")
    return {**error.decision, "at": timestamp(at) if isinstance(at, datetime) else at}


def _fault(fault: errors.Fault) -> dict[str, str]:
    return {"pointer": fault.pointer, "code": fault.code, "detail": fault.detail}


def _problem_of_http(error: HTTPException) -> Response:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if status < HTTPStatus.BAD_REQUEST:  # A redirect is not a problem.
        return Response(error.get_response(request.environ).get_data(), status, dict(error.get_headers()))
    code = _CODES.get(status, "http-error")
    response = problem(status, code, _DETAILS.get(status, HTTPStatus(status).description or _INTERNAL))
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def problem_of_bug(error: Exception) -> Response:
    """Log where an error nobody expected came from, and return its problem document."""
    # The traceback may quote values, so only the place goes into the log, never the message.
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{frame.tb_lineno}" if frame else "?"
    _log.error("internal-error", error=type(error).__name__, place=place, route=str(request.url_rule))
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", _INTERNAL)
