"""The ``winnow`` command.

Owns the list of commands, the options they share, and how errors reach people: one sentence on standard error and an
exit code (1: it failed, 2: it was asked wrongly), never a traceback unless ``WINNOW_DEBUG=1``. Refuses to import a
command before it is called, so that ``winnow --help`` answers at once.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import click

from moderation.core.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    SettingsError,
    WebhookRefused,
    WinnowError,
)

EXIT_FAILED = 1
EXIT_ASKED_WRONGLY = 2
USER_ERRORS = (SettingsError, InvalidInput, NotFound, Conflict, Forbidden, WebhookRefused)
MODEL_USER_ERRORS = frozenset({"LabelsRefused", "RecipeError", "DatasetError", "ModelRefused"})

# Name: (where it is, what it does). The sentence is here so that the list of commands imports none of them.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("moderation.cli.serve:serve", "Run the service: store, web and worker."),
    "worker": ("moderation.cli.serve:worker", "Run only the worker: webhooks, leases, retention."),
    "demo": ("moderation.cli.demo:demo", "Try everything out with a small site."),
    "doctor": ("moderation.cli.doctor:doctor", "Say what is wrong and how to mend it."),
    "backup": ("moderation.cli.backup:backup", "Write a backup of everything to one file."),
    "restore": ("moderation.cli.backup:restore", "Fill a new data directory from a backup."),
    "site": ("moderation.cli.site:site", "Add, list and set up sites, and make their keys."),
    "moderator": ("moderation.cli.moderator:moderator", "Add, list and disable moderators."),
    "comments": ("moderation.cli.comments:comments", "Export, import, erase and purge comments."),
    "model": ("model.cli:cli", "Train, evaluate and promote classifiers."),
    "coral": ("moderation.cli.coral:coral", "Tell Coral what is decided here."),
    "secret": ("moderation.cli.secret:secret", "Rotate the secret keys behind the pseudonyms."),
}


@dataclass(slots=True)
class Options:
    """What the shared options said, wherever on the command line they stood."""

    overrides: dict[str, str] = field(default_factory=dict)

    def remember(self, name: str, value: str) -> None:
        """Take a value up, and leave the data directory where commands outside this package find it."""
        self.overrides[name] = value
        if name == "data_dir":
            os.environ["WINNOW_DATA_DIR"] = os.path.abspath(value)  # noqa: PTH100  pathlib costs start-up time.


class Winnow(click.Group):
    """The group of all commands; each is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table, which is the order in which people need them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command and give it the shared options."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        for leaf in _leaves(command):
            _share_options(leaf)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what goes wrong becomes a sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except BrokenPipeError:
            raise
        except Exception as error:
            if os.environ.get("WINNOW_DEBUG") == "1":
                raise
            click.echo(f"winnow: {describe(error)}", err=True)
            ctx.exit(exit_code(error))


def describe(error: Exception) -> str:
    """Return what to tell a person about an error; the message of one nobody expected may quote private input."""
    if isinstance(error, InvalidInput) and error.faults:
        return describe_faults(error)
    if isinstance(error, (WinnowError, OSError)) or _is_model_error(error):
        return str(error)
    return f"something unexpected happened ({type(error).__name__}). Set WINNOW_DEBUG=1 to see where."


def describe_faults(error: InvalidInput) -> str:
    """Return everything that is wrong, field by field, in the notation of the command line."""
    places = (fault.pointer.strip("/").replace("/", ".") for fault in error.faults)
    details = zip(places, error.faults, strict=True)
    return " ".join([str(error), *(f"{place}: {fault.detail}" if place else fault.detail for place, fault in details)])


def exit_code(error: Exception) -> int:
    """Return 2 where the caller has to change what was asked, else 1."""
    return EXIT_ASKED_WRONGLY if isinstance(error, USER_ERRORS) or _is_model_error(error) else EXIT_FAILED


def _is_model_error(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] == "model"


def _leaves(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        for child in command.commands.values():
            yield from _leaves(child)


def _share_options(command: click.Command) -> None:
    taken = {name for parameter in command.params for name in parameter.opts}
    command.params.extend(option for option in shared_options() if not taken.intersection(option.opts))


def shared_options() -> list[click.Option]:
    """Return fresh copies of the options that every command accepts."""
    return [
        click.Option(
            ["--data-dir"],
            metavar="DIR",
            expose_value=False,
            callback=_remember,
            help="Where Winnow keeps its data (WINNOW_DATA_DIR; default: ./.winnow).",
        ),
        click.Option(
            ["--redis-url"],
            metavar="URL",
            expose_value=False,
            callback=_remember,
            help="An outside Valkey or Redis (WINNOW_REDIS_URL; default: the embedded one).",
        ),
    ]


def _remember(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    options = ctx.find_root().ensure_object(Options)
    if value is not None and parameter.name is not None:
        options.remember(parameter.name, value)


def _show_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version("winnow")
    except PackageNotFoundError:
        found = "unknown (not installed)"
    click.echo(f"winnow {found}")
    ctx.exit()


@click.group(
    cls=Winnow,
    params=shared_options(),
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: winnow serve, and in another window: winnow site add blog https://blog.example",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show it.")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Winnow moderates comments: it scores them, explains itself, and learns from what you decide."""
    ctx.ensure_object(Options)


if __name__ == "__main__":
    sys.exit(main())
