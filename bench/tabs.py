"""What twenty moderators with an open queue cost the API.

``python -m bench.tabs`` starts the real service, lets one client submit comments at a steady pace, and opens twenty
tabs in every other part: each keeps the stream of events open as the page's script does, and shows twenty comments. All
that comes is held for a person, so that every tab has something to hear all the time. Prints a table and one JSON line.
Refuses to compare figures of different runs.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import servers, traffic
from moderation import bootstrap
from moderation.store.embedded import running_store
from tests.faults.service import Service

TABS = 20
SHOWN = 20
PAUSE_SECONDS = 0.02  # Between an answer and the next submission.
NAME, PASSWORD = "Alice", "harbour lamp otter"
PENDING = {"thresholds": {"spam": {"review": 0.0, "reject": None}}}
SPREAD = (0.8, 1.2)  # The page's script too waits a little more or less, so that tabs do not come in step.
ACCEPT = {"Accept": "text/event-stream"}


@dataclass(slots=True)
class Heard:
    """What the tabs heard, together."""

    streams: int = 0
    states: int = 0
    held: int = 0
    failures: list[str] = field(default_factory=list)


def add_moderator(service: Service) -> None:
    """Make the account that the tabs are signed in with."""
    with running_store(service.settings, command="bench") as url:
        services = bootstrap.build(service.settings, url)
        services.accounts.add(NAME, PASSWORD, sites=(servers.SITE,))
        services.connection.close()


def sign_in(port: int) -> str:
    """Return the cookie of a new session."""
    form = urllib.parse.urlencode({"name": NAME, "password": PASSWORD})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/review/login", form, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        cookie = answer.getheader("Set-Cookie")
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.SEE_OTHER or cookie is None:
        raise RuntimeError(f"signing in was answered with {answer.status}")
    return cookie.split(";")[0]


@contextmanager
def open_tabs(port: int, cookie: str, ids: list[str], *, count: int = TABS) -> Iterator[Heard]:
    """Keep tabs open while the caller does something; a failed stream is told in what they heard."""
    heard, stop = Heard(), threading.Event()
    threads = [threading.Thread(target=_tab, args=(port, cookie, ids, stop, heard)) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield heard
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _tab(port: int, cookie: str, ids: list[str], stop: threading.Event, heard: Heard) -> None:
    """Do what ``static/review/live.js`` does: read a stream to its end, and come again when it said."""
    tag, seconds = "", 0.0
    while not stop.wait(seconds * random.uniform(*SPREAD)):
        try:
            tag, seconds, states = _stream(port, cookie, ids, tag)
        except (OSError, http.client.HTTPException, RuntimeError) as error:
            heard.failures.append(repr(error))
            return
        heard.streams += 1
        heard.states += states
        heard.held += seconds < 2


def _stream(port: int, cookie: str, ids: list[str], tag: str) -> tuple[str, float, int]:
    """Read one stream; return the last tag, after how many seconds to come again, and how often there was news."""
    query = urllib.parse.urlencode({"site": servers.SITE, "ids": ",".join(ids), "since": tag})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", f"/review/events?{query}", headers={"Cookie": cookie, **ACCEPT})
        answer = connection.getresponse()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"a stream was answered with {answer.status}")
        lines = answer.read().decode().splitlines()
    finally:
        connection.close()
    tags = [line.removeprefix("id: ") for line in lines if line.startswith("id: ")]
    seconds = float(lines[1].removeprefix("data: "))
    return (tags[-1] if tags else tag), seconds, len(tags)


def paced(key: str, seed: int) -> Iterator[bytes]:
    """Yield submissions with a pause before each."""
    for message in traffic.submissions(key, seed):
        time.sleep(PAUSE_SECONDS)
        yield message


def submit(service: Service, key: str, seed: int, seconds: float) -> traffic.Timing:
    """Submit at a steady pace; any answer but 201 is an error."""
    return traffic.run(service.port, lambda _: paced(key, seed), clients=1, seconds=seconds)[0]


def prepared(service: Service, key: str) -> tuple[str, list[str]]:
    """Return a session's cookie and the ids of the comments that the tabs show."""
    add_moderator(service)
    _, bodies = traffic.run(service.port, lambda _: _some(key), clients=1, seconds=30)
    return sign_in(service.port), [json.loads(body)["id"] for body in bodies]


def _some(key: str) -> Iterator[bytes]:
    found = traffic.submissions(key, 1)
    yield from (next(found) for _ in range(SHOWN))


def compare(service: Service, key: str, *, rounds: int, seconds: float) -> dict[str, Any]:
    """Return the API's latencies without tabs and beside them, taken in alternation, and what the tabs heard."""
    cookie, ids = prepared(service, key)
    alone: list[float] = []
    beside: list[float] = []
    streams = states = held = 0
    failures: list[str] = []
    for number in range(rounds):
        alone += submit(service, key, 2 * number + 10, seconds).latencies
        with open_tabs(service.port, cookie, ids) as heard:
            beside += submit(service, key, 2 * number + 11, seconds).latencies
        streams, states, held = streams + heard.streams, states + heard.states, held + heard.held
        failures += heard.failures
    shares = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
    figures: dict[str, Any] = {"streams": streams, "news": states, "held": held, "failures": len(failures)}
    for name, latencies in (("alone", alone), ("beside", beside)):
        timing = traffic.Timing(seconds * rounds, tuple(latencies))
        figures |= {f"{name}_{what}": timing.percentile(share) for what, share in shares.items()}
    return figures


def main() -> None:
    """Measure, and print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each part")
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="winnow-bench-") as name,
        servers.winnow(Path(name) / "winnow", **PENDING) as (service, key),
    ):
        figures = compare(service, key, rounds=chosen.rounds, seconds=chosen.seconds)
    table = Table("a submission", "alone", f"beside {TABS} open tabs", title="The live queue and the API")
    for what in ("p50_ms", "p95_ms", "p99_ms"):
        table.add_row(what, f"{figures[f'alone_{what}']:.1f}", f"{figures[f'beside_{what}']:.1f}")
    Console().print(table)
    print(json.dumps({"bench": "tabs", **{name: round(value, 2) for name, value in figures.items()}}))


if __name__ == "__main__":
    main()
