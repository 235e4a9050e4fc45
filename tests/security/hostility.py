"""Sends hostile requests, looks at the answers, and counts.

An answer is wrong if it is a 5xx, comes late, or tells something: an address, a key, a traceback, a path on this
machine. The log is looked at for the same things.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from flask import Flask

from tests.cast import MALLORY
from tests.processes import ROOT
from tests.security.table import Hostile

SLOW_SECONDS = 2.0  # CPU time in this process; no request may cost that.
# The sign-in page repeats the name that was typed and the page that was asked for, to whoever sent them, no one else.
OWN_ADDRESS = "an address"
# An address with two slashes in a row is redirected to the one without, query and all; its sender knows what is in it.
OWN_KEY, TO_ONE_SLASH = "a key", 308
TOLD = re.compile(
    r"Traceback \(most recent|File \"[^\"]+\.py\"|" + re.escape(str(ROOT)) + r"|/site-packages/|/usr/lib/python",
    re.ASCII,
)


@dataclass
class Count:
    """What came of the requests so far."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def tried(self) -> int:
        return sum(self.statuses.values())


def leaks_in(text: str, key: str) -> list[str]:
    """Return what a text tells that it must not."""
    found = [TOLD.search(text)[0]] if TOLD.search(text) else []  # type: ignore[index]
    if MALLORY in text.lower() or MALLORY.replace("@", "%40") in text.lower():
        found.append(OWN_ADDRESS)
    return found + ([OWN_KEY] if key in text else [])


def send_all(app: Flask, requests: Iterable[Hostile], key: str, count: Count) -> None:
    """Send requests to an app in this process."""
    client = app.test_client(use_cookies=False)
    for one in requests:
        began = time.thread_time()
        answer = client.open(one.path, method=one.method, data=one.body, headers=one.headers)
        taken = time.thread_time() - began
        told = leaks_in(answer.text + str(answer.headers), key)
        if one.path.startswith("/review"):
            told = [what for what in told if what != OWN_ADDRESS]
        if answer.status_code == TO_ONE_SLASH:
            told = [what for what in told if what not in (OWN_ADDRESS, OWN_KEY)]
        _note(count, one, answer.status_code, taken, told)
        answer.close()


def _note(count: Count, one: Hostile, status: int, taken: float, told: list[str]) -> None:
    count.statuses[status] += 1
    count.slowest = max(count.slowest, taken)
    if status >= 500:
        told = [*told, f"status {status}"]
    if taken > SLOW_SECONDS:
        told = [*told, f"{taken:.1f} s"]
    if told:
        count.wrong.append(f"{told}: {one.method} {one.path[:200]} {one.body[:100]!r} {one.headers!r:.300}")
