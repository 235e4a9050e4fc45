"""Requests of WordPress, Discourse, Coral, osmod and Comentario, field for field, and what they need to hear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from moderation.core.comment import Comment
from tests.web.protocols import recorded
from tests.web.protocols.conftest import Live
from tests.web.protocols.test_akismet import GUID

HAM, SPAM, BORDERLINE, TOXIC = "Lovely soup, thanks.", "Best casino in town", "See my channel", "You are an idiot."
Body = tuple[bytes, str]
CLIENTS: dict[str, Callable[[str, str], Body]] = {
    "wordpress": lambda key, text: recorded.encoded(recorded.wordpress(key, text=text)),
    "discourse": lambda _, text: recorded.encoded(recorded.discourse(text=text)),
    "coral": lambda _, text: recorded.encoded(recorded.coral_akismet(text=text)),
    "comentario": lambda _, text: recorded.encoded(recorded.comentario(text=text)),
}


def send(live: Live, call: str, body: Body) -> httpx.Response:
    """Send a form as clients do that put the key into the host name."""
    content, kind = body
    headers = {
        "Content-Type": f"{kind}; charset=UTF-8" if "form" in kind else kind,
        "Host": f"{live.key}.rest.akismet.com",
    }
    return httpx.post(f"{live.url}/1.1/{call}", content=content, headers=headers)


def stored(live: Live) -> list[Comment]:
    keys = live.services.connection.client.scan_iter("w:{blog}:c:*")
    return live.services.comments.get_many(live.site, sorted(key.rpartition(":")[2] for key in keys))


def test_wordpress_sends_37_fields() -> None:
    assert len(recorded.wordpress("", text="")) == 37


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("text, body", [(HAM, "false"), (SPAM, "true")], ids=["ham", "spam"])
def test_checks_of_real_clients(live: Live, client: str, text: str, body: str) -> None:
    answer = send(live, "comment-check", CLIENTS[client](live.key, text))

    assert (answer.status_code, answer.content) == (200, body.encode())
    assert GUID.fullmatch(answer.headers["X-akismet-guid"])


@pytest.mark.parametrize(
    "client, body", [("wordpress", "false"), ("discourse", "true"), ("coral", "true"), ("comentario", "true")]
)
def test_borderline_goes_to_a_person_on_either_side(live: Live, client: str, body: str) -> None:
    answer = send(live, "comment-check", CLIENTS[client](live.key, BORDERLINE))

    assert answer.text == body
    assert ("X-akismet-recheck-after" in answer.headers) == (client == "wordpress")
    assert live.services.queue.count(live.site) == 1


def test_wordpress_comment_is_stored_with_what_counts(live: Live) -> None:
    send(live, "comment-check", CLIENTS["wordpress"](live.key, HAM))

    (comment,) = stored(live)
    assert (comment.author_name, comment.author_url) == ("Jane", "http://jane.example")
    assert (comment.permalink, comment.language) == ("https://blog.example/2026/11/soup/", "en-US")
    assert (comment.parent_id, comment.type) == (None, "comment")
    assert comment.author_id.startswith("k1.")
    assert comment.ip_id
    assert "fast-form" not in [one.code for one in comment.verdict.reasons]


def test_discourse_names_the_kind_by_content_type(live: Live) -> None:
    send(live, "comment-check", CLIENTS["discourse"]("", HAM))

    (comment,) = stored(live)
    assert comment.type == "forum-post"


@pytest.mark.parametrize(
    "check, report, labels",
    [
        ("wordpress", lambda key: recorded.encoded(recorded.wordpress_report(key, text=HAM)), 1),
        ("discourse", lambda _: recorded.encoded(recorded.discourse_late(text=HAM)), 1),
        ("coral", lambda key: recorded.as_json({"api_key": key, **recorded.coral_akismet(text=HAM)}), 1),
        ("comentario", lambda _: recorded.encoded(recorded.comentario(text=HAM)), 1),
    ],
    ids=CLIENTS,
)
def test_reports_of_real_clients_find_their_check(
    live: Live, check: str, report: Callable[[str], Body], labels: int
) -> None:
    send(live, "comment-check", CLIENTS[check](live.key, HAM))

    answer = send(live, "submit-spam", report(live.key))

    assert answer.content == b"Thanks for making the web a better place."
    assert [one.status.value for one in stored(live)] == ["rejected"]
    rows = list(live.services.archive.labels(live.site))
    assert [row["labels"]["spam"] for row in rows] == [labels]


def analyze(live: Live, body: dict[str, Any], **headers: str) -> httpx.Response:
    return httpx.post(f"{live.url}/v1alpha1/comments:analyze?key={live.key}&alt=json", json=body, headers=headers)


def test_osmod_on_a_strict_site_is_told_what_is_missing(live: Live) -> None:
    answer = analyze(live, recorded.osmod(TOXIC))

    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Unknown requested attribute: ATTACK_ON_AUTHOR"


def test_osmod_on_a_lenient_site_gets_what_there_is(live: Live) -> None:
    live.services.sites.change_policy(live.site, {"allowed_attributes": "lenient"})

    answer = analyze(live, recorded.osmod(f"Fine. {TOXIC}")).json()

    assert set(answer["attributeScores"]) == {"LIKELY_TO_REJECT", "SPAM", "TOXICITY", "SEVERE_TOXICITY"}
    assert answer["clientToken"] == "osmod_7"
    for scores in answer["attributeScores"].values():
        assert [(span["begin"], span["end"]) for span in scores["spanScores"]] == [(0, 5), (5, 23)]
        assert all(0 <= span["score"]["value"] <= 1 for span in scores["spanScores"])


@pytest.mark.parametrize("language", ["en", "pt", "xx", "tlh-Latn"])
def test_coral_reads_one_score_in_any_language(live: Live, language: str) -> None:
    body = recorded.coral_perspective(TOXIC, language=language)

    answer = analyze(live, body, **{"User-Agent": "Coral Perspective/9.11.8"})

    assert answer.json()["attributeScores"]["TOXICITY"]["summaryScore"]["value"] == 0.9


def test_discourse_reads_one_score(live: Live) -> None:
    answer = analyze(live, recorded.discourse_perspective(TOXIC))

    assert answer.json()["attributeScores"]["TOXICITY"]["summaryScore"] == {"value": 0.9, "type": "PROBABILITY"}


def test_comentario_reads_missing_scores_as_nothing(live: Live) -> None:
    strict = analyze(live, recorded.comentario_perspective(TOXIC))
    live.services.sites.change_policy(live.site, {"allowed_attributes": "lenient"})
    lenient = analyze(live, recorded.comentario_perspective(TOXIC))

    assert strict.status_code == 400
    assert lenient.json()["attributeScores"]["TOXICITY"]["summaryScore"]["value"] == 0.9
    assert "INSULT" not in lenient.json()["attributeScores"]
