"""``winnow comments``: taking comments out, bringing them in, and forgetting them.

Refuses addresses as arguments: other users of the machine could read them.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from moderation.cli import describe_faults
from moderation.cli.common import fail, json_option, opened, print_json

if TYPE_CHECKING:
    from moderation.core.site import Site
    from moderation.service.importing import Imported
    from moderation.service.services import Services

ASKED_WRONGLY = 2
BATCH = 200
EMAIL_LINE = 1_000  # Characters read from standard input; the longest address has 254.
COMPLAINTS_SHOWN = 100
T = TypeVar("T")


@click.group()
def comments() -> None:
    """Export, import, erase and purge comments."""


@comments.command(epilog="Example: winnow comments export blog --output blog.jsonl")
@click.argument("name", metavar="SITE")
@click.option("--output", default="-", metavar="FILE", help="Where to; - is standard output.", show_default=True)
@click.option("--labels", is_flag=True, help="The training labels instead, as winnow model train --labels reads them.")
@json_option
@click.pass_context
def export(ctx: click.Context, *, name: str, output: str, labels: bool, as_json: bool) -> None:
    """Write all comments of a site as JSON Lines, one a line; no row holds an address.

    A file comes into being whole or not at all, and only its owner can read it.
    """
    if as_json and output == "-":
        raise click.UsageError("--json prints counts on standard output; name a file with --output.")
    with opened(ctx) as services, _writer(output) as file:
        site = services.sites.read(name)
        rows, total = _label_rows(services, site) if labels else _comment_rows(services, site)
        count = _write_rows(file, tracked(rows, total, "Exporting"))
    if as_json:
        print_json({"site": name, "file": output, "labels" if labels else "comments": count})
    elif output != "-":
        click.echo(f"Wrote {count} {'labels' if labels else 'comments'} to {output}.")


def _comment_rows(services: Services, site: Site) -> tuple[Iterator[dict[str, Any]], int]:
    from moderation.cli.rows import export_row

    return services.privacy.export(site, export_row), sum(services.archive.statuses(site.name).values())


def _label_rows(services: Services, site: Site) -> tuple[Iterator[Any], None]:
    return iter(services.privacy.labels(site)), None


def _write_rows(file: IO[bytes], rows: Iterable[Any]) -> int:
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007  It is what the function returns.
        file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":"), default=str).encode() + b"\n")
    return count


@contextmanager
def _writer(output: str) -> Iterator[IO[bytes]]:
    """Yield where the rows go; a file takes its name when everything is in it."""
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    temporary = Path(f"{output}.{os.getpid()}.part")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as raw, _packed(raw, output) as file:
            yield file
        temporary.replace(output)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _packed(raw: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    if not name.endswith(".gz"):
        yield raw
        return
    with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as file:
        yield file  # type: ignore[misc]  # GzipFile is a binary file in all but name.


@comments.command("import", epilog="Example: winnow comments import blog old-comments.jsonl")
@click.argument("name", metavar="SITE")
@click.argument("file", metavar="FILE")
@json_option
@click.pass_context
def import_(ctx: click.Context, *, name: str, file: str, as_json: bool) -> None:
    """Bring in comments from JSON Lines, plain or gzip; - is standard input.

    Rows are as exported, or look like submissions to the API, with `status`, `created_at` and `decision` on top; an
    `author_email` becomes a pseudonym. What is there already stays as it is, so importing twice is harmless. Persons
    that were erased stay erased. Websites are not told. A row that is wrong is named and left out.
    """
    counts: Counter[str] = Counter(imported=0, present=0, erased=0, refused=0)
    with opened(ctx) as services, _reader(file) as lines:
        _import_rows(services, services.sites.read(name), _numbered(lines), counts, shown=file)
    if as_json:
        print_json({"site": name, **counts})
    else:
        click.echo(
            f"{counts['imported']} imported, {counts['present']} were there already, {counts['erased']} left out "
            f"because their authors were erased, {counts['refused']} refused."
        )
    if counts["refused"]:
        fail(f"{counts['refused']} rows were refused; the others are in.", ASKED_WRONGLY)


def _import_rows(
    services: Services, site: Site, lines: Iterable[tuple[int, bytes]], counts: Counter[str], *, shown: str
) -> None:
    from moderation.cli.rows import parse_row
    from moderation.core.errors import InvalidInput
    from moderation.service.importing import Importer

    importer = Importer(services.comments, services.archive, now=services.now)
    batch: list[Imported] = []
    for number, line in tracked(lines, None, "Importing"):
        try:
            batch.append(parse_row(line, site=site, services=services))
        except InvalidInput as error:
            counts["refused"] += 1
            _complain(f"{shown}:{number}: {describe_faults(error)}", counts["refused"])
        if len(batch) == BATCH:
            counts.update(fate.value for fate in importer.store(site, batch))
            batch = []
    counts.update(fate.value for fate in importer.store(site, batch))


def _complain(sentence: str, count: int) -> None:
    if count <= COMPLAINTS_SHOWN:
        click.echo(sentence, err=True)
    elif count == COMPLAINTS_SHOWN + 1:
        click.echo("… and more; only the first hundred are shown.", err=True)


@contextmanager
def _reader(name: str) -> Iterator[IO[bytes]]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(name).open("rb") as raw:
            is_packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            yield gzip.GzipFile(fileobj=raw) if is_packed else raw  # type: ignore[misc]  # As above.
    except (gzip.BadGzipFile, EOFError):
        fail(f"{name} is not a complete gzip file; the rows before the damage are in.", ASKED_WRONGLY)
    except OSError as error:
        fail(f"{name} cannot be read: {error.strerror or type(error).__name__}.", ASKED_WRONGLY)


def _numbered(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that hold something, each with its number; one that is too long comes cut, once."""
    from moderation.cli.rows import ROW_LIMIT_BYTES

    number, is_rest = 0, False
    while line := file.readline(ROW_LIMIT_BYTES + 2):
        number += not is_rest
        if not is_rest and line.strip():
            yield number, line
        is_rest = not line.endswith(b"\n")


@comments.command(epilog="Example: winnow comments erase blog --email-stdin < address.txt")
@click.argument("name", metavar="SITE")
@click.option("--email-stdin", "from_stdin", is_flag=True, help="Read the address from standard input, without asking.")
@json_option
@click.pass_context
def erase(ctx: click.Context, *, name: str, from_stdin: bool, as_json: bool) -> None:
    """Forget a person: comments, labels and history, under every active key."""
    from moderation.web.parsing import author_ids

    address = _read_address(from_stdin)
    with opened(ctx) as services:
        site = services.sites.read(name)
        erased = services.privacy.erase(site, author_ids(address, site=site, keyring=services.keyring), who="cli")
    if as_json:
        print_json({"site": name, "comments": erased.comments, "labels": erased.labels, "authors": erased.authors})
        return
    if not erased.authors and not erased.comments:
        click.echo("Nothing of that person was there; later imports will leave it out.")
        return
    click.echo(f"Erased {erased.comments} comments and {erased.labels} labels.")


def _read_address(from_stdin: bool) -> str:
    if not from_stdin:
        found: str = click.prompt("E-mail address", hide_input=True)
        return found.strip()
    line = sys.stdin.readline(EMAIL_LINE).strip()
    if not line:
        raise click.UsageError("No address came on standard input.")
    return line


@comments.command(epilog="Example: winnow comments purge blog")
@click.argument("name", metavar="SITE")
@json_option
@click.pass_context
def purge(ctx: click.Context, *, name: str, as_json: bool) -> None:
    """Do now what the worker does each hour: take the text from comments that were rejected long enough ago."""
    with opened(ctx) as services:
        site = services.sites.read(name)
        purged = sum(tracked(_purged(services, site), None, "Purging"))
        services.privacy.trim(site)
    if as_json:
        print_json({"site": name, "purged": purged, "after_days": site.policy.rejected_days})
        return
    click.echo(f"{purged} comments rejected more than {site.policy.rejected_days} days ago have lost their text.")


def _purged(services: Services, site: Site) -> Iterator[int]:
    """Yield how many comments lost their text, slice by slice."""
    while count := services.privacy.purge_text(site):
        yield count


def tracked(items: Iterable[T], total: int | None, title: str) -> Iterator[T]:
    """Yield the items, with a progress bar on standard error if that is a terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, title, total=total, console=Console(stderr=True), transient=True)
