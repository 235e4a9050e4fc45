"""Write the pages that follow from the code: ``docs/cli.md`` from the commands' help, ``docs/api.md`` from the API.

Run as ``python -m docs.generate``; a test checks that both pages are current. Owns the form of these two pages, and no
sentence about what a command or a route does: those stand beside the code.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from moderation.cli import COMMANDS, main

HERE = Path(__file__).parent
WIDTH = 100  # Columns of the help texts, whatever terminal this runs on.
CLI_INTRODUCTION = """# The command line

Made by `python -m docs.generate` from the commands' own help. Every command takes `--data-dir` and `--redis-url`, and
`--json` where there is something for programs to read. Exit codes: 0 it worked, 1 it failed, 2 it was asked wrongly.
Secrets are read from standard input or a prompt, never from arguments.
"""
API_INTRODUCTION = """# The HTTP API

Made by `python -m docs.generate` from the routes. A running service shows the same as a page at `/docs` and as an
OpenAPI 3.1 document at `/openapi.json`.
"""


def cli_page() -> str:
    """Return the page about every command, in the order of ``winnow --help``."""
    names = ["-h", "--help"]
    root = click.Context(
        main, info_name="winnow", terminal_width=WIDTH, max_content_width=WIDTH, help_option_names=names
    )
    sections = [CLI_INTRODUCTION]
    for name in COMMANDS:
        command = main.get_command(root, name)
        if command is not None:
            sections += _command_sections(command, name, root)
    return "\n".join(sections)


def _command_sections(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH)
    level = "##" if parent.parent is None else "###"
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield f"{level} `{context.command_path}`\n\n```text\n{text}\n```\n"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from _command_sections(found, child, context)


def api_page() -> str:
    """Return the page about every route and every shape."""
    document = _openapi()
    sections = [API_INTRODUCTION, document["info"]["description"] + "\n"]
    for path, methods in sorted(document["paths"].items(), key=lambda item: not item[0].startswith("/v1/")):
        sections += [_route(path, method, operation) for method, operation in methods.items()]
    sections.append("# Shapes\n")
    shapes = document["components"]["schemas"]
    sections += [_shape(name, shape) for name, shape in shapes.items() if "properties" in shape]
    return "\n".join(sections)


def _openapi() -> dict[str, Any]:
    """Return the OpenAPI document of an app that never meets a store."""
    from moderation import bootstrap
    from moderation.config import Settings
    from moderation.web import create_app, openapi

    with tempfile.TemporaryDirectory() as directory:
        app = create_app(bootstrap.build(Settings(data_dir=Path(directory) / "data"), "unix:///nowhere"))
        return openapi.document(app)


def _route(path: str, method: str, operation: Mapping[str, Any]) -> str:
    key = "" if operation.get("security") else " No key needed."
    summary = operation["summary"]
    lines = [f"## `{method.upper()} {path}`\n", summary + ("" if summary.endswith((".", "?")) else ".") + key]
    if operation.get("description"):
        lines.append(f"\n{operation['description']}")
    if operation.get("parameters"):
        lines += ["\n| parameter | in | type | meaning |", "|---|---|---|---|"]
        lines += [_parameter(one) for one in operation["parameters"]]
    body = operation.get("requestBody")
    if body:
        lines.append(f"\nTakes {_type(body['content']['application/json']['schema'])}.")
    lines.append(f"\n{_answers(operation['responses'])}\n")
    return "\n".join(lines)


def _answers(responses: Mapping[str, Any]) -> str:
    """Return what comes back: the shape of success, and the statuses of problem documents."""
    fine = [f"{status} {_shape_of(answer)}".strip() for status, answer in responses.items() if status < "400"]
    wrong = [status for status in responses if status >= "400"]
    problems = f" Problems: {', '.join(wrong)}." if wrong else ""
    return f"Answers {', '.join(fine)}.{problems}"


def _parameter(one: Mapping[str, Any]) -> str:
    return f"| `{one['name']}` | {one['in']} | {_type(one['schema'])} | {_cell(one.get('description', ''))} |"


def _shape_of(answer: Mapping[str, Any]) -> str:
    """Return the shape of an answer, or its content type where it has no shape."""
    found = answer.get("content", {}).items()
    return " or ".join(
        _type(content["schema"]) if "$ref" in content.get("schema", {}) else kind for kind, content in found
    )


def _shape(name: str, shape: Mapping[str, Any]) -> str:
    required = set(shape.get("required", ()))
    lines = [f"## `{name}`\n", shape.get("description", ""), "", "| field | type | meaning |", "|---|---|---|"]
    for field, found in shape["properties"].items():
        mark = " (required)" if field in required else ""
        lines.append(f"| `{field}`{mark} | {_type(found)} | {_cell(found.get('description', ''))} |")
    return "\n".join([*lines, ""])


def _type(schema: Mapping[str, Any]) -> str:
    """Return a schema in a few words; a named one is a link to its table."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("type", "any"))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


PAGES = {"cli.md": cli_page, "api.md": api_page}

if __name__ == "__main__":
    for page, write in PAGES.items():
        (HERE / page).write_text(write(), encoding="utf-8")
