"""Winnow: self-hosted comment moderation."""
