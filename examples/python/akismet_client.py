"""The Python package ``akismet``, unmodified, talking to Winnow.

Usage: python akismet_client.py https://winnow.example KEY https://blog.example
"""

import sys

import akismet
import httpx


def winnow_client(winnow_url: str, key: str, blog: str) -> akismet.SyncClient:
    """Return a client whose requests go to Winnow instead of Akismet."""
    winnow = httpx.URL(winnow_url)

    def to_winnow(request: httpx.Request) -> None:
        request.url = request.url.copy_with(scheme=winnow.scheme, host=winnow.host, port=winnow.port)
        request.headers["Host"] = winnow.netloc.decode()

    http = httpx.Client(headers={"User-Agent": akismet.USER_AGENT}, timeout=5, event_hooks={"request": [to_winnow]})
    return akismet.SyncClient.validated_client(config=akismet.Config(key=key, url=blog), http_client=http)


if __name__ == "__main__":
    client = winnow_client(*sys.argv[1:4])
    print(client.comment_check(user_ip="203.0.113.7", comment_author="akismet-guaranteed-spam").name)
