"""``winnow doctor``: what is wrong, and how to mend it.

Owns the order of the checks and how they are shown; the checks are in ``moderation.cli.checkup``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict

import click

from moderation import logs
from moderation.cli.checkup import host
from moderation.cli.checkup.findings import Finding, Status, fail
from moderation.cli.common import json_option, load_settings, print_json
from moderation.config import Settings
from moderation.core.errors import SettingsError, WinnowError

MARKS = {Status.OK: ("ok  ", "green"), Status.WARN: ("warn", "yellow"), Status.FAIL: ("FAIL", "red")}


@click.command(epilog="Example: winnow doctor --data-dir /var/lib/winnow")
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Look at everything Winnow needs; say what is wrong and how to mend it. Exit code 1 if something is broken."""
    findings = []
    for finding in _look(ctx):
        findings.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        print_json({"status": _worst(findings).value, "checks": [asdict(finding) for finding in findings]})
    if _worst(findings) is Status.FAIL:
        ctx.exit(1)


def _worst(findings: list[Finding]) -> Status:
    found = {finding.status for finding in findings}
    return next((status for status in (Status.FAIL, Status.WARN) if status in found), Status.OK)


def _show(finding: Finding) -> None:
    mark, colour = MARKS[finding.status]
    click.echo(f"{click.style(mark, fg=colour)}  {finding.id:<9} {finding.sentence}")
    for line in finding.hint.splitlines():
        click.echo(f"                {line}")


def _look(ctx: click.Context) -> Iterator[Finding]:
    yield host.check_python()
    try:
        settings = load_settings(ctx)
    except SettingsError as error:
        for problem in error.problems:
            yield fail("settings", f"{problem.id}: {problem.detail}", problem.hint)
        return
    logs.configure(settings, stream="stderr", level="error")
    yield host.check_data_dir(settings)
    yield host.check_secret(settings)
    yield host.check_socket(settings)
    yield host.check_fsync(settings)
    yield host.check_port(settings)
    yield host.check_proxy(settings)
    yield from _look_inside(settings)


def _look_inside(settings: Settings) -> Iterator[Finding]:
    """Look at what needs a store; one that was never set up is not set up by looking."""
    from moderation import bootstrap
    from moderation.cli.checkup.services import check_model, check_store_itself, check_worker
    from moderation.store.connection import Connection
    from moderation.store.embedded import running_store

    yield check_model(settings)
    if settings.redis_url is None and not settings.data_dir.is_dir():
        return
    try:
        with running_store(settings, command="winnow doctor") as url, closing(Connection(url)) as connection:
            yield from check_store_itself(connection, settings)
            with suppress(SettingsError):  # The key file is wrong, as was said above; nothing else can go wrong here.
                yield from check_worker(bootstrap.build(settings, url))
    except WinnowError as error:
        yield fail("store", str(error), "Start it, or mend WINNOW_REDIS_URL.")
