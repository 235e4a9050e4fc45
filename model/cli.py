"""``winnow model …``: train, measure and promote classifiers.

Owns the options and what is printed. Errors are one sentence and exit code 2; nothing is trained, measured or promoted
here, and the heavy imports wait until a command runs.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from model.artifact import BASE_DIRECTORY, ModelRefused
from model.dataset import DatasetError
from model.recipe import RecipeError

BLOCK_ROWS: Final = 1000
Command = TypeVar("Command", bound=Callable[..., Any])


class BadInput(click.ClickException):
    """What was asked for cannot be done with these files."""

    exit_code = 2


class Sentences(click.Group):
    """A group whose commands turn what is wrong with a file into one sentence and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        from model.evaluate import EvaluationError
        from model.leave_one_out import LeaveOneOutError
        from model.report import ReportError
        from model.train import TrainingError

        own = (TrainingError, EvaluationError, LeaveOneOutError, ReportError)
        try:
            return super().invoke(ctx)
        except (DatasetError, RecipeError, ModelRefused, *own) as error:
            raise BadInput(str(error)) from error
        except OSError as error:
            raise click.ClickException(f"{error.filename or 'A file'}: {error.strerror or error}.") from error


@click.group(cls=Sentences, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Train, evaluate and promote classifiers.

    Example: winnow model inspect
    """


def _json(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document for machines.")(command)


def _data_dir(command: Command) -> Command:
    return click.option(
        "--data-dir", type=click.Path(path_type=Path, file_okay=False), envvar="WINNOW_DATA_DIR", default=".winnow",
        show_default=True, help="The service's data directory; its models are in models/ below it.",
    )(command)  # fmt: skip


def _model_option(command: Command) -> Command:
    return click.option(
        "--model", "directory", type=click.Path(path_type=Path), default=None,
        help="A model directory; the one in use unless given.",
    )(command)  # fmt: skip


def _print(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True))


def _chosen(directory: Path | None, data_dir: Path) -> Path:
    from model.registry import current_directory

    return directory or current_directory(data_dir / "models")


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal, and nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda count: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn("{task.completed:,}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task(title, total=None)
        yield lambda count: progress.advance(task, count)


@contextmanager
def _stages() -> Iterator[Callable[[str, int], None]]:
    """Show the stages of a training on a terminal, each with a bar, and nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda stage, done: None
        return
    with Progress(console=console) as progress:
        tasks: dict[str, Any] = {}

        def show(stage: str, percent: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=100)
            progress.update(tasks[stage], completed=percent)

        yield show


@cli.command()
@click.option("--recipe", type=click.Path(path_type=Path, dir_okay=False), help="A TOML recipe.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where the recipe's files are.")
@click.option("--labels", type=click.Path(path_type=Path, dir_okay=False), help="A site's own labels, JSON Lines.")
@click.option("--from", "base", type=click.Path(path_type=Path), help="With --labels: the model to start from.")
@click.option("--name", help="With --labels: the version of the new model; made from the labels unless given.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), required=True, help="The new model.")
@_json
def train(recipe: Path | None, labels: Path | None, output: Path, as_json: bool, **given: Any) -> None:
    """Train a model from a recipe, or from a site's labels on top of a model.

    \b
    Examples:
      winnow model train --recipe model/recipes/base.toml --data data --output new-model
      winnow model train --labels labels.jsonl --output our-model
    """
    if (recipe is None) == (labels is None):
        raise click.UsageError("Give either --recipe with --data, or --labels.")
    if recipe is not None and given["data"] is None:
        raise click.UsageError("--recipe needs --data, the directory of the recipe's files.")
    if recipe is not None and (given["base"] or given["name"]):
        raise click.UsageError("--from and --name belong to --labels; a recipe names its version itself.")
    with _stages() as show:
        if recipe is not None:
            manifest = _train_recipe(recipe, given["data"], output, show)
        else:
            manifest = _train_labels(labels, given["base"], given["name"], output, show)
    if as_json:
        _print({"version": manifest["version"], "directory": str(output), "thresholds": manifest["thresholds"],
                "metrics": manifest["metrics"]})  # fmt: skip
        return
    click.echo(f"Trained {manifest['version']} into {output}.")


def _train_recipe(recipe: Path, data: Path, output: Path, show: Callable[[str, int], None]) -> Mapping[str, Any]:
    from model.recipe import read_recipe
    from model.train import train as train_recipe

    return train_recipe(read_recipe(recipe), data, output, show)


def _train_labels(
    labels: Path | None, base: Path | None, name: str | None, output: Path, show: Callable[[str, int], None]
) -> Mapping[str, Any]:
    from model.local import train_local, version_of_labels

    if labels is None:
        raise click.UsageError("--labels is missing.")
    return train_local(labels, base or BASE_DIRECTORY, output, version=name or version_of_labels(labels), report=show)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Where rows go.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="Processes to score with.")
@click.option("--dask", "scheduler", metavar="ADDRESS", help="Score on all of this Dask cluster.")
@_model_option
@_data_dir
@_json
def score(file: Path, output: Path, directory: Path | None, data_dir: Path, as_json: bool, **spread: Any) -> None:
    """Score the rows of FILE (JSON Lines, plain or gzip) and write each with its scores.

    \b
    Example:
      winnow model score comments.jsonl.gz --output scored.jsonl
    """
    from model.artifact import load_model

    chosen = _chosen(directory, data_dir)
    model = load_model(chosen)
    with _bar(f"Scoring {file.name}") as advance:
        rows = _score(model, chosen, (file, output, advance), **spread)
    if as_json:
        _print({"rows": rows, "model": model.version, "output": str(output)})
        return
    click.echo(f"Scored {rows:,} rows with {model.version} into {output}.")


def _score(model: Any, directory: Path, places: Any, *, jobs: int, scheduler: str | None) -> int:
    from model.scorefile import score_file

    if jobs == 1 and scheduler is None:
        return score_file(model, *places)
    from model.spread import ClusterAway, on_dask, score_file_spread

    try:
        with on_dask(scheduler):
            return score_file_spread(model, directory, *places, jobs=-1 if scheduler else jobs)
    except ClusterAway as error:
        raise BadInput(str(error)) from error


@cli.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@_model_option
@click.option("--baseline", type=click.Path(path_type=Path), help="Another model to compare with.")
@click.option("--report", "report_dir", type=click.Path(path_type=Path, file_okay=False), help="Write an HTML page.")
@click.option(
    "--leave-one-out", "recipe", type=click.Path(path_type=Path, dir_okay=False),
    help="Instead of FILES: leave each source of this recipe out in turn; needs --data.",
)  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where the recipe's files are.")
@_data_dir
@_json
def evaluate(*, report_dir: Path | None, as_json: bool, **asked: Any) -> None:
    """Measure a model on labelled FILES, beside a baseline and the model in use.

    \b
    Examples:
      winnow model evaluate labels.jsonl --report report
      winnow model evaluate --leave-one-out recipe.toml --data data
    """
    from model.evaluate import to_json
    from model.report import write

    if (asked["recipe"] is None) == (not asked["files"]):
        raise click.UsageError("Give either FILES, or --leave-one-out with --data.")
    found = _on_files(**asked) if asked["recipe"] is None else _left_out(**asked)
    page = write(found, report_dir) if report_dir else None
    if as_json:
        _print(to_json(found))
        return
    _print_tables(found)
    if page:
        click.echo(f"Wrote {page}.")


def _on_files(
    *, files: tuple[Path, ...], directory: Path | None, baseline: Path | None, data_dir: Path, **_: object
) -> Any:
    from model.artifact import load_model
    from model.evaluate import evaluate as measure

    current = _chosen(None, data_dir)
    chosen = directory or current
    with _bar("Measuring") as advance:
        return measure(
            files, load_model(chosen), advance=advance, baseline=load_model(baseline) if baseline else None,
            in_use=load_model(current) if chosen.resolve() != current.resolve() else None,
        )  # fmt: skip


def _left_out(*, recipe: Path, data: Path | None, directory: Path | None, baseline: Path | None, **_: object) -> Any:
    from model.leave_one_out import leave_one_out
    from model.recipe import read_recipe

    if data is None:
        raise click.UsageError("--leave-one-out needs --data, the directory of the recipe's files.")
    if directory or baseline:
        raise click.UsageError("--leave-one-out trains models of its own; --model and --baseline belong to FILES.")
    with _stages() as show:
        return leave_one_out(read_recipe(recipe), data, show)


def _print_tables(found: Any) -> None:
    from rich.console import Console

    from model.summary import tables

    console = Console(width=None if os.isatty(1) else 140)
    for table in tables(found):
        console.print(table)


@cli.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@_data_dir
@_json
def inspect(directory: Path | None, data_dir: Path, as_json: bool) -> None:
    """Check a model and say what it is; the model in use unless DIRECTORY is given.

    \b
    Example:
      winnow model inspect --json
    """
    from model.artifact import load_model, read_manifest

    chosen = _chosen(directory, data_dir)
    load_model(chosen)
    manifest = read_manifest(chosen)
    if as_json:
        _print({"directory": str(chosen), **manifest})
        return
    click.echo(f"{manifest['version']} in {chosen}")
    for label, pair in manifest["thresholds"].items():
        reject = "never rejects" if pair["reject"] is None else f"rejects at {pair['reject']:.3f}"
        found = manifest["metrics"].get(label, {}).get("auc")
        measured = f", AUC {found:.3f} on rows its fit had not seen" if found else ""
        click.echo(f"  {label}: review at {pair['review']:.3f}, {reject}{measured}")


@cli.command("list")
@_data_dir
@_json
def list_command(data_dir: Path, as_json: bool) -> None:
    """List the models a service knows; the one in use is marked.

    \b
    Example:
      winnow model list --data-dir .winnow
    """
    from model.registry import list_models

    entries = list_models(data_dir / "models")
    if as_json:
        _print([{"version": e.version, "directory": str(e.directory), "current": e.is_current} for e in entries])
        return
    for entry in entries:
        click.echo(f"{'*' if entry.is_current else ' '} {entry.version}  {entry.directory}")


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path))
@_data_dir
@_json
def promote(directory: Path, data_dir: Path, as_json: bool) -> None:
    """Put the model in DIRECTORY, or a version the service knows, into use; a running service takes it up at once.

    \b
    Example:
      winnow model promote our-model
    """
    from model import registry

    models = data_dir / "models"
    known = models / directory.name
    chosen = known if not directory.exists() and known.is_dir() else directory
    _say_in_use(registry.promote(chosen, models), as_json)


@cli.command()
@_data_dir
@_json
def rollback(data_dir: Path, as_json: bool) -> None:
    """Go back to the model that was in use before.

    \b
    Example:
      winnow model rollback
    """
    from model import registry

    _say_in_use(registry.rollback(data_dir / "models"), as_json)


def _say_in_use(version: str, as_json: bool) -> None:
    if as_json:
        _print({"current": version})
        return
    click.echo(f"{version} is in use now.")


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", required=False, type=click.Path(path_type=Path))
@_data_dir
@_json
def compare(file: Path, first: Path, second: Path | None, data_dir: Path, as_json: bool) -> None:
    """Say on which rows of FILE two models would act differently; SECOND is the model in use unless given.

    \b
    Example:
      winnow model compare comments.jsonl our-model
    """
    from model.artifact import load_model
    from model.scorefile import compare_models

    models = load_model(first), load_model(_chosen(second, data_dir))
    with _bar(f"Comparing on {file.name}") as advance:
        found = compare_models(models, file, advance)
    if as_json:
        _print(found)
        return
    click.echo(f"{found['rows']:,} rows: {found['first']} against {found['second']}")
    for label, part in found["labels"].items():
        click.echo(f"  {label}: {part['different']:,} rows get another action, mean change {part['mean_change']:+.4f}")
        for change, count in part["changes"].items():
            click.echo(f"    {change}: {count:,}")
