"""Times as people say them, with the exact one on hover; the browser turns that into the reader's zone."""

from __future__ import annotations

from datetime import datetime, timedelta

from markupsafe import Markup

from moderation.web.review.texts import count, say

JUST_NOW_SECONDS = 60
_UNITS = (("minute", 60), ("hour", 3600), ("day", 86400))


def when(at: object, now: datetime) -> Markup:
    """Return a ``time`` element that says how long ago something was, or nothing for None."""
    if not isinstance(at, datetime):
        return Markup("")
    iso = at.isoformat(timespec="seconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(iso, exact(at), ago(now - at))


def exact(at: datetime) -> str:
    """Return a time in UTC, as ``23 Nov 2026, 16:20 UTC``."""
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def month(at: datetime) -> str:
    """Return a month, as ``Nov 2026``."""
    return f"{at:%b %Y}"


def ago(age: timedelta) -> str:
    """Return how long ago something was, in its largest unit."""
    seconds = age.total_seconds()
    if seconds < JUST_NOW_SECONDS:
        return say("time.now")
    name, size = next((unit for unit in reversed(_UNITS) if seconds >= unit[1]), _UNITS[0])
    return say("time.ago", span=count(f"time.{name}", int(seconds // size)))


def span(seconds: float) -> str:
    """Return a duration in its largest unit, as ``3 h``."""
    if seconds < JUST_NOW_SECONDS:
        return count("time.second", round(seconds))
    name, size = next((unit for unit in reversed(_UNITS) if seconds >= unit[1]), _UNITS[0])
    return count(f"time.{name}", round(seconds / size))
