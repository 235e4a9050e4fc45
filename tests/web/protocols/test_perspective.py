"""Perspective's protocol, with requests as its clients send them, and Google's own Python client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import httpx
import pytest
from googleapiclient import discovery
from googleapiclient.errors import HttpError

from model.serving import Judgement
from moderation.core.errors import StoreUnavailable
from moderation.scoring import Scorer
from tests.keyword_model import KeywordModel
from tests.web.protocols.conftest import Live

TOXIC = "You are an idiot."


def analyze(live: Live, body: Any, **query: str) -> httpx.Response:
    return httpx.post(live.url + "/v1alpha1/comments:analyze", params={"key": live.key, **query}, json=body)


def ask(text: str, *attributes: str, **extra: Any) -> dict[str, Any]:
    return {"comment": {"text": text}, "requestedAttributes": {name: {} for name in attributes}, **extra}


def test_scores_mirror_what_was_asked(live: Live) -> None:
    body = analyze(live, ask(TOXIC, "TOXICITY", "SPAM", "LIKELY_TO_REJECT", clientToken="t1", languages=["en"])).json()

    assert body["attributeScores"]["TOXICITY"] == {"summaryScore": {"value": 0.9, "type": "PROBABILITY"}}
    assert body["attributeScores"]["SPAM"]["summaryScore"]["value"] == 0.01
    assert body["attributeScores"]["LIKELY_TO_REJECT"]["summaryScore"]["value"] == pytest.approx(1 - 0.1 * 0.99)
    assert (body["clientToken"], body["languages"], body["model"]) == ("t1", ["en"], "keyword-1")


def test_version_of_an_attribute_is_kept_in_the_answer(live: Live) -> None:
    assert list(analyze(live, ask(TOXIC, "TOXICITY@6")).json()["attributeScores"]) == ["TOXICITY@6"]


def test_scores_below_the_threshold_are_left_out(live: Live) -> None:
    asked = {"TOXICITY": {"scoreThreshold": 0.95}, "SPAM": {"scoreThreshold": 0}}

    body = analyze(live, {"comment": {"text": TOXIC}, "requestedAttributes": asked}).json()

    assert list(body["attributeScores"]) == ["SPAM"]


def test_spans_are_sentences_in_utf16_units(live: Live) -> None:
    body = analyze(live, ask("😀 Hello. You idiot!", "TOXICITY", spanAnnotations=True)).json()

    spans = body["attributeScores"]["TOXICITY"]["spanScores"]
    assert [(span["begin"], span["end"]) for span in spans] == [(0, 9), (9, 20)]
    assert [span["score"]["value"] for span in spans] == [0.01, 0.9]


@pytest.mark.parametrize(
    "body, error_type, message",
    [
        (ask("", "TOXICITY"), "COMMENT_EMPTY", "Comment must be non-empty."),
        ({"requestedAttributes": {"TOXICITY": {}}}, "COMMENT_EMPTY", "Comment must be non-empty."),
        (ask("a" * 70_000, "TOXICITY"), "COMMENT_TOO_LONG", "Comment text too long."),
        (ask("a"), "NO_REQUESTED_ATTRIBUTES", "Missing requested_attributes"),
        (ask("a", "NOPE"), "INVALID_REQUEST", "Unknown requested attribute: NOPE"),
        (
            {"comment": {"text": "a"}, "requestedAttributes": {"SPAM": {"scoreType": "RAW"}}},
            "INVALID_REQUEST",
            "Requested score type RAW is not supported by attribute SPAM",
        ),
        ({"comment": {"text": "a", "type": "RTF"}}, "INVALID_REQUEST", "Unknown text type"),
        (
            ask(
                "a", "SPAM", context={"entries": [{"text": "x"}], "articleAndParentComment": {"article": {"text": "y"}}}
            ),
            "INVALID_REQUEST",
            "Context can have either entries or article_and_parent_comment, but both fields were populated.",
        ),
        ([], "INVALID_REQUEST", "Invalid JSON payload received."),
        (ask(3, "SPAM"), "INVALID_REQUEST", "Invalid value at 'comment.text' (TYPE_STRING)."),  # type: ignore[arg-type]
    ],
    ids=[
        "empty",
        "no-comment",
        "long",
        "no-attributes",
        "unknown",
        "score-type",
        "text-type",
        "context",
        "list",
        "type",
    ],
)
def test_errors_have_googles_shape(live: Live, body: Any, error_type: str, message: str) -> None:
    answer = analyze(live, body)

    error = answer.json()["error"]
    assert answer.status_code == error["code"] == 400
    assert (error["message"], error["status"]) == (message, "INVALID_ARGUMENT")
    assert error["details"][0]["errorType"] == error_type


def test_wrong_key_is_googles_sentence(live: Live) -> None:
    answer = httpx.post(live.url + "/v1alpha1/comments:analyze?key=abcdef012345", json=ask("a", "SPAM"))

    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "API key not valid. Please pass a valid API key."


def test_lenient_site_drops_unknown_attributes(live: Live) -> None:
    live.services.sites.change_policy(live.site, {"allowed_attributes": "lenient"})

    body = analyze(live, ask(TOXIC, "TOXICITY", "FLIRTATION", "INCOHERENT")).json()

    assert list(body["attributeScores"]) == ["TOXICITY"]


def test_corals_request(live: Live) -> None:
    body = {
        "comment": {"text": TOXIC},
        "doNotStore": True,
        "requestedAttributes": {"TOXICITY": {}},
        "languages": ["en"],
    }

    answer = httpx.post(
        f"{live.url}/v1alpha1/comments:analyze?key={live.key}",
        json=body,
        headers={"User-Agent": "Coral Perspective/9.11.8"},
    )

    assert answer.json()["attributeScores"]["TOXICITY"]["summaryScore"]["value"] > 0.8


def test_analysing_goes_on_without_the_store(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    analyze(live, ask(TOXIC, "TOXICITY"))

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(live.services.connection, "call", away)

    assert analyze(live, ask(TOXIC, "TOXICITY")).status_code == 200


def test_nothing_analysed_is_kept(live: Live) -> None:
    analyze(live, ask("A very particular sentence", "TOXICITY"))

    client = live.services.connection.client
    assert sorted(client.scan_iter("*")) == ["w:keys", "w:sites", "w:{blog}:site"]


def test_batch_answers_in_order(live: Live) -> None:
    requests = [ask(TOXIC, "TOXICITY"), ask("Fine.", "TOXICITY")]

    answer = httpx.post(f"{live.url}/v1alpha1/comments:batchAnalyze?key={live.key}", json={"requests": requests})

    values = [one["attributeScores"]["TOXICITY"]["summaryScore"]["value"] for one in answer.json()["responses"]]
    assert values == [0.9, 0.01]


@pytest.mark.parametrize(
    "name, value, labels",
    [
        ("TOXICITY", 1, {"spam": None, "toxic": 1}),
        ("TOXICITY", 0, {"spam": None, "toxic": 0}),
        ("SPAM", 0.9, {"spam": 1, "toxic": None}),
        ("LIKELY_TO_REJECT", 0, {"spam": 0, "toxic": 0}),
    ],
)
def test_suggestion_becomes_a_label(live: Live, name: str, value: float, labels: dict[str, int | None]) -> None:
    body = {
        "comment": {"text": "What a match"},
        "attributeScores": {name: {"summaryScore": {"value": value}}},
        "communityId": "Coral:https://news.example",
        "clientToken": "comment:1",
    }

    answer = httpx.post(f"{live.url}/v1alpha1/comments:suggestscore?key={live.key}", json=body)

    assert answer.json() == {"clientToken": "comment:1"}
    assert [row["labels"] for row in live.services.archive.labels(live.site)] == [labels]


def test_later_suggestion_replaces_the_earlier(live: Live) -> None:
    for value in (1, 0):
        body = {"comment": {"text": "x"}, "attributeScores": {"TOXICITY": {"summaryScore": {"value": value}}}}
        httpx.post(f"{live.url}/v1alpha1/comments:suggestscore?key={live.key}", json=body)

    assert [row["labels"]["toxic"] for row in live.services.archive.labels(live.site)] == [0]


def test_googles_own_client(live: Live) -> None:
    with discovery.build(
        "commentanalyzer",
        "v1alpha1",
        developerKey=live.key,
        discoveryServiceUrl=live.url + "/$discovery/rest?version=v1alpha1",
        static_discovery=False,
    ) as client:
        scored = client.comments().analyze(body=ask(TOXIC, "TOXICITY")).execute()
        suggested = (
            client.comments()
            .suggestscore(
                body={"comment": {"text": "x"}, "attributeScores": {"TOXICITY": {"summaryScore": {"value": 1}}}}
            )
            .execute()
        )

        with pytest.raises(HttpError) as caught:
            client.comments().analyze(body=ask("", "TOXICITY")).execute()

    assert scored["attributeScores"]["TOXICITY"]["summaryScore"]["value"] == 0.9
    assert suggested == {}
    assert caught.value.error_details[0]["errorType"] == "COMMENT_EMPTY"


class OneLabelModel(KeywordModel):
    """A classifier that was trained on spam alone."""

    labels = ("spam",)  # type: ignore[assignment]
    derived: ClassVar = {}

    def judge(self, text: str, *, author: str = "", url: str = "", limit: int = 5) -> Judgement:
        """Return the judgement of spam only."""
        whole = super().judge(text, author=author, url=url, limit=limit)
        return Judgement(labels={"spam": whole.labels["spam"]}, undone=0)

    def derive(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Return nothing: there is no toxicity to follow from."""
        return {}


@pytest.mark.parametrize("name", ["TOXICITY", "LIKELY_TO_REJECT", "SEVERE_TOXICITY", "INSULT"])
def test_attribute_that_the_classifier_lacks_is_never_made_up(
    live: Live, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(Scorer, "model", OneLabelModel())

    refused = analyze(live, ask(TOXIC, name))
    live.services.sites.change_policy(live.site, {"allowed_attributes": "lenient"})
    dropped = analyze(live, ask(TOXIC, "SPAM", name))

    assert refused.json()["error"]["message"] == f"Unknown requested attribute: {name}"
    assert list(dropped.json()["attributeScores"]) == ["SPAM"]


def test_severe_toxicity_follows_from_toxicity_and_is_the_rarer_of_the_two(live: Live) -> None:
    answers = [analyze(live, ask(text, "TOXICITY", "SEVERE_TOXICITY")).json() for text in ("Good soup.", TOXIC)]
    scores = [
        {name: score["summaryScore"]["value"] for name, score in answer["attributeScores"].items()}
        for answer in answers
    ]

    assert all(0 < score["SEVERE_TOXICITY"] < score["TOXICITY"] for score in scores)
    assert scores[0]["SEVERE_TOXICITY"] < scores[1]["SEVERE_TOXICITY"]


def test_not_severe_is_no_label_of_not_toxic(live: Live) -> None:
    for text, value in (("a", 0), ("b", 1)):
        scores = {"SEVERE_TOXICITY": {"summaryScore": {"value": value}}}
        body = {"comment": {"text": text}, "attributeScores": scores}
        httpx.post(f"{live.url}/v1alpha1/comments:suggestscore?key={live.key}", json=body)

    assert [(row["text"], row["labels"]["toxic"]) for row in live.services.archive.labels(live.site)] == [("b", 1)]


def test_body_beyond_the_limit_is_googles_error(live: Live) -> None:
    answer = analyze(live, ask("a" * 1_100_000, "TOXICITY"))

    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["errorType"] == "COMMENT_TOO_LONG"


def test_suggested_text_is_kept_without_addresses(live: Live) -> None:
    body = {
        "comment": {"text": "Write to Mallory@Mail.example now"},
        "attributeScores": {"SPAM": {"summaryScore": {"value": 1}}},
    }

    httpx.post(f"{live.url}/v1alpha1/comments:suggestscore?key={live.key}", json=body)

    assert [row["text"] for row in live.services.archive.labels(live.site)] == ["Write to [address removed] now"]
