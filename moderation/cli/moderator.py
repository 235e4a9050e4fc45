"""``winnow moderator``: the accounts of the people who review.

Passwords come from standard input or a prompt, never as arguments, which other users of the machine could read.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from moderation.cli.common import json_option, opened, print_json

if TYPE_CHECKING:
    from moderation.store.accounts import Account

PASSWORD_LINE = 4_096  # Characters read from standard input; far beyond any password.


@click.group()
def moderator() -> None:
    """Add, list and disable moderators."""


def _password_option(function: Any) -> Any:
    return click.option(
        "--password-stdin", "from_stdin", is_flag=True, help="Read the password from standard input, without asking."
    )(function)


def _read_password(from_stdin: bool) -> str:
    if not from_stdin:
        found: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return found
    line = sys.stdin.readline(PASSWORD_LINE).rstrip("\r\n")
    if not line:
        raise click.UsageError("No password came on standard input.")
    return line


@moderator.command(epilog="Example: echo 'a long passphrase' | winnow moderator add alice --site news --password-stdin")
@click.argument("name")
@click.option("--site", "sites", multiple=True, metavar="SITE", help="A site to look after; may be given repeatedly.")
@click.option("--role", type=click.Choice(["moderator", "admin"]), default="moderator", show_default=True)
@_password_option
@json_option
@click.pass_context
def add(ctx: click.Context, *, name: str, sites: tuple[str, ...], role: str, from_stdin: bool, as_json: bool) -> None:
    """Open an account. An admin sees every site and the settings; a moderator the sites given."""
    from moderation.store.accounts import Role

    password = _read_password(from_stdin)
    with opened(ctx) as services:
        for site in sites:
            services.sites.read(site)
        account = services.accounts.add(name, password, sites=tuple(dict.fromkeys(sites)), role=Role(role))
    if as_json:
        print_json(_document(account))
        return
    click.echo(f"{account.name} can sign in at /review/ now.")


@moderator.command("list", epilog="Example: winnow moderator list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """Show who may sign in."""
    with opened(ctx) as services:
        accounts = services.accounts.all()
    if as_json:
        print_json([_document(one) for one in accounts])
        return
    if not accounts:
        click.echo("There are no moderators yet; `winnow moderator add` makes one.")
    for one in accounts:
        sites = ", ".join(one.sites) or "all sites"
        click.echo(f"{one.name}: {one.role} for {sites}{' (disabled)' if one.disabled_at else ''}")


@moderator.command(epilog="Example: winnow moderator disable alice")
@click.argument("name")
@json_option
@click.pass_context
def disable(ctx: click.Context, name: str, as_json: bool) -> None:
    """Close an account; whoever is signed in with it is out at once."""
    with opened(ctx) as services:
        account = services.accounts.disable(name)
    if as_json:
        print_json(_document(account))
        return
    click.echo(f"{account.name} cannot sign in any more. `winnow moderator password` opens the account again.")


@moderator.command(epilog="Example: echo 'a new long passphrase' | winnow moderator password alice --password-stdin")
@click.argument("name")
@_password_option
@json_option
@click.pass_context
def password(ctx: click.Context, *, name: str, from_stdin: bool, as_json: bool) -> None:
    """Set a new password; every session of the account ends."""
    new = _read_password(from_stdin)
    with opened(ctx) as services:
        account = services.accounts.set_password(name, new)
    if as_json:
        print_json(_document(account))
        return
    click.echo(f"{account.name} has a new password and is signed out everywhere.")


def _document(account: Account) -> dict[str, object]:
    return {
        "name": account.name,
        "role": account.role.value,
        "sites": list(account.sites),
        "created_at": account.created_at.isoformat(timespec="seconds"),
        "disabled": account.disabled_at is not None,
    }
