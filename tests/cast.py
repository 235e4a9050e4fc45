"""The fixed cast: Alice moderates site A, Bob site B, Mallory posts. And a way to look at every byte of the store."""

from __future__ import annotations

from typing import Any

import redis

from moderation.core.comment import ANONYMOUS, Submission
from moderation.core.identity import identify
from moderation.core.site import Site
from moderation.service.services import Services
from moderation.web.parsing import is_disposable

PAGE = "https://news.example/a/42"
MALLORY = "mallory@mail.example"
FINE, BORDERLINE, SPAM, TOXIC = "I agree.", "See my channel.", "Visit my casino.", "You idiot."
TEXT_OF_ACTION = {"approve": FINE, "review": BORDERLINE, "reject": SPAM}


def body(**fields: Any) -> dict[str, Any]:
    """Return what a website posts; a field given as ... is left out."""
    whole = {"content": FINE, "permalink": PAGE, "author": "Mallory", "author_email": MALLORY, **fields}
    return {name: value for name, value in whole.items() if value is not ...}


def submission(
    services: Services, site: Site, content: str = FINE, *, address: str = MALLORY, **fields: Any
) -> Submission:
    """Return a submission as parsing makes it; an empty address makes it anonymous."""
    author = ANONYMOUS
    if address:
        author = identify(address, site=site.name, keyring=services.keyring, is_disposable=is_disposable).identity
    return Submission(**{"content": content, "permalink": PAGE, "author_name": "Mallory", "author": author, **fields})


def everything_in(url: str) -> dict[str, Any]:
    """Return all keys of a store with their values."""
    readers = {
        "string": lambda client, key: client.get(key),
        "hash": lambda client, key: client.hgetall(key),
        "zset": lambda client, key: dict(client.zrange(key, 0, -1, withscores=True)),
        "set": lambda client, key: sorted(client.smembers(key)),
        "stream": lambda client, key: client.xrange(key),
    }
    with redis.Redis.from_url(url, decode_responses=True) as client:
        return {key: readers[client.type(key)](client, key) for key in sorted(client.scan_iter(count=1000))}
