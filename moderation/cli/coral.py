"""``winnow coral`` and ``winnow site coral-secret``: telling Coral of decisions, and believing what it sends.

Owns what an operator says about a site's Coral. Refuses to show a token or a secret: Coral's own pages do.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from moderation.cli.common import fail, json_option, opened, print_json

if TYPE_CHECKING:
    from moderation.service.services import Services
    from moderation.webhooks.coral_access import CoralAccess

SECRET_LINE = 1024  # Characters read of standard input.
TOKEN_LINE = 8192
MODERATING_ROLES = ("ADMIN", "MODERATOR")


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


@click.group()
def coral() -> None:
    """Tell Coral what is decided here."""


@coral.command("set", epilog="Example: winnow coral set news https://coral.example --token-stdin < token.txt")
@click.argument("name")
@click.argument("url")
@click.option("--token-stdin", "from_stdin", is_flag=True, help="Read the token from standard input, without asking.")
@json_option
@click.pass_context
def set_access(ctx: click.Context, *, name: str, url: str, from_stdin: bool, as_json: bool) -> None:
    """Tell Coral of every decision on its comments from now on.

    URL is Coral's own address. The token is the `signedToken` that `coral-cli token:create` prints. It must be an
    administrator's, is kept sealed, and is sent to that address only.
    """
    from moderation.webhooks.coral_access import parse_access, seal_access

    given = sys.stdin.readline(TOKEN_LINE) if from_stdin else click.prompt("Coral's access token", hide_input=True)
    access = parse_access(url, str(given))
    with opened(ctx) as services:
        services.sites.set_coral_access(name, seal_access(access, services.keyring))
    if as_json:
        print_json({"site": name, "url": access.url, "encrypted": access.url.startswith("https:")})
        return
    click.echo(f"Decisions of site {name} are told to {access.url}. Try it: winnow coral test {name}")
    if not access.url.startswith("https:"):
        click.echo(
            "The token travels unencrypted: use http:// within one machine or network of containers only.", err=True
        )


@coral.command("test", epilog="Example: winnow coral test news")
@click.argument("name")
@json_option
@click.pass_context
def test_access(ctx: click.Context, *, name: str, as_json: bool) -> None:
    """Ask Coral whether it takes the token, and whether it may moderate."""
    with opened(ctx) as services:
        access = _access(services, name)
        role = _role(services, access)
    if as_json:
        print_json({"site": name, "url": access.url, "role": role, "moderates": role in MODERATING_ROLES})
    elif role in MODERATING_ROLES:
        click.echo(f"{access.url} takes the token; its user is {role} and may moderate.")
    if role is None:
        fail(f"{access.url} answered, but does not know the token. Make a new one: coral-cli token:create")
    if role not in MODERATING_ROLES:
        fail(f"The token's user is {role} and may not moderate. Make a token of an administrator.")


@coral.command("remove", epilog="Example: winnow coral remove news")
@click.argument("name")
@json_option
@click.pass_context
def remove_access(ctx: click.Context, *, name: str, as_json: bool) -> None:
    """Tell Coral no more, and forget the token."""
    with opened(ctx) as services:
        services.sites.set_coral_access(name, None)
    if as_json:
        print_json({"site": name, "url": None})
        return
    click.echo(
        f"Coral is told no more of site {name}, and its token is forgotten here. Revoke it: coral-cli token:revoke"
    )


def _access(services: Services, name: str) -> CoralAccess:
    from moderation.cli import EXIT_ASKED_WRONGLY
    from moderation.webhooks.coral_access import access_of

    access = access_of(services.sites.read(name), services.keyring)
    if access is None:
        example = f"winnow coral set {name} https://coral.example --token-stdin < token.txt"
        fail(f"Site {name} tells no Coral. Example: {example}", EXIT_ASKED_WRONGLY)
    return access


def _role(services: Services, access: CoralAccess) -> str | None:
    from moderation.webhooks.coral_api import CoralApi, CoralRefused
    from moderation.webhooks.transport import Transport

    api = CoralApi(Transport(allow=services.settings.webhook_allow_networks))
    try:
        return api.role(access)
    except CoralRefused as error:
        if error.status in (401, 403):
            return None
        if error.result == "graphql":  # Its reference says that administrators alone may ask.
            fail(f"{access.url} refused the question. Make a token of an administrator.")
        fail(f"{access.url} answered, but not as Coral does: {error.result}.")
