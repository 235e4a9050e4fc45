"""``winnow site coral-secret``: the secrets with which Coral signs what it sends.

Refuses to show one: Coral's own pages do.
"""

from __future__ import annotations

import sys

import click

from moderation.cli.common import json_option, opened, print_json

SECRET_LINE = 1024  # Characters read of standard input.


@click.command("coral-secret", epilog="Example: winnow site coral-secret news --secret-stdin < secret.txt")
@click.argument("name")
@click.option("--secret-stdin", "from_stdin", is_flag=True, help="Read the secret from standard input, without asking.")
@click.option("--remove", is_flag=True, help="Take all of the site's secrets away; Coral's requests are refused then.")
@json_option
@click.pass_context
def coral_secret(ctx: click.Context, *, name: str, from_stdin: bool, remove: bool, as_json: bool) -> None:
    """Let Coral's moderation phase, or its webhooks, sign for a site.

    Each has a signing secret of its own. Up to four count at the same time, so that each can be rolled.
    """
    if remove and from_stdin:
        raise click.UsageError("Give either --secret-stdin or --remove.")
    secret = None if remove else _read_secret(from_stdin)
    with opened(ctx) as services:
        if secret is None:
            changed = services.sites.remove_coral_secrets(name)
        else:
            from moderation.web.coral.signature import seal_secret

            changed = services.sites.add_coral_secret(name, seal_secret(secret, services.keyring))
    count = len(changed.coral_secrets)
    if as_json:
        print_json({"site": name, "secrets": count})
        return
    click.echo(f"Secrets of Coral's that count for site {name}: {count}.")


def _read_secret(from_stdin: bool) -> str:
    from moderation.web.coral.signature import SECRET_LENGTHS

    given = sys.stdin.readline(SECRET_LINE) if from_stdin else click.prompt("Coral's signing secret", hide_input=True)
    secret = str(given).strip()
    if len(secret) not in SECRET_LENGTHS or not secret.isascii():
        raise click.UsageError("Copy the whole signing secret from Coral: it has at least 16 characters.")
    return secret
