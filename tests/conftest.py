"""What every test may use: a real embedded store, emptied between tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import hypothesis
import pytest

from moderation.config import Settings
from moderation.store.connection import Connection
from moderation.store.embedded import running_store
from tests import topologies

CHROMIUM = "/usr/bin/chromium"

# A deadline for each example measures how busy the machine is; what must be fast has tests that take the best of some.
hypothesis.settings.register_profile("winnow", deadline=None, print_blob=True, max_examples=50)
hypothesis.settings.load_profile("winnow")


def require(found: object, sentence: str) -> None:
    """Skip with a sentence where the machine lacks something, or fail where CI promised to bring it."""
    if found:
        return
    if os.environ.get("WINNOW_REQUIRE_ALL") == "1":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def _store_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data_dir=tmp_path_factory.mktemp("winnow"))


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
