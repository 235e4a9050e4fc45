"""Health, metrics and documentation: what machines and newcomers ask first; no key needed."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, current_app, render_template

from moderation.core.errors import WinnowError
from moderation.web import openapi
from moderation.web.auth import metrics, services
from moderation.web.bodies import rendered
from moderation.web.errors import problem
from moderation.web.openapi import operation

bp = Blueprint("health", __name__)
PAGE_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'"


@bp.get("/livez")
@operation(summary="Is the process alive?", media_type="text/plain", needs_key=False)
def livez() -> Response:
    """Answer without touching anything."""
    return Response("ok\n", content_type="text/plain; charset=utf-8")


@bp.get("/readyz")
@operation(summary="Can it take comments?", media_type="application/json", needs_key=False, problems=(503,))
def readyz() -> Response:
    """Answer whether store and classifier are there."""
    checks = {"store": _check(services().connection.ping), "model": _check(lambda: services().scorer.model)}
    if all(found == "ok" for found in checks.values()):
        return rendered({"status": "ok", "checks": checks})
    response = problem(HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", "Not everything is there yet.", checks=checks)
    response.headers["Retry-After"] = "1"
    return response


def _check(probe: Any) -> str:
    try:
        probe()
    except WinnowError as error:
        return error.code
    return "ok"


@bp.get("/metrics")
@operation(summary="Prometheus metrics", media_type="text/plain", needs_key=False)
def read_metrics() -> Response:
    """Return the metrics of all web processes."""
    text, content_type = metrics().page(services())
    return Response(text, content_type=content_type)


@bp.get("/openapi.json")
@operation(summary="This API as an OpenAPI 3.1 document", needs_key=False)
def read_openapi() -> Response:
    """Return the OpenAPI document."""
    return rendered(openapi.document(current_app))


@bp.get("/docs")
@operation(summary="This API for people", media_type="text/html", needs_key=False)
def read_docs() -> Response:
    """Return the documentation page."""
    page = render_template("docs.html", document=openapi.document(current_app))
    response = Response(page, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response
