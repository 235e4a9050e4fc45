"""What happens around every request: an id, limits, security headers, one log line, metrics."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request

from moderation.web.metrics import Metrics

BODY_BYTES = 64 * 1024
BATCH_BODY_BYTES = 1024 * 1024
BATCH_ROUTES = {"/v1/check"}
QUIET_ROUTES = {"/livez", "/readyz", "/metrics"}
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
API_POLICY = "default-src 'none'; frame-ancestors 'none'"
_log = structlog.get_logger("request")


def init_app(app: Flask, metrics: Metrics) -> None:
    """Put the frame around every request of the app."""
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.before_request(_begin)

    @app.after_request
    def finish(response: Response) -> Response:
        return _finish(response, metrics)


def _begin() -> None:
    g.started = time.perf_counter()
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    if request.path in BATCH_ROUTES:
        request.max_content_length = BATCH_BODY_BYTES


def _finish(response: Response, metrics: Metrics) -> Response:
    route = request.url_rule.rule if request.url_rule else "unknown"
    started = g.get("started", time.perf_counter())
    response.headers["X-Request-Id"] = g.get("request_id", "")
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", API_POLICY)
    response.headers.setdefault("Cache-Control", "no-store")
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    metrics.answered(route, response.status_code, started)
    if route not in QUIET_ROUTES:
        _log.info(
            "answered",
            method=request.method if request.method in _METHODS else "other",
            route=route,
            status=response.status_code,
            ms=round((time.perf_counter() - started) * 1000, 2),
            site=g.get("site"),
        )
    return response


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
