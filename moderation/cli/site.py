"""``winnow site``: the sites, their keys, their policies and their webhooks.

Owns how a policy is written on a command line; what is valid is decided by the model that the API uses
(``web/schemas.PolicyIn``). An API key and a signing secret are shown by the commands that are there for that.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from moderation.cli.common import fail, json_option, opened, print_json
from moderation.cli.coral import coral_secret

if TYPE_CHECKING:
    from moderation.core.site import Site
    from moderation.service.services import Services
    from moderation.webhooks.transport import Answer

SHOWN_CHARACTERS = 200  # Of an endpoint's answer.
ASKED_WRONGLY = 2


@click.group()
def site() -> None:
    """Add, list and set up sites, and make their keys."""


@site.command(epilog="Example: winnow site add blog https://blog.example")
@click.argument("name")
@click.argument("url")
@json_option
@click.pass_context
def add(ctx: click.Context, name: str, url: str, as_json: bool) -> None:
    """Register a website and make its first API key, which is shown this once."""
    with opened(ctx) as services:
        added, key = services.sites.add(name, url)
    if as_json:
        print_json({"site": added.name, "url": added.url, "key": key})
        return
    click.echo(f"Site {added.name} ({added.url}) is there. Its API key, shown this once:\n\n    {key}\n")


@site.command("list", epilog="Example: winnow site list --json")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List the sites, how many comments wait, and how their webhooks fare."""
    with opened(ctx) as services:
        rows = [_summary(services, services.sites.read(name)) for name in services.sites.names()]
    if as_json:
        print_json({"sites": rows})
        return
    if not rows:
        click.echo("There is no site yet. Example: winnow site add blog https://blog.example")
    for row in rows:
        click.echo(f"{row['site']}  {row['url']}  pending: {row['pending']}  keys: {', '.join(row['keys']) or 'none'}")
        click.echo(f"    webhook: {_webhook_words(row['webhook'])}")


def _summary(services: Services, one: Site) -> dict[str, Any]:

    webhook = {
        "url": one.policy.webhook_url,
        "disabled": one.webhook_disabled,
        "waiting": services.outbox.backlog(one.name).waiting,
    }
    keys = [key.id for key in one.keys]
    pending = services.queue.count(one.name)
    return {"site": one.name, "url": one.url, "keys": keys, "pending": pending, "webhook": webhook}


def _webhook_words(webhook: dict[str, Any]) -> str:
    if webhook["url"] is None:
        return "none"
    state = f"disabled: {webhook['disabled']}" if webhook["disabled"] else "enabled."
    waiting = f" {webhook['waiting']} messages wait." if webhook["waiting"] else ""
    return f"{printable(webhook['url'])}, {state}{waiting}"


@site.command(epilog="Example: winnow site show blog --json")
@click.argument("name")
@json_option
@click.pass_context
def show(ctx: click.Context, name: str, as_json: bool) -> None:
    """Show a site's policy, with the thresholds in force."""
    from moderation.core.site import policy_document

    with opened(ctx) as services:
        document = policy_document(services.sites.read(name).policy, services.judge.thresholds())
    _print_policy(document, as_json)


@site.command(
    "set",
    epilog="Example: winnow site set blog thresholds.spam.review=0.4 rate_limit=off block.words=casino,pills "
    "webhook_url=https://blog.example/hook",
)
@click.argument("name")
@click.argument("assignments", nargs=-1, required=True, metavar="FIELD=VALUE...")
@json_option
@click.pass_context
def set_(ctx: click.Context, name: str, assignments: tuple[str, ...], as_json: bool) -> None:
    """Change a site's policy; what is not named stays as it is.

    Lists are written with commas, or as JSON. A threshold of `never` turns it off; `thresholds.spam=null` goes back to
    the model's own; `webhook_url=null` takes the webhook away.
    """
    from moderation.cli.assignments import parse_assignments
    from moderation.core.site import policy_document
    from moderation.webhooks.transport import parse_target

    with opened(ctx) as services:
        change = parse_assignments(assignments)
        if change.get("webhook_url"):
            parse_target(change["webhook_url"])
        changed = services.sites.change_policy(name, change)
        document = policy_document(changed.policy, services.judge.thresholds())
    _print_policy(document, as_json)


def _print_policy(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    for field, value in _flat(document):
        click.echo(f"{field} = {value}")


def _flat(document: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Yield each field of a policy as the command line writes it."""
    import json

    for name, value in document.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"{prefix}{name}", printable(text, limit=None)


@site.group()
def key() -> None:
    """Add, list and revoke the API keys of a site."""


@key.command("add", epilog="Example: winnow site key add blog")
@click.argument("name")
@json_option
@click.pass_context
def add_key(ctx: click.Context, name: str, as_json: bool) -> None:
    """Make one more API key, which is shown this once."""
    with opened(ctx) as services:
        changed, secret = services.sites.add_key(name)
    if as_json:
        print_json({"site": name, "id": changed.keys[-1].id, "key": secret})
        return
    click.echo(f"Key {changed.keys[-1].id} of site {name}, shown this once:\n\n    {secret}\n")


@key.command("list", epilog="Example: winnow site key list blog")
@click.argument("name")
@json_option
@click.pass_context
def list_keys(ctx: click.Context, name: str, as_json: bool) -> None:
    """Name the keys of a site; what they are is not known to anybody."""
    with opened(ctx) as services:
        found = services.sites.read(name)
    rows = [{"id": one.id, "created_at": one.created_at.isoformat(timespec="seconds")} for one in found.keys]
    if as_json:
        print_json({"site": name, "keys": rows})
        return
    for row in rows:
        click.echo(f"{row['id']}  made {row['created_at']}")


@key.command(epilog="Example: winnow site key revoke blog key1")
@click.argument("name")
@click.argument("key_id", metavar="ID")
@json_option
@click.pass_context
def revoke(ctx: click.Context, name: str, key_id: str, as_json: bool) -> None:
    """Take a key back; the next request with it is refused."""
    with opened(ctx) as services:
        changed = services.sites.revoke_key(name, key_id)
    if as_json:
        print_json({"site": name, "revoked": key_id, "keys": [one.id for one in changed.keys]})
        return
    click.echo(f"Key {key_id} is revoked. Site {name} has {len(changed.keys)} left.")


@site.command("webhook-test", epilog="Example: winnow site webhook-test blog")
@click.argument("name")
@json_option
@click.pass_context
def webhook_test(ctx: click.Context, name: str, as_json: bool) -> None:
    """Send a signed test event to the site's webhook and show what it answered.

    The event's type is `winnow.test`. It takes the same way as all others, the guard against private addresses
    included, but it is sent once.
    """
    with opened(ctx) as services:
        url = _webhook_url(services, name)
        answer = _sent_test(services, name, url)
    body = printable(answer.body.decode("utf-8", "replace"))
    if as_json:
        seconds = round(answer.seconds, 3)
        document = {"site": name, "url": url, "status": answer.status, "seconds": seconds, "body": body}
        print_json({**document, "delivered": answer.is_success})
    else:
        click.echo(f"{answer.status} after {answer.seconds:.3f} s" + (f": {body}" if body else ""))
    if not answer.is_success:
        fail(f"The endpoint answered {answer.status}; only 2xx counts as delivered.")


def _webhook_url(services: Services, name: str) -> str:
    url = services.sites.read(name).policy.webhook_url
    if url is None:
        fail(f"Site {name} has no webhook. Example: winnow site set {name} webhook_url=https://…", ASKED_WRONGLY)
    return url


def _sent_test(services: Services, name: str, url: str) -> Answer:
    from ulid import ULID

    from moderation.webhooks.courier import Courier
    from moderation.webhooks.transport import Transport

    transport = Transport(allow=services.settings.webhook_allow_networks)
    courier = Courier(services.sites, services.outbox, transport, now=services.now)
    return courier.send_test(services.sites.read(name), url, message_id=f"msg_{ULID()}")


@site.command("webhook-secret", epilog="Example: winnow site webhook-secret blog --rotate")
@click.argument("name")
@click.option("--rotate", is_flag=True, help="Make a new one; the old one signs alongside until the next rotation.")
@json_option
@click.pass_context
def webhook_secret(ctx: click.Context, name: str, rotate: bool, as_json: bool) -> None:
    """Show the secret with which the site's webhooks are signed."""
    with opened(ctx) as services:
        found = services.sites.rotate_webhook_secret(name) if rotate else services.sites.read(name)
        newest, *older = services.sites.webhook_secrets(found)
    if as_json:
        print_json({"site": name, "secret": newest, "previous": older[0] if older else None})
        return
    click.echo(newest)
    if older and sys.stderr.isatty():
        click.echo("The previous secret signs alongside until the next rotation.", err=True)


@site.command("webhook-enable", epilog="Example: winnow site webhook-enable blog")
@click.argument("name")
@json_option
@click.pass_context
def webhook_enable(ctx: click.Context, name: str, as_json: bool) -> None:
    """Let deliveries go on after they were disabled; what waited goes out at once."""

    with opened(ctx) as services:
        _webhook_url(services, name)
        services.sites.set_webhook_disabled(name, None)
        outbox = services.outbox
        outbox.resume(name)
        waiting = outbox.backlog(name).waiting
    if as_json:
        print_json({"site": name, "waiting": waiting})
        return
    click.echo(f"The webhook of site {name} is enabled; {waiting} messages wait for the worker.")


site.add_command(coral_secret)


def printable(text: str, *, limit: int | None = SHOWN_CHARACTERS) -> str:
    """Return text from elsewhere without what could steer a terminal."""
    shown = "".join(character if character.isprintable() else " " for character in text[:limit]).strip()
    return shown if limit is None or len(text) <= limit else shown + " …"
