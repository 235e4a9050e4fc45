"""Who calls the API: ``Authorization: Bearer KEY``."""

from __future__ import annotations

from flask import current_app, g, request

from moderation.core.errors import Unauthenticated
from moderation.core.site import Site
from moderation.service.services import Services
from moderation.service.sites import Caller
from moderation.web.metrics import Metrics

EXTENSION = "winnow"


def services() -> Services:
    """Return the use cases of the running app."""
    found: Services = current_app.extensions[EXTENSION]
    return found


def metrics() -> Metrics:
    """Return the metrics of the running app."""
    found: Metrics = current_app.extensions["winnow.metrics"]
    return found


def cached_caller() -> Caller:
    """Return the calling website as this process last read it; the caller must compare versions before it trusts it.

    Raises:
        Unauthenticated: If there is no key, or no site has it.
        RateLimited: If too many wrong keys came from that network. A right one is never refused for it.
    """
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthenticated("Send the site's API key as `Authorization: Bearer KEY`.")
    try:
        caller = services().sites.authenticate(key.strip())
    except Unauthenticated:
        services().guesses.wrong(request.remote_addr)
        raise
    g.site = caller.site.name
    return caller


def caller() -> Caller:
    """Return the calling website as it is now.

    Raises:
        Unauthenticated: If there is no key, or it is unknown or revoked.
    """
    return services().sites.refreshed(cached_caller())


def current_site() -> Site:
    """Return the calling website's site as it is now."""
    return caller().site
