"""``winnow demo``: everything at once, to look at and to try out.

Owns the command's options, where its data goes, and when it ends; the play itself is in ``moderation.demo``.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from moderation.cli import Options
from moderation.cli.common import json_option, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from moderation.demo.report import Played
    from moderation.demo.stage import Running

WATCH_SECONDS = 1.0
EXIT_INTERRUPTED = 130  # What shells give for Ctrl-C.


@click.command(epilog="Example: winnow demo, or for a script: winnow demo --once --json")
@click.option("--once", is_flag=True, help="Play the scenario, say what came of it, stop everything and leave nothing.")
@json_option
@click.pass_context
def demo(ctx: click.Context, *, once: bool, as_json: bool) -> None:
    """Try everything out: the service, a small website with a reply form, a moderator, and comments of all kinds.

    Runs until Ctrl-C on a fresh data directory, which is removed at the end unless --data-dir names one to keep.
    """
    from rich.console import Console

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    notes = Console(stderr=True)
    with ExitStack() as stack:
        data_dir = stack.enter_context(_data_directory(ctx))
        played = None
        try:
            played, running = _play(stack, notes, data_dir)
            _tell(played, as_json=as_json, is_going_on=not once)
            if not once:
                _watch(running)
        except KeyboardInterrupt:
            notes.print("Stopping …")
            if played is None:
                ctx.exit(EXIT_INTERRUPTED)


def _end(number: int, _: object) -> NoReturn:
    """End as Ctrl-C does, so that everything that was started is stopped."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def _data_directory(ctx: click.Context) -> Iterator[Path]:
    """Yield an empty directory: the one that was asked for, or a temporary one.

    Raises:
        click.UsageError: If that one holds something, or an outside store was asked for.
    """
    chosen = ctx.find_root().ensure_object(Options).overrides
    if "redis_url" in chosen:
        raise click.UsageError("The demonstration always runs its own store; leave --redis-url out.")
    if "data_dir" not in chosen:
        with tempfile.TemporaryDirectory(prefix="winnow-demo-", ignore_cleanup_errors=True) as directory:
            yield Path(directory)
        return
    path = Path(chosen["data_dir"]).expanduser().absolute()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        again = f"to go on with an earlier demonstration: winnow serve --data-dir {path}"
        raise click.UsageError(f"{path} is not an empty directory. Name a new one, or {again}")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    yield path


def _play(stack: ExitStack, notes: Console, data_dir: Path) -> tuple[Played, tuple[Running, Running]]:
    """Start service and website, which run until the stack is closed, and play the scenario once."""
    from moderation.demo import play, stage
    from moderation.demo.report import Played
    from moderation.demo.scenario import load_samples

    environ = stage.service_environ(os.environ, data_dir)
    with notes.status("Starting the service …") as status:
        service = stack.enter_context(stage.running_service(environ, data_dir))
        status.update("Adding a site and a moderator …")
        listener = stack.enter_context(stage.listening(stage.SITE_PORT))
        site_url = stage.address(listener)
        accounts = play.make_accounts(environ, data_dir, site_url=site_url)
        settings = play.site_settings(accounts, service_url=service.url, site_url=site_url)
        status.update("Starting the website …")
        site = stack.enter_context(stage.running_site(listener, settings, data_dir / "logs" / "site.log"))
        status.update("Sending comments …")
        permalink = f"{site_url}/"
        sent = [play.send(service, accounts, sample, permalink=permalink) for sample in load_samples()]
        status.update("Approving one of them …")
        chosen = next(one for one in sent if one.sample.approve)
        approval = play.approve(service, site, accounts, chosen)
    return Played(service.url, site.url, accounts, sent, approval), (service, site)


def _tell(played: Played, *, as_json: bool, is_going_on: bool) -> None:
    from rich.console import Console

    from moderation.demo import report

    if as_json:
        print_json(report.document(played))
        return
    console = Console(highlight=False)
    report.show(console, played)
    if is_going_on:
        console.print("\nCtrl-C stops everything.", style="dim")


def _watch(running: tuple[Running, Running]) -> None:
    """Wait for Ctrl-C; end if one of the processes does."""
    while True:
        for one in running:
            one.check()
        time.sleep(WATCH_SECONDS)
