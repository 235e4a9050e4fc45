"""The real Python client, unmodified, sync and async, pointed at us by its public API."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import akismet
import httpx
import pytest

from tests.web.protocols.conftest import Live

BLOG = "https://blog.example"
COMMENT = {"user_ip": "203.0.113.7", "comment_author": "Jane", "comment_content": "Lovely soup, thanks."}
SPAM = {**COMMENT, "comment_content": "Best casino in town"}


def _redirect(request: httpx.Request, live: Live) -> None:
    host = httpx.URL(live.url)
    request.url = request.url.copy_with(scheme=host.scheme, host=host.host, port=host.port)
    request.headers["Host"] = host.netloc.decode()


def test_sync_client(live: Live) -> None:
    hooks = {"request": [lambda request: _redirect(request, live)]}
    with httpx.Client(headers={"User-Agent": akismet.USER_AGENT}, event_hooks=hooks) as http:
        client = akismet.SyncClient.validated_client(config=akismet.Config(key=live.key, url=BLOG), http_client=http)

        assert client.comment_check(**COMMENT) == akismet.CheckResponse.HAM
        assert client.comment_check(**SPAM) == akismet.CheckResponse.SPAM
        assert client.submit_ham(**SPAM) is True
        assert client.submit_spam(**COMMENT) is True
        assert client.usage_limit()["limit"] == "none"


def test_sync_client_refuses_a_wrong_key(live: Live) -> None:
    hooks = {"request": [lambda request: _redirect(request, live)]}
    with httpx.Client(event_hooks=hooks) as http, pytest.raises(akismet.APIKeyError):
        akismet.SyncClient.validated_client(config=akismet.Config(key="abcdef012345", url=BLOG), http_client=http)


def test_async_client(live: Live) -> None:
    async def hook(request: httpx.Request) -> None:
        _redirect(request, live)

    async def talk() -> list[object]:
        async with httpx.AsyncClient(event_hooks={"request": [hook]}) as http:
            config = akismet.Config(key=live.key, url=BLOG)
            client = await akismet.AsyncClient.validated_client(config=config, http_client=http)
            return [await client.comment_check(**COMMENT), await client.comment_check(**SPAM)]

    with ThreadPoolExecutor(1) as thread:  # A loop of its own, whatever else runs in this one.
        answers = thread.submit(lambda: asyncio.run(talk())).result()

    assert answers == [akismet.CheckResponse.HAM, akismet.CheckResponse.SPAM]


def test_example_of_the_documentation(live: Live) -> None:
    example = Path(__file__).parents[3] / "examples" / "python" / "akismet_client.py"

    command = [sys.executable, str(example), live.url, live.key, BLOG]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "SPAM\n"
