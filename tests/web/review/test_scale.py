"""Ten thousand waiting comments: the queue is laid out in time, and what is shipped stays small."""

from __future__ import annotations

import os
import statistics
import time
from datetime import timedelta

import pytest

from moderation.service.services import Services
from tests.processes import slowdown
from tests.web.review.conftest import Person
from tests.web.review.seeding import add, comment_of, model_reason

PENDING = int(os.environ.get("WINNOW_QUEUE_PENDING", "10000"))
SECONDS = 0.3
BYTES = 150_000
WORDS = "harbour tide boat paper council vote money market weather school bridge mayor garden train river".split()


def text_of(number: int) -> str:
    """Return a text of some 400 characters that is a copy of no other, or one of 50 copies of each of ten."""
    if number % 20 == 0:
        return (
            f"Superb write-up number {number // 20 % 10}! I have bookmarked your web site and will share it with all."
        )
    chosen = [WORDS[(number * step + step) % 15] + str(number * step % 997) for step in range(1, 50)]
    return " ".join(chosen)


def fill(services: Services) -> None:
    for number in range(PENDING):
        text = text_of(number)
        found = (model_reason(text, "spam", 1.0, (text[:12], 1.2), (text[20:30], -0.4)),)
        scores = {"spam": 0.3 + number % 600 / 1000, "toxicity": number % 90 / 100}
        author = "k1." + "abcdefghij"[number % 10] * 32
        age = timedelta(seconds=PENDING - number)
        add(services, comment_of(text, reasons=found, scores=scores, author_id=author, age=age))


@pytest.mark.alone
@pytest.mark.timeout(900)
def test_a_queue_of_ten_thousand_is_laid_out_in_time(services: Services, alice: Person) -> None:
    alice.get("/review/?site=site-a")  # Templates are compiled once a process.
    fill(services)
    reading = [timed(alice, "") for _ in range(3)]  # Each of these reads some more of the queue.
    for _ in range(300):
        page = alice.get("/review/?site=site-a").get_data(as_text=True)
        if "Still reading the queue" not in page:
            break

    found = {
        query: [timed(alice, query) for _ in range(5)]
        for query in ("", "&sort=spam", "&label=toxicity", "&text=harbour")
    }

    limit = SECONDS * slowdown()
    medians = {query: statistics.median(seconds for seconds, _ in rounds) for query, rounds in found.items()}
    assert "Still reading the queue" not in page
    assert f"{PENDING:,} waiting" in page
    assert statistics.median(seconds for seconds, _ in reading) < limit
    assert max(medians.values()) < limit
    assert all(size < BYTES for rounds in found.values() for _, size in rounds)


def timed(person: Person, query: str) -> tuple[float, int]:
    """Return the seconds that a page took at the server, and its bytes."""
    started = time.perf_counter()
    answer = person.get(f"/review/?site=site-a{query}")
    seconds = time.perf_counter() - started
    assert answer.status_code == 200
    return seconds, len(answer.get_data())
