"""``examples/coral``: what it says can be typed into Coral, and its trial asks as Coral does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from moderation.web.coral.signature import seal_secret
from tests.processes import ROOT
from tests.web.protocols.conftest import Live, live

EXAMPLE = ROOT / "examples" / "coral"
SECRET = "5f1d4c0b" * 8
STRICT_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+")  # Coral's form wants a dot.
__all__ = ["live"]


def try_phase(live: Live, text: str, secret: str = SECRET) -> str:
    command = [sys.executable, str(EXAMPLE / "try_phase.py"), f"{live.url}/coral/phase/{live.site}", text]
    return subprocess.run(command, input=secret, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


@pytest.fixture
def signed(live: Live) -> Live:
    live.services.sites.add_coral_secret(live.site, seal_secret(SECRET, live.services.keyring))
    return live


def test_trial_tells_what_coral_would_hear(signed: Live) -> None:
    assert try_phase(signed, "Lovely soup.") == "204: nothing speaks against it"
    assert json.loads(try_phase(signed, "Best casino in town"))["status"] == "REJECTED"


def test_trial_says_what_is_wrong_with_the_secret(signed: Live) -> None:
    assert try_phase(signed, "Lovely soup.", "another" * 8).startswith("401: The signature")


def test_settings_lead_to_routes_that_exist(signed: Live) -> None:
    from moderation.web import create_app

    settings = json.loads((EXAMPLE / "settings.json").read_text())
    integrations = settings["integrations"]
    urls = {
        f"{integrations['perspective']['endpoint']}/comments:analyze",
        f"{integrations['perspective']['endpoint']}/comments:suggestscore",
        *(phase["url"] for phase in integrations["external"]["phases"]),
        *(endpoint["url"] for endpoint in settings["webhooks"]["endpoints"]),
    }
    routes = create_app(signed.services).url_map.bind("winnow.example")

    for url in urls:
        parts = urlsplit(url)
        assert STRICT_HOST.fullmatch(parts.hostname or "")
        assert routes.match(parts.path, method="POST")
