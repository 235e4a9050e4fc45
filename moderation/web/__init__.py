"""The web: the HTTP API, the review pages, health and documentation.

Owns HTTP and nothing else: a view parses, calls a use case, and renders.
"""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from moderation.service.services import Services
from moderation.web import akismet, api, coral, errors, health, perspective, requests, review, site_api
from moderation.web.auth import EXTENSION
from moderation.web.cursors import Cursors
from moderation.web.express import Express
from moderation.web.metrics import Metrics


def create_app(services: Services) -> Flask:
    """Return the web application on top of some use cases.

    Args:
        services: Put together by ``bootstrap``.
    """
    app = Flask(__name__)
    metrics = Metrics()
    app.extensions[EXTENSION] = services
    app.extensions["winnow.cursors"] = Cursors(services.keyring.derived("cursor"))
    app.extensions["winnow.metrics"] = metrics
    requests.init_app(app, metrics)
    errors.init_app(app)
    for blueprint in (api.bp, site_api.bp, health.bp, akismet.bp, perspective.bp, coral.bp, review.bp):
        app.register_blueprint(blueprint)
    app.wsgi_app = Express(app, metrics)  # type: ignore[method-assign]
    hops = services.settings.trusted_proxies
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app
