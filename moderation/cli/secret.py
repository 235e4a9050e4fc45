"""``winnow secret``: the keys behind the pseudonyms.

Refuses to show a key.
"""

from __future__ import annotations

import click

from moderation.cli.common import json_option, load_settings, print_json
from moderation.keyring_file import load_keyring
from moderation.keyring_file import rotate as add_key


@click.group()
def secret() -> None:
    """Rotate the secret keys behind the pseudonyms."""


@secret.command(epilog="Example: winnow secret rotate, then restart the service.")
@json_option
@click.pass_context
def rotate(ctx: click.Context, as_json: bool) -> None:
    """Add a new key for new pseudonyms; older keys stay, so that known authors are still recognised."""
    number = add_key(load_settings(ctx))
    if as_json:
        print_json({"newest": number})
        return
    click.echo(f"Key k{number} is the newest now. Restart the service, so that it uses it.")


@secret.command("list", epilog="Example: winnow secret list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """Name the keys, without showing them."""
    settings = load_settings(ctx)
    numbers = [f"k{key.id}" for key in load_keyring(settings).keys]
    if as_json:
        print_json({"file": str(settings.secret_path), "keys": numbers})
        return
    click.echo(f"{settings.secret_path}: {', '.join(numbers)} (newest first)")
