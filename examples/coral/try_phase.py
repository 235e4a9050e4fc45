"""Asks Winnow what Coral would ask, so that address and secret can be tried before Coral is set up.

Usage: python try_phase.py https://winnow.example/coral/phase/news "text of a comment" < secret.txt
Standard library only. The question is stored as any other, so use a text that may stand in the history.
"""

import hashlib
import hmac
import json
import sys
import urllib.error
import urllib.request


def ask(url: str, text: str, secret: str) -> str:
    """Return what Winnow answers to a signed question."""
    question = {
        "action": "NEW",
        "comment": {"body": text, "parentID": None},
        "author": {"id": "try-phase", "role": "COMMENTER"},
        "story": {"id": "try-phase", "url": "https://news.example/try-phase"},
        "site": {"id": "try-phase"},
        "tenantID": "try-phase",
        "tenantDomain": "news.example",
    }
    body = json.dumps(question).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Coral-Signature": f"sha256={signature}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=5) as answer:
            return answer.read().decode() or "204: nothing speaks against it"
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code}: {json.loads(error.read())['detail']}"


if __name__ == "__main__":
    print(ask(sys.argv[1], sys.argv[2], sys.stdin.readline().strip()))
