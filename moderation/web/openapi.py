"""The OpenAPI 3.1 document, made from the routes themselves and the pydantic models.

``operation`` puts on a view what it takes and answers; ``document`` collects that from the app, so that neither
a route without a description nor a description without a route can exist (a test looks).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, TypeVar

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from moderation.web.answers import ProblemOut
from moderation.web.errors import PROBLEM_TYPE

View = TypeVar("View", bound=Callable[..., Any])
REFERENCE = "#/components/schemas/{model}"
_PLACEHOLDER = re.compile(r"<(?:\w+:)?(\w+)>")
_MEANING = {
    400: "The body is not JSON, or the cursor is not valid.",
    401: "The API key is missing, unknown or revoked.",
    404: "There is no such thing on this site.",
    409: "The state has moved on; the problem says how.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "Fields are wrong; `errors` names all of them.",
    429: "Over the site's limit, or too many wrong keys came from this network; see Retry-After.",
    503: "The store does not answer; see Retry-After.",
}
INTRODUCTION = """Post comments, get verdicts with reasons, review what is borderline.

Authenticate with `Authorization: Bearer KEY`. Errors are problem documents (RFC 9457) with a stable `code`; wrong
fields are all named at once. Bodies go up to 64 KiB, those of `/v1/check` up to 1 MiB. `Idempotency-Key` makes a POST
safe to repeat for 24 hours. E-mail addresses become keyed pseudonyms and are never stored, answered or logged."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query or header parameter."""

    name: str
    schema: dict[str, Any]
    detail: str = ""
    place: str = "query"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a route is for, takes and answers."""

    summary: str
    detail: str = ""
    body: type[BaseModel] | None = None
    is_body_required: bool = True
    answer: type[BaseModel] | None = None
    media_type: str = "application/json"
    status: int = 200
    problems: tuple[int, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    needs_key: bool = True
    headers: tuple[tuple[str, str], ...] = ()


def operation(**facts: Any) -> Callable[[View], View]:
    """Describe a view; see ``Operation`` for what can be said."""

    def describe(view: View) -> View:
        view.operation = Operation(**facts)  # type: ignore[attr-defined]
        return view

    return describe


def operations(app: Flask) -> Iterator[tuple[Rule, str, Operation]]:
    """Yield rule, method and description of every described route, in the order of their paths."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda one: one.rule):
        described: Operation | None = getattr(app.view_functions[rule.endpoint], "operation", None)
        if described is None:
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method, described


def document(app: Flask) -> dict[str, Any]:
    """Return the OpenAPI document of an app."""
    found = list(operations(app))
    models = {model for _, _, one in found for model in (one.body, one.answer) if model is not None} | {ProblemOut}
    inputs = [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)]
    _, schemas = models_json_schema(inputs, ref_template=REFERENCE)  # type: ignore[arg-type]
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, described in found:
        paths.setdefault(_PLACEHOLDER.sub(r"{\1}", rule.rule), {})[method.lower()] = _operation(rule, method, described)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Winnow",
            "version": version("winnow"),
            "description": INTRODUCTION,
            "license": {"name": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "The site's API key."}},
        },
    }


def _operation(rule: Rule, method: str, described: Operation) -> dict[str, Any]:
    written: dict[str, Any] = {
        "operationId": f"{rule.endpoint.rsplit('.', 1)[-1]}",
        "summary": described.summary,
        "parameters": [*_path_parameters(rule), *(_parameter(one) for one in described.parameters)],
        "responses": _responses(described),
        "security": [{"key": []}] if described.needs_key else [],
    }
    if described.detail:
        written["description"] = described.detail
    if described.body is not None:
        content = {"application/json": {"schema": _reference(described.body)}}
        written["requestBody"] = {"required": described.is_body_required, "content": content}
    return written


def _path_parameters(rule: Rule) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PLACEHOLDER.findall(rule.rule)
    ]


def _parameter(one: Parameter) -> dict[str, Any]:
    return {"name": one.name, "in": one.place, "required": False, "schema": one.schema, "description": one.detail}


def _responses(described: Operation) -> dict[str, Any]:
    phrase = HTTPStatus(described.status).phrase
    success: dict[str, Any] = {"description": phrase}
    if described.answer is not None:
        success["content"] = {described.media_type: {"schema": _reference(described.answer)}}
    elif described.status != HTTPStatus.NO_CONTENT:
        success["content"] = {described.media_type: {"schema": {"type": "string"}}}
    if described.headers:
        success["headers"] = {
            name: {"description": detail, "schema": {"type": "string"}} for name, detail in described.headers
        }
    return {str(described.status): success} | {str(code): _problem(code) for code in _problems(described)}


def _problems(described: Operation) -> list[int]:
    common = {401, 429, 503} if described.needs_key else set()
    body = {400, 413, 415, 422} if described.body is not None else set()
    return sorted({*described.problems, *common, *body})


def _problem(code: int) -> dict[str, Any]:
    return {"description": _MEANING[code], "content": {PROBLEM_TYPE: {"schema": _reference(ProblemOut)}}}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REFERENCE.format(model=model.__name__)}
