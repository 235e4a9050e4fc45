"""The web application as gunicorn loads it.

Owns the order of events before the fork: settings, services, model loaded and compiled, connections closed. Refuses to
start on a store that would lose data; a store that is merely away is answered for with 503 until it is back.
"""

from __future__ import annotations

import os
import sys

import structlog
from flask import Flask

from moderation import bootstrap
from moderation.config import Settings
from moderation.core.errors import Problem, SettingsError, StoreUnavailable, WinnowError
from moderation.store.checks import check_store
from moderation.web import create_app

log = structlog.get_logger("winnow.web")
EXIT_SETTINGS = 2


def create() -> Flask:
    """Build the application once, before gunicorn forks its web processes.

    Raises:
        SystemExit: With a sentence on standard error, if the settings or the store are wrong.
    """
    try:
        return _build(Settings.from_environ(os.environ))
    except WinnowError as error:
        sys.stderr.write(f"winnow: {error}\n")
        raise SystemExit(EXIT_SETTINGS) from None


def _build(settings: Settings) -> Flask:
    if settings.redis_url is None:
        detail = "WINNOW_REDIS_URL is not set, so there is no store for the web processes."
        raise SettingsError([Problem("winnow.E014", detail, "Start everything with `winnow serve`, or set it.")])
    services = bootstrap.build(settings, settings.redis_url)
    try:
        for complaint in check_store(services.connection.client, allow_unsafe=settings.allow_unsafe_store):
            log.warning("The store is not safe.", detail=complaint)
    except StoreUnavailable as error:
        log.warning("The store is away; requests get 503 until it is back.", detail=str(error))
    services.scorer.warm_up()
    app = create_app(services)
    services.connection.close()  # A connection must not be shared by the processes that are forked next.
    return app
