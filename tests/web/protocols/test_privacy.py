"""Promise 3 on these routes: real clients send addresses in every field, and none is left anywhere.

WordPress's full set of fields, its reports, Discourse's and Coral's forms, Perspective's feedback and Coral's phase go
to a real service; then every file, the store, the output and the answers are searched for addresses, bare hashes of
them, the networks of readers, and keys.
"""

from __future__ import annotations

import json
import urllib.parse
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.faults.service import Service
from tests.leaks import Leak, Scanner
from tests.test_privacy import SITE, _files, _found, _store, address_of
from tests.web.protocols import recorded
from tests.web.protocols.coral import question, signature
from tests.web.protocols.coral_server import TOKEN

COUNT = 20
NETWORK = b"198.51.77."
SECRET = "5f1d4c0b" * 8
TEXTS = ("Thanks for the soup, write to {0} or {1}", "Best casino: <a href='mailto:{0}'>{1}</a>", "{1}")


def wordpress_fields(number: int, key: str) -> dict[str, str]:
    """Return WordPress's 37 fields and its report's, with the author's address in every one that takes text."""
    address = address_of(number)
    typed = address.strip()
    quoted = urllib.parse.quote(typed)
    text = TEXTS[number % len(TEXTS)].format(typed, typed.upper() if number % 2 else quoted)
    fields = recorded.wordpress_report(key, text=text) | recorded.wordpress(
        key, text=text, author=f"Mallory {typed}", email=address, ip=f"198.51.77.{number}"
    )
    kept = {
        "api_key",
        "comment_author_email",
        "comment_content",
        "user_ip",
        "REMOTE_ADDR",
        "comment_author",
        "POST_ak_hp_textarea",
    }
    for name in fields.keys() - kept - {"callback", "blog", "permalink", "referrer"}:
        fields[name] += f" {typed}"
    for name in ("blog", "permalink", "referrer", "HTTP_REFERER", "comment_author_url"):
        fields[name] = f"https://{SITE}.example/?u={quoted}&v={typed}"
    extra = {"callback": f"https://{SITE}.example/hook?u={quoted}", "user_role": typed, "reporter": f"alice {typed}"}
    return {**fields, **extra, "honeypot_field_name": "trap", "trap": typed if number % 5 == 0 else ""}


class Traffic:
    """Sends what the clients send and keeps every byte that came back."""

    def __init__(self, service: Service, key: str) -> None:
        self._service = service
        self._key = key
        self._http = httpx.Client(base_url=service.url, timeout=10)
        self.answers: list[tuple[str, bytes]] = []

    def _keep(self, name: str, answer: httpx.Response) -> None:
        assert answer.status_code < 500, (name, answer.text)
        self.answers.append((f"the answer to {name}", str(answer.headers).encode() + answer.content))

    def close(self) -> None:
        """Drop the connection."""
        self._http.close()

    def akismet(self, number: int) -> None:
        """Check and report one comment, with the key in the path, the host or the form."""
        fields = wordpress_fields(number, self._key)
        host = {"Host": f"{self._key.upper()}.spam.test"}
        for call, prefix, headers in (
            ("comment-check", "", {}),
            ("comment-check", f"/{self._key}", {}),
            ("submit-spam" if number % 2 else "submit-ham", "", host),
        ):
            sent = {name: value for name, value in fields.items() if not (prefix or headers) or name != "api_key"}
            self._keep(call, self._http.post(f"{prefix}/1.1/{call}", data=sent, headers=headers))
        typed = address_of(number).strip()
        for malformed in (f"{typed}@", typed.replace("@", " at ")):
            sent = {**fields, "comment_author_email": malformed}
            self._keep("malformed", self._http.post("/1.1/comment-check", data=sent))
        unknown = {**fields, "comment_author_email": "", "comment_content": f"write to {typed} or {typed}"}
        self._keep("unknown", self._http.post("/1.1/comment-check", json=unknown))

    def misbehave(self, number: int) -> None:
        """Put address and key where nobody should."""
        typed = urllib.parse.quote(address_of(number).strip())
        query = f"api_key={self._key}&comment_author_email={typed}"
        for path in (
            f"/1.1/{typed}",
            f"/{self._key}/1.1/{typed}",
            f"/1.2/usage-limit?{query}",
            f"/coral/phase/{typed}",
        ):
            self._keep(path, self._http.request("POST", path, content=typed.encode()))
        self._keep("GET", self._http.get(f"/1.1/comment-check?{query}"))

    def perspective(self, number: int) -> None:
        """Ask for scores and suggest one."""
        text = f"You idiot, write to {address_of(number).strip()}"
        path = f"/v1alpha1/comments:%s?key={self._key}"
        asked = recorded.coral_perspective(text)
        self._keep("analyze", self._http.post(path % "analyze", json=asked))
        suggested = {"comment": asked["comment"], "attributeScores": {"TOXICITY": {"summaryScore": {"value": 1}}}}
        token = {"clientToken": "comment:1", "communityId": f"Coral:{text}"}
        self._keep("suggestscore", self._http.post(path % "suggestscore", json={**suggested, **token}))

    def coral(self, number: int) -> None:
        """Ask the phase; the user's id is the address."""
        typed = address_of(number).strip()
        story = {"id": typed, "url": f"https://{SITE}.example/?u={urllib.parse.quote(typed)}"}
        body = json.dumps(
            question(
                f"write to {typed}, See my channel",
                author={"id": typed},
                story=story,
                comment={"body": f"<p>casino {typed}</p>", "parentID": typed},
                tenantID=typed,
            )
        ).encode()
        headers = {"X-Coral-Signature": signature(body, SECRET)}
        self._keep("phase", self._http.post(f"/coral/phase/{SITE}", content=body, headers=headers))
        self._keep("webhook", self._http.post(f"/coral/webhook/{SITE}", content=body, headers=headers))
        data = {"commentID": typed, "storyID": typed, "siteID": typed, "queue": "PENDING", "status": "NONE"}
        event = {"type": "COMMENT_CREATED", "data": data, "tenantID": typed, "tenantDomain": typed}
        told = json.dumps({**event, "id": typed, "createdAt": "2026-11-23T15:33:50.055Z"}).encode()
        headers = {"X-Coral-Signature": signature(told, SECRET)}
        self._keep("event", self._http.post(f"/coral/webhook/{SITE}", content=told, headers=headers))


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_no_address_network_or_key_is_left_by_the_protocols(tmp_path: Path) -> None:
    scanner = Scanner(address_of(number) for number in range(COUNT))
    with Service(tmp_path) as service:
        key = service.add_site(SITE, thresholds={"spam": {"review": 0.0, "reject": None}}, links_allowed=100)
        _add_secret(service)
        with closing(Traffic(service, key)) as traffic:
            for number in range(COUNT):
                for send in (traffic.akismet, traffic.misbehave, traffic.perspective, traffic.coral):
                    send(number)
        with service.store() as client:
            waiting = client.zcard(f"w:{{{SITE}}}:s:pending")
            assert waiting > 3 * COUNT, "too little was stored to find anything in"
        places = [*_files(tmp_path), *_store(service), *traffic.answers]

    assert sorted(_found(scanner, places)) == []
    assert sorted({str(Leak(place, "a network")) for place, data in places if NETWORK in data}) == []
    kept = [(place, data) for place, data in places if not place.startswith("the answer")]
    assert sorted({str(Leak(place, "a key")) for place, data in kept if key.encode() in data.lower()}) == []
    for secret in (SECRET.encode(), TOKEN.encode()):
        assert sorted({str(Leak(place, "a secret")) for place, data in kept if secret in data}) == []
    assert b"comment-check" in (tmp_path / "output.log").read_bytes(), "nothing was logged at all"


def _add_secret(service: Service) -> None:
    from moderation import bootstrap
    from moderation.store.embedded import running_store
    from moderation.web.coral.signature import seal_secret
    from moderation.webhooks.coral_access import CoralAccess, seal_access

    with running_store(service.settings, command="tests") as url:
        services = bootstrap.build(service.settings, url)
        services.sites.add_coral_secret(SITE, seal_secret(SECRET, services.keyring))
        access = CoralAccess("http://10.0.0.1", TOKEN)  # The guard calls nobody there, so the messages stay.
        services.sites.set_coral_access(SITE, seal_access(access, services.keyring))
        services.connection.close()
