"""What happens around every request: an id, limits, security headers, one log line, metrics."""

from __future__ import annotations

import random
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from flask import Flask, Request, Response, g, request

from moderation.logs import write_answered
from moderation.web.intake import Answer
from moderation.web.metrics import Metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

BODY_BYTES = 64 * 1024
BATCH_BODY_BYTES = 1024 * 1024
BATCH_ROUTES = {"/v1/check"}
QUIET_ROUTES = {"/livez", "/readyz", "/metrics"}
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
API_POLICY = "default-src 'none'; frame-ancestors 'none'"
_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("Content-Security-Policy", API_POLICY),
    ("Cache-Control", "no-store"),
)
_SECURE_HEADERS = (*_HEADERS, ("Strict-Transport-Security", "max-age=31536000"))
_log = structlog.get_logger("request")


def init_app(app: Flask, metrics: Metrics) -> None:
    """Put the frame around every request of the app."""
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.before_request(_begin)

    @app.after_request
    def finish(response: Response) -> Response:
        return _finish(response, metrics)


def _current() -> tuple[Request, Any]:
    """Return what ``request`` and ``g`` stand for, since each look through a proxy costs its share."""
    return request._get_current_object(), g._get_current_object()  # type: ignore[attr-defined]


@dataclass(slots=True)
class Frame:
    """What is known of a request while it is answered.

    Attributes:
        started: Of ``time.perf_counter``.
        site: The calling website, once it is known.
    """

    request_id: str
    started: float
    site: str | None = None


def begin(environ: WSGIEnvironment) -> Frame:
    """Give a request its id, which every log line of it will carry."""
    given = environ.get("HTTP_X_REQUEST_ID", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)
    return Frame(request_id, time.perf_counter())


def headers_of(answer: Answer, frame: Frame, *, is_secure: bool) -> list[tuple[str, str]]:
    """Return all headers of an answer that did not come through Flask."""
    own = [("Content-Type", "application/json"), ("Content-Length", str(len(answer.body))), *answer.headers.items()]
    return [*own, *(_SECURE_HEADERS if is_secure else _HEADERS), ("X-Request-Id", frame.request_id)]


def record(metrics: Metrics, frame: Frame, *, method: str, route: str, status: int) -> None:
    """Count an answer and write its log line."""
    metrics.answered(route, status, frame.started)
    if route in QUIET_ROUTES:
        return
    ms = round((time.perf_counter() - frame.started) * 1000, 2)
    write_answered(_log, method=method, route=route, status=status, ms=ms, site=frame.site, request_id=frame.request_id)


def _begin() -> None:
    asked, kept = _current()
    frame = begin(asked.environ)
    kept.started, kept.request_id = frame.started, frame.request_id
    if asked.path in BATCH_ROUTES:
        asked.max_content_length = BATCH_BODY_BYTES


def _finish(response: Response, metrics: Metrics) -> Response:
    asked, kept = _current()
    route = asked.url_rule.rule if asked.url_rule else "unknown"
    frame = Frame(kept.get("request_id", ""), kept.get("started", time.perf_counter()), kept.get("site"))
    present = set(response.headers.keys(lower=True))
    defaults = _SECURE_HEADERS if asked.is_secure else _HEADERS
    response.headers.extend([pair for pair in defaults if pair[0].lower() not in present])
    response.headers["X-Request-Id"] = frame.request_id
    method = asked.method if asked.method in _METHODS else "other"
    record(metrics, frame, method=method, route=route, status=response.status_code)
    return response


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
