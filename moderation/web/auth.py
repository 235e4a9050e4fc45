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


def caller_of(found: Services, *, authorization: str, network: str | None) -> Caller:
    """Return the website that a request's header names, as this process last read it.

    Args:
        found: The use cases.
        authorization: The ``Authorization`` header, or an empty text.
        network: Where the request came from.

    Raises:
        Unauthenticated: If there is no key, or no site has it.
        RateLimited: If too many wrong keys came from that network. A right one is never refused for it.
    """
    scheme, _, key = authorization.partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise Unauthenticated("Send the site's API key as `Authorization: Bearer KEY`.")
    try:
        return found.sites.authenticate(key)
    except Unauthenticated:
        found.guesses.wrong(network)
        raise


def cached_caller() -> Caller:
    """Return the calling website as this process last read it; the caller must compare versions before it trusts it.

    Raises:
        Unauthenticated, RateLimited: As ``caller_of``.
    """
    header = request.headers.get("Authorization", "")
    caller = caller_of(services(), authorization=header, network=request.remote_addr)
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
