"""Twenty open tabs on a real service: nobody's comment waits because moderators look."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench import servers, tabs
from tests.processes import slowdown

SECONDS = float(os.environ.get("WINNOW_TABS_SECONDS", "4"))
P95_MS = 150.0  # About ten times what it is; a thread for each viewer would make it seconds.


@pytest.mark.alone
def test_twenty_open_tabs_do_not_starve_the_api(tmp_path: Path) -> None:
    with servers.winnow(tmp_path / "winnow", **tabs.PENDING) as (service, key):
        figures = tabs.compare(service, key, rounds=1, seconds=SECONDS)

    assert figures["failures"] == 0
    assert figures["news"] >= tabs.TABS
    assert figures["held"] >= 1
    assert figures["beside_p95_ms"] < P95_MS * slowdown(), figures
