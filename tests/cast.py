"""The fixed cast: Alice moderates site A, Bob site B, Mallory posts. And a way to look at every byte of the store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

from moderation.core.comment import ANONYMOUS, Submission
from moderation.core.identity import identify
from moderation.core.site import Site
from moderation.service.services import Services
from moderation.store.connection import Connection
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
    readers: dict[str, Callable[[Any, str], Any]] = {
        "string": lambda pipe, key: pipe.get(key),
        "hash": lambda pipe, key: pipe.hgetall(key),
        "zset": lambda pipe, key: pipe.zrange(key, 0, -1, withscores=True),
        "set": lambda pipe, key: pipe.smembers(key),
        "stream": lambda pipe, key: pipe.xrange(key),
    }
    with closing(Connection(url, read_seconds=10.0)) as connection:
        client = connection.client
        keys = sorted(client.scan_iter(count=1000))
        kinds = client.pipeline(transaction=False)
        for key in keys:
            kinds.type(key)
        values = client.pipeline(transaction=False)
        for key, kind in zip(keys, kinds.execute(), strict=True):
            readers[kind](values, key)
        found = dict(zip(keys, values.execute(), strict=True))
    return {key: dict(value) if _is_scored(value) else value for key, value in found.items()}


def _is_scored(value: object) -> bool:
    return isinstance(value, list) and all(len(pair) == 2 and isinstance(pair[1], float) for pair in value)
