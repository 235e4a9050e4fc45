"""One contract: the document is valid, complete and true, and version 1 only ever grows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from moderation.web import answers
from moderation.web.openapi import document
from tests.cast import BORDERLINE, body
from tests.web.conftest import Api

if TYPE_CHECKING:  # These tools take a second to import, and only slow tests use them.
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.schemas import APIOperation

FROZEN = Path(__file__).with_name("openapi-v1.json")
FREE = {"description", "summary", "title", "default"}  # Words, and what a client that says nothing gets.


def documented(app: Flask) -> dict[str, Any]:
    found: dict[str, Any] = document(app)
    return found


@pytest.mark.slow
def test_the_document_is_valid(client: FlaskClient) -> None:
    from openapi_spec_validator import validate

    response = client.get("/openapi.json")

    assert response.content_type == "application/json"
    validate(response.get_json())


def test_every_route_of_the_api_is_in_the_document_and_the_reverse(app: Flask) -> None:
    routes = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint.split(".")[0] in ("api", "site_api", "health")
    }
    paths = documented(app)["paths"]

    assert {(path, method) for path, methods in paths.items() for method in methods} == routes


def test_the_table_of_the_design_is_there(app: Flask) -> None:
    paths = documented(app)["paths"]

    for methods, path in (
        ("post get", "/v1/comments"),
        ("get put delete", "/v1/comments/{comment_id}"),
        ("post", "/v1/comments/{comment_id}/decision"),
        ("post", "/v1/comments/{comment_id}/undo"),
        ("get", "/v1/queue"),
        ("post", "/v1/check"),
        ("get patch", "/v1/site"),
        ("post", "/v1/site/test"),
        ("post", "/v1/erasures"),
        ("get", "/v1/stats"),
        ("get", "/v1/authors/{author_id}/avatar.svg"),
        *(("get", path) for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/docs")),
    ):
        assert set(methods.split()) <= set(paths[path]), path


def test_every_operation_says_what_may_go_wrong(app: Flask) -> None:
    for path, methods in documented(app)["paths"].items():
        for method, operation in methods.items():
            responses = operation["responses"]
            assert operation["summary"], (method, path)
            assert not operation["security"] or {"401", "503"} <= set(responses), (method, path)
            assert "requestBody" not in operation or {"400", "413", "415", "422"} <= set(responses), (method, path)
            for status, response in responses.items():
                if status >= "400":
                    assert list(response["content"]) == ["application/problem+json"], (method, path, status)


def test_answers_are_what_the_models_say(api: Api) -> None:
    comment = api.submit(content=BORDERLINE, author_url="https://m.example", external_id="42", language="en")
    decided = api.decide(comment["id"], "reject", reason="spam", note="n").get_json()
    expected: list[tuple[type[BaseModel], Any]] = [
        (answers.CommentOut, comment),
        (answers.CommentOut, decided),
        (answers.ThreadOut, api("GET", "/v1/comments?status=rejected").get_json()),
        (answers.QueueOut, api("GET", "/v1/queue").get_json()),
        (answers.VerdictsOut, api("POST", "/v1/check", {"comments": [body()]}).get_json()),
        (answers.PolicyOut, api("GET", "/v1/site").get_json()),
        (answers.PolicyOut, api("PATCH", "/v1/site", {"rate_limit": "off"}).get_json()),
        (answers.TriedOut, api("POST", "/v1/site/test", {"content": "x"}).get_json()),
        (answers.StatsOut, api("GET", "/v1/stats?days=2").get_json()),
        (answers.ErasedOut, api("POST", "/v1/erasures", {"author_email": "m@mail.example"}).get_json()),
        (answers.ProblemOut, api("POST", "/v1/comments", {}).get_json()),
    ]

    for model, answer in expected:
        assert model.model_validate_json(json.dumps(answer)).model_dump(mode="json", exclude_unset=True) == answer


def test_version_one_only_grows(app: Flask) -> None:
    """Regenerate with ``python -m tests.web.freeze`` after adding something, never to take something away."""
    frozen, now = json.loads(FROZEN.read_text()), documented(app)

    assert list(_taken_away(frozen["paths"], now["paths"], "paths")) == []
    assert list(_taken_away(frozen["components"], now["components"], "components")) == []


def _taken_away(before: Any, after: Any, place: str) -> Iterator[str]:
    """Yield every place where ``after`` lacks or changes what clients may rely on; words and new fields are free."""
    if place.endswith("/required") and isinstance(before, list):
        yield from _changed_duties(set(before), set(after), place)
    elif isinstance(before, dict) and isinstance(after, dict):
        for name in before.keys() - FREE:
            yield from _taken_away(before[name], after.get(name), f"{place}/{name}")
        if "required" in after.keys() - before.keys():
            yield from _changed_duties(set(), set(after["required"]), f"{place}/required")
    elif isinstance(before, list) and isinstance(after, list):
        yield from (f"{place}: {one}" for one in before if one not in after)
    elif before != after:
        yield place


def _changed_duties(before: set[str], after: set[str], place: str) -> Iterator[str]:
    """A request may never have to hold more, an answer never may hold less."""
    wrong = after - before if place.endswith("In/required") else before - after
    yield from (f"{place}: {name}" for name in sorted(wrong))


@pytest.mark.parametrize(
    "path, change",
    [
        (("paths", "/v1/queue"), None),
        (("paths", "/v1/comments", "post", "responses", "201"), None),
        (("components", "schemas", "CommentOut", "properties", "verdict"), None),
        (("components", "schemas", "SubmissionIn", "properties", "content", "maxLength"), 10),
        (("components", "schemas", "SubmissionIn", "required"), ["content", "permalink", "author", "language"]),
        (("components", "schemas", "CommentOut", "required"), ["id"]),
        (("components", "schemas", "DecisionIn", "properties", "decision", "enum"), ["approve"]),
    ],
)
def test_the_check_notices_what_was_taken_away(app: Flask, path: tuple[str, ...], change: object) -> None:
    frozen = documented(app)
    now = json.loads(json.dumps(frozen))
    inner = now
    for name in path[:-1]:
        inner = inner[name]
    if change is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = change

    assert list(_taken_away(frozen, now, ""))
    assert not list(_taken_away(frozen, frozen, ""))


def _smaller(part: Any) -> Any:
    """Return a schema whose texts and lists are short: the long ones take minutes to make up and find nothing more."""
    if isinstance(part, list):
        return [_smaller(one) for one in part]
    if not isinstance(part, dict):
        return part
    found = {name: _smaller(value) for name, value in part.items()}
    if found.get("type") == "string" and "pattern" in found:
        found.pop("maxLength", None)
        found.pop("minLength", None)
    for name in ("maxItems", "maxLength"):
        if isinstance(found.get(name), int):
            found[name] = min(found[name], 3 if name == "maxItems" else 100)
    return found


def _run_schemathesis(app: Flask, api: Api, monkeypatch: pytest.MonkeyPatch, *, mode: str, examples: int) -> None:
    """Call every operation with generated requests; each answer must be as the document says."""
    import schemathesis

    way = schemathesis.GenerationMode(mode)
    known = api.submit(content=BORDERLINE)
    monkeypatch.setattr("moderation.service.guesses.WRONG_KEYS", 1_000_000)  # Each is to be answered with a 401 here.
    smaller = _smaller(documented(app))
    monkeypatch.setattr("moderation.web.openapi.document", lambda _: smaller)
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path.startswith("/v1/") and (operation.body or mode == "positive"):
            _call(operation, known["id"], api.key, mode=way, examples=examples)


def _call(
    operation: APIOperation[Any, Any, Any, Any], known: str, key: str, *, mode: GenerationMode, examples: int
) -> None:
    from schemathesis.specs.openapi import checks

    @settings(
        max_examples=examples,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],
        derandomize=True,
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_known=st.booleans())
    def check(case: schemathesis.Case, is_known: bool) -> None:
        if is_known and "comment_id" in (case.path_parameters or {}):
            case.path_parameters["comment_id"] = known
        excluded = [checks.positive_data_acceptance]  # No schema can say whether an address is one, or needed.
        if "Idempotency-Key" in (case.headers or {}):
            excluded.append(
                checks.negative_data_rejection
            )  # On the way a wrong header becomes text, and any text is a key.
        case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, excluded_checks=excluded)

    check()


MODES = pytest.mark.parametrize("mode", ["positive", "negative"], ids=["good", "bad"])


@pytest.mark.slow
@MODES
def test_generated_requests_meet_the_document(app: Flask, api: Api, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    _run_schemathesis(app, api, monkeypatch, mode=mode, examples=3)


@pytest.mark.slow
@MODES
def test_many_generated_requests_meet_the_document(
    app: Flask, api: Api, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    _run_schemathesis(app, api, monkeypatch, mode=mode, examples=60)
