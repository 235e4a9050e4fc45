"""Coral's external moderation phase and its webhooks."""

from moderation.web.coral.routes import bp

__all__ = ["bp"]
