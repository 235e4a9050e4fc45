"""The examples of docs/webhooks.md verify what the worker sends, and refuse what it did not."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from moderation.core.comment import Status
from moderation.service.events import EVENT_OF_STATUS, RESTORED
from moderation.webhooks.courier import TEST_EVENT
from moderation.webhooks.schedule import DELAYS
from moderation.webhooks.signing import encode, signed_headers
from moderation.webhooks.transport import TOTAL_SECONDS
from tests.conftest import require

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
SECRET, OLD, OTHER = ("whsec_" + base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2, 3))
EVENT = {"type": "comment.approved", "timestamp": "2026-11-23T16:20:00.123Z", "data": {"id": "x", "note": "schön ☃"}}
BODY = encode(EVENT)
NODE_MAIN = """
const [secret, headers, body] = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(receive(secret, headers, Buffer.from(body))));
"""

Receive = Callable[[str, dict[str, str], bytes], Any]


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def in_python() -> Receive:
    names: dict[str, Any] = {}
    exec(block("python"), names)
    receive: Receive = names["receive"]
    return receive


def in_node() -> Receive:
    node = shutil.which("node")
    require(node, "Node is not installed")

    def receive(secret: str, headers: dict[str, str], body: bytes) -> Any:
        result = subprocess.run(
            [str(node), "-e", block("javascript") + NODE_MAIN],
            input=json.dumps([secret, headers, body.decode()]),
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(result.stdout)

    return receive


@pytest.fixture(params=[in_python, in_node], ids=["python", "node"])
def receive(request: pytest.FixtureRequest) -> Receive:
    found: Receive = request.param()
    return found


def headers(*secrets: str, at: datetime | None = None) -> dict[str, str]:
    return signed_headers(secrets, message_id="msg_1", at=at or datetime.now(UTC), body=BODY)


def test_example_accepts_what_the_worker_sends(receive: Receive) -> None:
    assert receive(SECRET, headers(SECRET), BODY.encode()) == EVENT


def test_example_accepts_either_signature_during_a_rotation(receive: Receive) -> None:
    assert receive(OLD, headers(SECRET, OLD), BODY.encode()) == EVENT


@pytest.mark.parametrize("fault", ["secret", "body", "id", "stale", "early", "version"])
def test_example_refuses_forgeries(receive: Receive, fault: str) -> None:
    given, body = headers(SECRET), BODY.encode()
    if fault == "secret":
        given = headers(OTHER)
    if fault == "body":
        body = body.replace(b"approved", b"rejected")
    if fault == "id":
        given["webhook-id"] = "msg_2"
    if fault in {"stale", "early"}:
        given = headers(SECRET, at=datetime.now(UTC) + timedelta(minutes=-6 if fault == "stale" else 6))
    if fault == "version":
        given["webhook-signature"] = given["webhook-signature"].replace("v1,", "v2,")

    assert receive(SECRET, given, body) is None


@pytest.mark.parametrize("kind", [*(EVENT_OF_STATUS[status] for status in Status), RESTORED, TEST_EVENT])
def test_page_names_every_type(kind: str) -> None:
    assert f"| `{kind}` |" in PAGE


def test_page_names_the_schedule_and_the_time_limit() -> None:
    assert len(DELAYS) == 10
    assert "after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h" in " ".join(PAGE.split())
    assert f"within {TOTAL_SECONDS:.0f}\nseconds" in PAGE
