"""What every test may use: a real embedded store, emptied between tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import hypothesis
import pytest
import structlog
from flask import Flask

from moderation.config import Settings
from moderation.service.services import Services
from moderation.store.connection import Connection
from moderation.store.embedded import running_store
from moderation.web import create_app
from moderation.web.auth import EXTENSION
from moderation.web.cursors import Cursors
from tests import topologies

CHROMIUM = "/usr/bin/chromium"
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 2 << 30

# A deadline for each example measures how busy the machine is; what must be fast has tests that take the best of some.
hypothesis.settings.register_profile("winnow", deadline=None, print_blob=True, max_examples=50)
hypothesis.settings.load_profile("winnow")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count among the slow ones every test with a browser, and every one that has to run alone."""
    for item in items:
        has_browser = item.get_closest_marker("browser") or "chromium" in getattr(item, "fixturenames", ())
        if has_browser or item.get_closest_marker("alone"):
            item.add_marker(pytest.mark.slow)


def require(found: object, sentence: str) -> None:
    """Skip with a sentence where the machine lacks something, or fail where CI promised to bring it."""
    if found:
        return
    if os.environ.get("WINNOW_REQUIRE_ALL") == "1":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(autouse=True)
def _plain_logs() -> None:
    """Undo what requests and commands in this process set up; tracebacks in colour would take half a second each."""
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()
    *processors, _ = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*processors, plain])


@pytest.fixture(scope="session")
def _store_settings() -> Iterator[Settings]:
    """Give a directory for the store that all tests share: in memory where there is plenty, as each write is awaited.

    Tests of durability have a store of their own, on the disk.
    """
    with tempfile.TemporaryDirectory(prefix="winnow-tests-", dir=_memory()) as found:
        yield Settings(data_dir=Path(found))


def _memory() -> Path | None:
    with suppress(OSError):
        if shutil.disk_usage(MEMORY).free > MEMORY_BYTES and os.access(MEMORY, os.W_OK):
            return MEMORY
    return None


@pytest.fixture(scope="session")
def _session_store(_store_settings: Settings) -> Iterator[str]:
    """Run what ``TESTS_STORE`` names, ``cluster`` or ``sentinel``; the embedded store where it is not set."""
    directory = _store_settings.data_dir.parent / "several"
    match os.environ.get("TESTS_STORE"):
        case "cluster":
            with topologies.cluster(directory) as cluster:
                yield cluster.url
        case "sentinel":
            with topologies.watched(directory) as watched:
                yield watched.url
        case _:
            with running_store(_store_settings, command="tests") as url:
                yield url


@pytest.fixture
def store_url(_session_store: str) -> str:
    """Give the URL of the embedded store, empty."""
    with closing(Connection(_session_store, read_seconds=10.0)) as connection:
        connection.client.flushall()
    return _session_store


@pytest.fixture(scope="session")
def _routed() -> list[Flask]:
    return []


@pytest.fixture
def app_of(_routed: list[Flask]) -> Callable[[Services], Flask]:
    """Give the web application on a test's own use cases; its routes take a tenth of a second, once for all tests."""

    def created(services: Services) -> Flask:
        if not _routed:
            _routed.append(create_app(services))
        [app] = _routed
        app.extensions[EXTENSION] = services
        app.extensions["winnow.cursors"] = Cursors(services.keyring.derived("cursor"))
        return app

    return created


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a fresh data directory."""
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """Give the system's Chromium."""
    require(Path(CHROMIUM).exists(), f"There is no {CHROMIUM}; install the distribution's chromium package.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
