"""What happens around every request: an id, limits, security headers, one log line, metrics."""

from __future__ import annotations

import os
import re
import time
from typing import Any

import structlog
from flask import Flask, Request, Response, g, request

from moderation.web.metrics import Metrics

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
_TRANSPORT = ("Strict-Transport-Security", "max-age=31536000")
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


def _begin() -> None:
    asked, frame = _current()
    frame.started = time.perf_counter()
    given = asked.environ.get("HTTP_X_REQUEST_ID", "")
    frame.request_id = request_id = given if _REQUEST_ID.fullmatch(given) else os.urandom(16).hex()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)
    if asked.path in BATCH_ROUTES:
        asked.max_content_length = BATCH_BODY_BYTES


def _finish(response: Response, metrics: Metrics) -> Response:
    asked, frame = _current()
    route = asked.url_rule.rule if asked.url_rule else "unknown"
    started = frame.get("started", time.perf_counter())
    present = set(response.headers.keys(lower=True))
    defaults = (*_HEADERS, _TRANSPORT) if asked.is_secure else _HEADERS
    response.headers.extend([pair for pair in defaults if pair[0].lower() not in present])
    response.headers["X-Request-Id"] = frame.get("request_id", "")
    metrics.answered(route, response.status_code, started)
    if route not in QUIET_ROUTES:
        _log.info(
            "answered",
            method=asked.method if asked.method in _METHODS else "other",
            route=route,
            status=response.status_code,
            ms=round((time.perf_counter() - started) * 1000, 2),
            site=frame.get("site"),
        )
    return response


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
