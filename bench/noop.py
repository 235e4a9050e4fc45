"""A Flask endpoint that does nothing: what a request costs before anything is done for it."""

from __future__ import annotations

from flask import Flask, Response


def create() -> Flask:
    """Return an application whose one route answers an empty JSON object."""
    app = Flask(__name__)

    @app.post("/v1/comments")
    def nothing() -> Response:
        return Response(b"{}", status=201, content_type="application/json")

    return app
