"""Akismet's protocol, so that a site moves by changing a host name."""

from moderation.web.akismet.routes import bp

__all__ = ["bp"]
