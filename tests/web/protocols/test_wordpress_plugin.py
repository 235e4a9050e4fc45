"""The mu-plugin of ``examples/wordpress``, run by PHP with stand-ins for the functions of WordPress that it calls."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conftest import require
from tests.processes import ROOT
from tests.web.protocols.conftest import Live

PLUGIN = ROOT / "examples" / "wordpress" / "winnow.php"
STUBS = Path(__file__).with_name("wordpress") / "stubs.php"
FORM = {"blog": "https://a.example", "user_ip": "203.0.113.9", "comment_author": "Mallory"}


@pytest.fixture(autouse=True)
def php() -> None:
    require(shutil.which("php"), "There is no php; install the distribution's php-cli package.")


def through_plugin(url: str, *, winnow: str, form: dict[str, str] | None = None) -> dict[str, Any]:
    command = ["php", "-d", "display_errors=stderr", str(STUBS), str(PLUGIN), winnow, url, urlencode(form or {})]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("file", [PLUGIN, STUBS], ids=["plugin", "stubs"])
def test_php_reads_the_file(file: Path) -> None:
    done = subprocess.run(["php", "-l", str(file)], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("host", ["rest.akismet.com", "{key}.rest.akismet.com"])
@pytest.mark.parametrize("content, verdict", [("I agree.", "false"), ("Visit my casino.", "true")])
def test_a_check_meant_for_akismet_is_answered_by_winnow(live: Live, host: str, content: str, verdict: str) -> None:
    form = {**FORM, "api_key": live.key, "comment_content": content}

    found = through_plugin(
        f"https://{host.format(key=live.key)}/1.1/comment-check?x=1", winnow=live.url + "/", form=form
    )

    assert found["answer"]["body"] == verdict
    assert found["sent"]["url"] == f"{live.url}/1.1/comment-check?x=1"
    assert "Host" not in found["sent"]["headers"]


@pytest.mark.parametrize(
    "url",
    ["https://api.wordpress.org/x", "https://rest.akismet.com.evil.example/1.1/", "https://xrest.akismet.com/", "x"],
)
def test_other_requests_are_left_alone(url: str) -> None:
    assert through_plugin(url, winnow="http://127.0.0.1:9") == {"answer": False, "sent": None}


def test_without_its_setting_the_plugin_does_nothing() -> None:
    found = through_plugin("https://rest.akismet.com/1.1/comment-check", winnow="")

    assert found == {"answer": False, "sent": None}


def test_an_address_without_a_path_is_no_error(live: Live) -> None:
    assert through_plugin("https://rest.akismet.com", winnow=live.url)["sent"]["url"] == live.url + "/"
