"""``winnow serve`` and ``winnow worker``.

Owns their options; the work is done by ``moderation.supervisor`` and ``moderation.worker``.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

import click

from moderation import logs
from moderation.cli.common import fail, load_settings
from moderation.config import Settings


@click.command(epilog="Example: winnow serve --host 0.0.0.0 --port 8000 --workers 2 --threads 8")
@click.option("--host", metavar="ADDRESS", help="Where to listen (WINNOW_HOST; default: 127.0.0.1).")
@click.option("--port", metavar="N", help="TCP port, 0 for any free one (WINNOW_PORT; default: 8000).")
@click.option("--workers", metavar="N", help="Web processes (WINNOW_WORKERS; default: one a core, 2 to 4).")
@click.option("--threads", metavar="N", help="Threads of each (WINNOW_THREADS; default: 4).")
@click.pass_context
def serve(ctx: click.Context, /, **chosen: str | None) -> None:
    """Run the service until Ctrl-C or SIGTERM: store, web processes and worker."""
    from moderation.supervisor import Supervisor

    settings = load_settings(ctx, **chosen)
    logs.configure(settings)
    Supervisor(settings).run()


@click.command(epilog="Example: WINNOW_REDIS_URL=redis://valkey:6379/0 winnow worker")
@click.option("--check", is_flag=True, help="Only say whether a worker is at work; exit code 1 if none is.")
@click.pass_context
def worker(ctx: click.Context, check: bool) -> None:
    """Run only the worker: webhooks, leases that ran out, retention.

    `winnow serve` runs one by itself; this is for a machine or container of its own.
    """
    settings = load_settings(ctx)
    logs.configure(settings)
    if check:
        _check(settings)
        return
    _work(settings)


def _check(settings: Settings) -> None:
    from contextlib import closing

    from moderation.store.connection import Connection
    from moderation.store.embedded import running_store
    from moderation.store.outbox import Outbox

    with running_store(settings, command="winnow worker --check") as url, closing(Connection(url)) as connection:
        beat = Outbox(connection).last_beat()
    if beat is None:
        fail("No worker is at work.")
    click.echo(f"A worker was at work at {beat.isoformat(timespec='seconds')}.")


def _work(settings: Settings) -> None:
    from moderation import bootstrap
    from moderation import worker as work
    from moderation.store.embedded import running_store
    from moderation.store.launch import die_with_parent
    from moderation.supervisor import check_outside_store

    if settings.supervisor_pid is not None:
        die_with_parent(settings.supervisor_pid, signal.SIGTERM)
    elif settings.redis_url is not None:
        check_outside_store(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with running_store(settings, command="winnow worker") as url:
        work.run(bootstrap.build(settings, url), stop)
    if settings.supervisor_pid is not None:
        sys.stdout.flush()
        os._exit(0)  # Taking the compiler's library down takes a second, for which the parent would wait.
