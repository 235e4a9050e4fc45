"""What the commands share: settings, the opened services, output for people and for machines.

Refuses to print secrets: commands that make one print it themselves, once.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from moderation import logs
from moderation.cli import Options
from moderation.config import Settings

if TYPE_CHECKING:
    from moderation.service.services import Services

Function = TypeVar("Function", bound=Callable[..., Any])


def load_settings(ctx: click.Context, **overrides: object) -> Settings:
    """Return the settings of this call and say on standard error what is odd about them.

    Args:
        ctx: The command's context; the shared options are in its root.
        **overrides: Options of the command itself; None means not given.

    Raises:
        SettingsError: If they are wrong.
    """
    options = ctx.find_root().ensure_object(Options)
    settings = Settings.from_environ(os.environ, **{**options.overrides, **overrides})
    for notice in settings.notices:
        click.echo(notice, err=True)
    return settings


@contextmanager
def opened(ctx: click.Context) -> Iterator[Services]:
    """Yield the services on the store of this call, starting the embedded one where it does not run.

    Raises:
        WinnowError: If the settings are wrong, or the store is away or unsafe.
    """
    from moderation import bootstrap
    from moderation.store.checks import check_store
    from moderation.store.embedded import running_store

    settings = load_settings(ctx)
    logs.configure(settings, stream="stderr", level="warning")
    is_new = settings.redis_url is None and not settings.data_dir.exists()
    with running_store(settings, command=ctx.command_path) as url:
        if is_new:
            click.echo(f"Made a new data directory: {settings.data_dir}", err=True)
        services = bootstrap.build(settings, url)
        try:
            check_store(services.connection.client, allow_unsafe=settings.allow_unsafe_store)
            yield services
        finally:
            services.connection.close()


def json_option(function: Function) -> Function:
    """Add ``--json`` as the parameter ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Answer with JSON, for programs.")(function)


def print_json(value: object) -> None:
    """Write one JSON document to standard output, indented for a terminal."""
    indent = 2 if sys.stdout.isatty() else None
    click.echo(json.dumps(value, ensure_ascii=False, indent=indent, default=str))


def fail(sentence: str, code: int = 1) -> NoReturn:
    """End the command with a sentence on standard error."""
    click.echo(f"winnow: {sentence}", err=True)
    raise click.exceptions.Exit(code)
