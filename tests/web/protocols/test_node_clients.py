"""The real Node clients of Akismet and of Perspective, unmodified; npm brings them as package-lock.json says."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import require
from tests.web.protocols.conftest import Live

PROJECT = Path(__file__).parent / "node"
SECONDS = 120
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def _clients() -> None:
    require(shutil.which("node") and shutil.which("npm"), "The Node clients need node and npm.")
    if not all((PROJECT / "node_modules" / name).is_dir() for name in _wanted()):
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, timeout=SECONDS, check=False)
        require(done.returncode == 0, "npm could not bring the Node clients.")


def _wanted() -> list[str]:
    return list(json.loads((PROJECT / "package.json").read_text())["dependencies"])


@pytest.mark.usefixtures("_clients")
def test_node_clients_are_told_the_truth(live: Live) -> None:
    command = ["node", str(PROJECT / "clients.mjs"), live.url, live.key]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["cedx"] == {"valid": True, "ham": False, "spam": True, "wrongKey": False}
    assert told["akismetApi"] == {"ham": False, "spam": True}
    assert told["akismet"] == {"ham": False, "spam": True}


@pytest.mark.usefixtures("_clients")
def test_example_of_the_documentation(live: Live, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(PROJECT / "node_modules")
    example = tmp_path / "client.mjs"
    shutil.copy(PROJECT.parents[3] / "examples" / "node" / "akismet-client.mjs", example)

    command = ["node", str(example), live.url, live.key, "https://blog.example"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["Jane approve", "akismet-guaranteed-spam hold"]


@pytest.mark.usefixtures("_clients")
def test_google_client_finds_its_methods_in_the_discovery_document(live: Live) -> None:
    command = ["node", str(PROJECT / "google.mjs"), live.url, live.key]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["kind"] < 0.5 < told["rude"]["value"]
    assert (told["rude"]["type"], told["token"]) == ("PROBABILITY", "42")
    assert told["suggested"] == {"status": 200, "token": "43"}
    assert [row["labels"]["toxic"] for row in live.services.archive.labels(live.site)] == [1]
    assert told["empty"] == {
        "http": 400,
        "code": 400,
        "status": "INVALID_ARGUMENT",
        "message": "Comment must be non-empty.",
        "errorType": "COMMENT_EMPTY",
    }
    assert (told["wrongKey"]["http"], told["wrongKey"]["status"]) == (400, "INVALID_ARGUMENT")
    assert told["wrongKey"]["message"] == "API key not valid. Please pass a valid API key."
