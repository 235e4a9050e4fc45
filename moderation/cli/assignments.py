"""A policy as a command line writes it: ``thresholds.spam.review=0.4``.

Owns the way from text to a document; whether the document is valid is decided by the model that the API uses.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum
from typing import Any, get_args

import click
from pydantic import BaseModel

from moderation.web.parsing import parse_body
from moderation.web.schemas import PolicyIn

NOTHING = frozenset({"null", "none", "never"})
SWITCHES = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}


class Kind(StrEnum):
    """How the value of a field is written."""

    TEXT = "text"
    LIST = "list"
    SWITCH = "switch"
    JSON = "json"


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Return the change that ``FIELD=VALUE`` words ask for, validated exactly as the API validates it.

    Raises:
        click.UsageError: If a word is not an assignment, or two contradict each other.
        InvalidInput: If the change is not valid; names every fault.
    """
    document: dict[str, Any] = {}
    for word in assignments:
        path, equals, text = word.partition("=")
        if not equals or not path:
            raise click.UsageError("Write each change as FIELD=VALUE, such as links_allowed=5.")
        _put(document, path.split("."), _value(text, kind_of(path.split("."))))
    change = parse_body(PolicyIn, json.dumps(document).encode())
    return change.model_dump(exclude_unset=True)


def _put(document: dict[str, Any], path: list[str], value: Any) -> None:
    *parents, last = path
    for parent in parents:
        document = document.setdefault(parent, {})
        if not isinstance(document, dict):
            raise click.UsageError(f"{'.'.join(path)} contradicts what was said before it.")
    if last in document:
        raise click.UsageError(f"{'.'.join(path)} is given twice.")
    document[last] = value


def kind_of(path: Iterable[str]) -> Kind:
    """Return how a field is written, by its type in the API's model; an unknown one is left to the validation."""
    found: Any = PolicyIn
    for part in path:
        model = _model_in(found)
        if model is None or part not in model.model_fields:
            return Kind.JSON
        found = model.model_fields[part].annotation
    types = set(_types_in(found))
    for kind, wanted in ((Kind.LIST, list), (Kind.SWITCH, bool), (Kind.TEXT, str)):
        if wanted in types:
            return kind
    return Kind.JSON


def _model_in(annotation: Any) -> type[BaseModel] | None:
    models = (one for one in _types_in(annotation) if isinstance(one, type) and issubclass(one, BaseModel))
    return next(models, None)


def _types_in(annotation: Any) -> list[Any]:
    """Return the types that an annotation is made of, outermost first; a list's own are left out."""
    origin = getattr(annotation, "__origin__", None)
    if origin is list:
        return [list]
    parts = [one for part in get_args(annotation) for one in _types_in(part)]
    return parts or [type(annotation) if isinstance(annotation, str) else annotation]


def _value(text: str, kind: Kind) -> Any:
    if text in NOTHING:
        return None
    if kind is Kind.SWITCH:
        return SWITCHES.get(text.lower(), text)
    if kind is Kind.LIST and not text.startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind is Kind.TEXT and not text.startswith('"'):
        return text
    with suppress(ValueError):
        return json.loads(text, parse_constant=str)
    return text
