"""``winnow backup`` and ``winnow restore``.

Owns their options and the progress bar; the work is done by ``moderation.backup``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from moderation import logs
from moderation.cli.common import json_option, load_settings, print_json


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int], None]]:
    """Show the bytes that went through, if anybody looks."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda count: bar.advance(task, count)


@click.command(epilog="Example: winnow backup winnow-2026-11-23.tar.gz")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--without-secrets", is_flag=True, help="Leave the secret keys out; keep them safe elsewhere.")
@json_option
@click.pass_context
def backup(ctx: click.Context, file: Path, without_secrets: bool, as_json: bool) -> None:
    """Write everything to FILE: comments, sites, moderators, models and secret keys. The service may go on running."""
    from moderation.backup.archive import SECRETS
    from moderation.backup.snapshot import write_backup

    settings = load_settings(ctx)
    logs.configure(settings, stream="stderr", level="warning")
    with _progress("Writing the backup") as progress:
        manifest = write_backup(settings, file, with_secrets=not without_secrets, progress=progress)
    size = file.stat().st_size
    if as_json:
        print_json({"file": str(file), "bytes": size, "created_at": manifest.created_at, "files": len(manifest.files)})
        return
    click.echo(f"Wrote {file} ({size:,} bytes, {len(manifest.files)} files).")
    if SECRETS in manifest.files:
        click.echo("It holds the secret keys: keep it where nobody else can read it.")


@click.command(epilog="Example: winnow restore winnow-2026-11-23.tar.gz --data-dir /var/lib/winnow")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@click.pass_context
def restore(ctx: click.Context, file: Path, as_json: bool) -> None:
    """Fill a new data directory from the backup FILE. Restore only backups that you wrote."""
    from moderation.backup.archive import SECRETS
    from moderation.backup.snapshot import restore_backup

    settings = load_settings(ctx)
    logs.configure(settings, stream="stderr", level="warning")
    with _progress("Restoring") as progress:
        manifest = restore_backup(settings, file, progress=progress)
    if as_json:
        print_json({"data_dir": str(settings.data_dir), "created_at": manifest.created_at})
        return
    click.echo(f"Restored {settings.data_dir} as it was at {manifest.created_at}.")
    if SECRETS not in manifest.files:
        click.echo(f"The backup holds no secret keys: put yours at {settings.secret_path} before you start.")
