"""The discovery document with which Google's client libraries build themselves, pointing at this service."""

from __future__ import annotations

from typing import Any

_TEXT = {"type": "object", "properties": {"text": {"type": "string"}, "type": {"type": "string"}}}
_SCORE = {"type": "object", "properties": {"value": {"type": "number", "format": "float"}, "type": {"type": "string"}}}
_SPAN = {
    "begin": {"type": "integer", "format": "int32"},
    "end": {"type": "integer", "format": "int32"},
    "score": {"$ref": "Score"},
}
_STRINGS = {"type": "array", "items": {"type": "string"}}
_REQUEST = {
    "comment": {"$ref": "TextEntry"},
    "context": {"$ref": "Context"},
    "languages": _STRINGS,
    "clientToken": {"type": "string"},
    "communityId": {"type": "string"},
    "sessionId": {"type": "string"},
}
_SCORES = {"type": "object", "additionalProperties": {"$ref": "AttributeScores"}}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "TextEntry": _TEXT,
    "Score": _SCORE,
    "SpanScore": {"type": "object", "properties": _SPAN},
    "ArticleAndParentComment": {
        "type": "object",
        "properties": {"article": {"$ref": "TextEntry"}, "parentComment": {"$ref": "TextEntry"}},
    },
    "Context": {
        "type": "object",
        "properties": {
            "entries": {"type": "array", "items": {"$ref": "TextEntry"}},
            "articleAndParentComment": {"$ref": "ArticleAndParentComment"},
        },
    },
    "AttributeParameters": {
        "type": "object",
        "properties": {"scoreType": {"type": "string"}, "scoreThreshold": {"type": "number", "format": "float"}},
    },
    "AttributeScores": {
        "type": "object",
        "properties": {
            "summaryScore": {"$ref": "Score"},
            "spanScores": {"type": "array", "items": {"$ref": "SpanScore"}},
        },
    },
    "AnalyzeCommentRequest": {
        "type": "object",
        "properties": {
            **_REQUEST,
            "requestedAttributes": {"type": "object", "additionalProperties": {"$ref": "AttributeParameters"}},
            "spanAnnotations": {"type": "boolean"},
            "doNotStore": {"type": "boolean"},
        },
    },
    "AnalyzeCommentResponse": {
        "type": "object",
        "properties": {
            "attributeScores": _SCORES,
            "languages": _STRINGS,
            "detectedLanguages": _STRINGS,
            "clientToken": {"type": "string"},
            "model": {"type": "string"},
        },
    },
    "SuggestCommentScoreRequest": {"type": "object", "properties": {**_REQUEST, "attributeScores": _SCORES}},
    "SuggestCommentScoreResponse": {
        "type": "object",
        "properties": {
            "clientToken": {"type": "string"},
            "detectedLanguages": _STRINGS,
            "requestedLanguages": _STRINGS,
        },
    },
}
_SUMMARIES = {
    "analyze": ("AnalyzeComment", "Scores a text for each requested attribute."),
    "suggestscore": ("SuggestCommentScore", "Keeps a suggested score as a training label."),
}


def document(root: str) -> dict[str, Any]:
    """Return the discovery document.

    Args:
        root: The address of this service, with a slash at its end.
    """
    return {
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": "commentanalyzer:v1alpha1",
        "name": "commentanalyzer",
        "version": "v1alpha1",
        "title": "Winnow, in Perspective's protocol",
        "description": "Scores comments on the site's own machine.",
        "protocol": "rest",
        "rootUrl": root,
        "servicePath": "",
        "baseUrl": root,
        "batchPath": "batch",
        "parameters": {"key": {"type": "string", "location": "query"}, "alt": {"type": "string", "location": "query"}},
        "schemas": {name: {"id": name, **schema} for name, schema in _SCHEMAS.items()},
        "resources": {"comments": {"methods": {name: _method(name) for name in _SUMMARIES}}},
    }


def _method(name: str) -> dict[str, Any]:
    prefix, summary = _SUMMARIES[name]
    path = f"v1alpha1/comments:{name}"
    return {
        "id": f"commentanalyzer.comments.{name}",
        "path": path,
        "flatPath": path,
        "httpMethod": "POST",
        "description": summary,
        "parameterOrder": [],
        "parameters": {},
        "request": {"$ref": f"{prefix}Request"},
        "response": {"$ref": f"{prefix}Response"},
    }
