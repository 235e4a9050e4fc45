"""Perspective's protocol, so that its clients move by changing a URL before Google's service ends."""

from moderation.web.perspective.routes import bp

__all__ = ["bp"]
