"""A store that stops: Akismet's clients are told to hold, Perspective's and those who only analyse notice nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.faults.service import Role, Service, until
from tests.web.protocols import recorded
from tests.web.protocols.test_akismet import GUID

SITE = "site-a"
AKISMET_SECONDS = 1.0  # Python's client gives up then.
CORAL_SECONDS = 0.8  # Coral waits so long for a toxicity.
REQUESTS = 8


@contextmanager
def stopped_store(service: Service) -> Iterator[None]:
    """Stop the service's store, and let it go on whatever happens."""
    pid = service.signal(Role.STORE, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.alone
def test_clients_without_a_store(tmp_path: Path) -> None:
    with Service(tmp_path) as service, httpx.Client(base_url=service.url, timeout=10) as http:
        key = service.add_site(SITE)
        form = recorded.wordpress(key, text="Lovely soup, thanks.")
        analysis = recorded.coral_perspective("Lovely soup, thanks.")

        def check() -> tuple[httpx.Response, float]:
            began = time.monotonic()
            return http.post("/1.1/comment-check", data=form), time.monotonic() - began

        def analyze() -> tuple[httpx.Response, float]:
            began = time.monotonic()
            return http.post(f"/v1alpha1/comments:analyze?key={key}", json=analysis), time.monotonic() - began

        for _ in range(20):  # Both web processes get to know the site.
            assert analyze()[0].status_code == 200
            with httpx.Client(base_url=service.url) as fresh:
                fresh.post(f"/v1alpha1/comments:analyze?key={key}", json=analysis)
        with stopped_store(service):
            checks = [check() for _ in range(REQUESTS)]
            analyses = [analyze() for _ in range(REQUESTS)]
        back = until(lambda: (answer := check()[0]).status_code == 200 and answer, 10, what="the store")

    assert {answer.status_code for answer, _ in checks} == {503}
    assert all(GUID.fullmatch(answer.headers["X-akismet-guid"]) for answer, _ in checks)
    assert all(answer.headers["Retry-After"] == "1" for answer, _ in checks)
    assert {answer.content for answer, _ in checks} == {b""}, "a verdict was made up"
    assert max(seconds for _, seconds in checks) < AKISMET_SECONDS
    assert {answer.status_code for answer, _ in analyses} == {200}
    assert max(seconds for _, seconds in analyses) < CORAL_SECONDS
    assert back.text in ("true", "false")
