"""What a server must get right for Perspective's clients, where no other file looks at it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.web.protocols.conftest import Live
from tests.web.protocols.test_perspective import TOXIC, analyze, ask


@pytest.mark.parametrize(
    "query",
    [
        {"alt": "json"},
        {"fields": "attributeScores"},
        {"prettyPrint": "false"},
        {"quotaUser": "x" * 40},
        {"callback": "run"},
        {"$.xgafv": "2"},
        {"no_such": "1"},
    ],
    ids=lambda query: next(iter(query)),
)
def test_parameters_of_googles_clients_make_no_difference(live: Live, query: dict[str, str]) -> None:
    answer = analyze(live, ask(TOXIC, "TOXICITY"), **query)

    assert answer.json()["attributeScores"]["TOXICITY"]["summaryScore"]["value"] == 0.9
    assert answer.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("name, value", [("X-Goog-Api-Key", "{}"), ("Authorization", "Bearer {}")])
@pytest.mark.parametrize("path", ["comments:analyze", "comments:analyze/"])
def test_key_in_a_header(live: Live, path: str, name: str, value: str) -> None:
    headers = {name: value.format(live.key.upper())}

    answer = httpx.post(f"{live.url}/v1alpha1/{path}", json=ask(TOXIC, "TOXICITY"), headers=headers)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "extra",
    [
        {"no_such_field": {"deep": [1]}},
        {"dropUnsupportedAttributes": True},
        {"doNotStore": False},
        {"sessionId": "s", "communityId": "c"},
        {"context": {"entries": [{"text": "earlier " * 100_000, "type": "PLAIN_TEXT"}]}},
        {"context": {"articleAndParentComment": {"article": {"text": "a"}, "parentComment": {"text": "p"}}}},
        {"languages": ["tlh"]},
        {"languages": []},
        {"languages": "en"},
    ],
    ids=["unknown", "drop", "store", "ids", "context", "parent", "language", "no language", "no list"],
)
def test_fields_that_do_not_count_are_no_error(live: Live, extra: dict[str, Any]) -> None:
    answer = analyze(live, ask(TOXIC, "TOXICITY", **extra))

    assert answer.json()["attributeScores"]["TOXICITY"]["summaryScore"]["value"] == 0.9
    assert list(live.services.archive.labels(live.site)) == []


def test_html_is_refused_as_google_does(live: Live) -> None:
    answer = analyze(live, {**ask("x", "TOXICITY"), "comment": {"text": "<p>x</p>", "type": "HTML"}})

    error = answer.json()["error"]
    assert (answer.status_code, error["status"]) == (400, "INVALID_ARGUMENT")
    assert error["message"] == "Currently, only 'PLAIN_TEXT' comments are supported"


@pytest.mark.parametrize("kind", [None, 3, ["PLAIN_TEXT"], {}, "plain_text"], ids=str)
def test_other_types_are_unknown(live: Live, kind: object) -> None:
    answer = analyze(live, {**ask("x", "TOXICITY"), "comment": {"text": "x", "type": kind}})

    assert answer.json()["error"]["message"] == "Unknown text type"


@pytest.mark.parametrize("options", [{}, {"scoreType": "PROBABILITY"}, {"scoreType": "SCORE_TYPE_UNSPECIFIED"}, None])
def test_score_types_that_google_takes(live: Live, options: object) -> None:
    answer = analyze(live, {"comment": {"text": TOXIC}, "requestedAttributes": {"TOXICITY": options}})

    assert answer.json()["attributeScores"]["TOXICITY"]["summaryScore"]["type"] == "PROBABILITY"


def test_spans_are_given_to_those_who_ask(live: Live) -> None:
    without = analyze(live, ask(TOXIC, "TOXICITY")).json()["attributeScores"]["TOXICITY"]
    asked = analyze(live, ask(TOXIC, "TOXICITY", spanAnnotations=True)).json()["attributeScores"]["TOXICITY"]

    assert "spanScores" not in without
    assert [(span["begin"], span["end"]) for span in asked["spanScores"]] == [(0, len(TOXIC))]


@pytest.mark.parametrize(
    "scores, message",
    [
        ({}, "Missing attribute_scores"),
        (None, "Missing attribute_scores"),
        ({"TOXICITY": {}}, "Invalid value at 'attribute_scores.summary_score.value' (TYPE_FLOAT)."),
        ({"TOXICITY": {"summaryScore": {"value": 2}}}, "Invalid value at 'attribute_scores.summary_score.value'"),
    ],
    ids=["empty", "none", "no score", "beyond one"],
)
def test_suggestion_that_says_nothing_is_refused(live: Live, scores: object, message: str) -> None:
    body = {"comment": {"text": "x"}, "attributeScores": scores}

    answer = httpx.post(f"{live.url}/v1alpha1/comments:suggestscore?key={live.key}", json=body)

    assert (answer.status_code, answer.json()["error"]["message"][: len(message)]) == (400, message)
    assert list(live.services.archive.labels(live.site)) == []


def test_suggestions_of_communities_are_kept_apart(live: Live) -> None:
    for community in ("one", "two", "two"):
        scores = {"TOXICITY": {"summaryScore": {"value": 1}}}
        body = {"comment": {"text": "x"}, "attributeScores": scores, "communityId": community}
        httpx.post(f"{live.url}/v1alpha1/comments:suggestscore?key={live.key}", json=body)

    assert len(list(live.services.archive.labels(live.site))) == 2


def test_guesser_of_keys_hears_googles_429(live: Live) -> None:
    for _ in range(30):
        httpx.post(f"{live.url}/v1alpha1/comments:analyze?key=abcdef012345", json=ask("x", "SPAM"))

    answer = httpx.post(f"{live.url}/v1alpha1/comments:analyze?key=abcdef012345", json=ask("x", "SPAM"))

    assert (answer.status_code, answer.json()["error"]["code"]) == (429, 429)
    assert int(answer.headers["Retry-After"]) > 0


def test_discovery_document_leads_back_here(live: Live) -> None:
    document = httpx.get(f"{live.url}/$discovery/rest?version=v1alpha1&key={live.key}").json()

    assert (document["name"], document["version"]) == ("commentanalyzer", "v1alpha1")
    assert document["rootUrl"] == f"{live.url}/"
    assert {"analyze", "suggestscore"} <= document["resources"]["comments"]["methods"].keys()


def test_coral_4_asks_for_two_attributes(live: Live) -> None:
    scores = analyze(live, ask(TOXIC, "SEVERE_TOXICITY", "TOXICITY", doNotStore=True)).json()["attributeScores"]

    assert 0 < scores["SEVERE_TOXICITY"]["summaryScore"]["value"] < scores["TOXICITY"]["summaryScore"]["value"]
