"""Recipes: what a model is trained from, in TOML.

Owns the format and its sentences: every mistake is reported with the key it is in. It reads no data.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from model.dataset import LABELS
from model.hashing import GROUP_NAMES

RECIPE_MAX_BYTES: Final = 256 * 1024
MULTIPLIERS: Final[Mapping[str, float]] = {
    **dict.fromkeys(GROUP_NAMES, 1.0), "shape": 0.7, "links": 0.5, "author": 0.5,
}  # fmt: skip
"""Chosen by cross-validation within the five TubeSpam videos; the base's recipe has its own."""


class RecipeError(Exception):
    """A recipe cannot be used; the sentence names the key."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """One set of a recipe.

    Attributes:
        name: For the model card, and the fold unless ``fold`` is given.
        file: Below the data directory; ``*`` and ``?`` may be used.
        labels: Which labels count: 0 or 1 declares one for every row; names say which of the row's own labels are
            asked, and one that is 1 is enough.
        weight: How much a row counts; 0 leaves the set out of fitting but still measures on it.
        licence: For the model card.
        fold: Sets of one fold are left out together when scores for unseen sources are needed.
        calibrates: Labels whose probabilities are calibrated on this set.
        solves: Whether its ham takes part in solving the thresholds; sets that are no comments should not.
        severe: The row's label that the derived score of severe toxicity is calibrated on, or empty.
        exclude: Rows whose id matches one of these patterns (``*`` and ``?``) are left out.
    """

    name: str
    file: str
    labels: Mapping[str, int | tuple[str, ...]]
    weight: float = 1.0
    licence: str = "not stated"
    fold: str = ""
    calibrates: tuple[str, ...] = ()
    solves: bool = True
    exclude: tuple[str, ...] = ()
    severe: str = ""


def own_labels(names: Iterable[str] = LABELS) -> dict[str, int | tuple[str, ...]]:
    """Return the ``labels`` of a set whose rows say themselves what they are."""
    return {name: (name,) for name in names}


@dataclass(frozen=True, slots=True)
class Promises:
    """What the thresholds of spam and toxicity have to keep on ham of sources the model has not seen.

    Attributes:
        ham_rejected: Largest share of ham rejected; its upper 95 % confidence bound has to stay below.
        link_ham_rejected: The same for ham with a link.
        ham_held: Largest share of ham at or above the review threshold.
        toxic_held: Largest share of comments that toxicity sends to review.
        spam_rate: Share of spam that probabilities are calibrated for.
        severe_rate: Share of severely toxic comments that the derived score is calibrated for.
    """

    ham_rejected: float = 0.005
    link_ham_rejected: float = 0.02
    ham_held: float = 0.05
    toxic_held: float = 0.02
    spam_rate: float = 0.2
    severe_rate: float = 0.01


@dataclass(frozen=True, slots=True)
class Grammar:
    """How much of the written grammar takes part: rows, and the weight of each; 0 rows leave it out."""

    rows: int = 0
    weight: float = 0.3


@dataclass(frozen=True, slots=True)
class Training:
    """How a model is fitted; every field has a default that suits small sets.

    Attributes:
        cost: Inverse regularisation of each label (C of logistic regression).
        epochs: Passes of the solver over the rows.
        multipliers: Of each feature group; 0 switches a group off.
        disguised: Share of rows, of spam and ham alike, that are rewritten with disguises.
        text_limit: Code points read of a text in training.
        balance: Whether both classes of a label get equal weight.
        language_spam: Largest share of spam among the rows of each language, by weight; 1 leaves it as it is.
        grammar: See `Grammar`.
        promises: See `Promises`.
    """

    cost: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(LABELS, 200.0))
    epochs: int = 12
    multipliers: Mapping[str, float] = field(default_factory=lambda: dict(MULTIPLIERS))
    disguised: float = 0.0
    text_limit: int = 4000
    balance: bool = False
    language_spam: float = 1.0
    grammar: Grammar = Grammar()
    promises: Promises = Promises()


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a model is trained from."""

    version: str
    datasets: tuple[DataSet, ...]
    training: Training = Training()
    seed: int = 1


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        RecipeError: The file cannot be read, is not TOML, or a key is unknown, missing or out of range.
    """
    try:
        if path.stat().st_size > RECIPE_MAX_BYTES:
            raise RecipeError(f"{path} is larger than {RECIPE_MAX_BYTES:,} bytes.")
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not TOML: {error}.") from error
    _check_keys(table, {"version", "seed", "datasets", "training"}, "the recipe")
    datasets = table.get("datasets")
    if not isinstance(datasets, list) or not datasets:
        raise RecipeError("The recipe has no [[datasets]].")
    return Recipe(
        version=_typed(table, "version", str, "the recipe"),
        seed=_typed(table, "seed", int, "the recipe", default=1),
        datasets=tuple(_dataset(entry, f"datasets {index}") for index, entry in enumerate(datasets, 1)),
        training=_training(table.get("training", {})),
    )


def _check_keys(table: Any, known: set[str], where: str) -> None:
    if not isinstance(table, dict):
        raise RecipeError(f"{where} must be a table.")
    unknown = sorted(set(table) - known)
    if unknown:
        raise RecipeError(f"{where} has unknown keys: {', '.join(unknown)}. Known are {', '.join(sorted(known))}.")


def _typed(table: Mapping[str, Any], key: str, kind: type, where: str, default: Any = None) -> Any:
    value = table.get(key, default)
    if value is None:
        raise RecipeError(f"{where} lacks {key}.")
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise RecipeError(f"{key} in {where} must be a {kind.__name__}.")
    return value


def _dataset(entry: Any, where: str) -> DataSet:
    _check_keys(entry, {item.name for item in fields(DataSet)}, where)
    name = _typed(entry, "name", str, where)
    file = _typed(entry, "file", str, where)
    if Path(file).is_absolute() or ".." in Path(file).parts:
        raise RecipeError(f"file in {where} must lie below the data directory.")
    weight = _typed(entry, "weight", float, where, default=1.0)
    if not 0.0 <= weight <= 1000.0:
        raise RecipeError(f"weight in {where} must lie between 0 and 1000.")
    return DataSet(
        name=name, file=file, labels=_labels(entry.get("labels"), where), weight=weight,
        licence=_typed(entry, "licence", str, where, default="not stated"),
        fold=_typed(entry, "fold", str, where, default=name),
        solves=_typed(entry, "solves", bool, where, default=True),
        calibrates=_calibrates(entry.get("calibrates", []), where),
        exclude=_patterns(entry.get("exclude", []), where),
        severe=_typed(entry, "severe", str, where, default=""),
    )  # fmt: skip


def _labels(value: Any, where: str) -> dict[str, int | tuple[str, ...]]:
    if isinstance(value, list):
        value = dict.fromkeys(value, "row")
    if not isinstance(value, dict) or not value or not set(value) <= set(LABELS):
        raise RecipeError(f'labels in {where} must be a list such as ["spam"] or a table such as {{spam = 0}}.')
    return {name: _declared(name, given, where) for name, given in value.items()}


def _declared(name: str, given: Any, where: str) -> int | tuple[str, ...]:
    if given == "row":
        return (name,)
    if isinstance(given, list) and given and all(isinstance(each, str) for each in given):
        return tuple(given)
    if isinstance(given, bool) or given not in (0, 1):
        raise RecipeError(f'labels in {where} are 0, 1, "row" for the row\'s own label, or a list of its labels.')
    return int(given)


def _calibrates(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not set(value) <= set(LABELS):
        raise RecipeError(f"calibrates in {where} must be a list of labels.")
    return tuple(value)


def _patterns(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise RecipeError(f'exclude in {where} must be a list of patterns of ids such as ["made-*"].')
    return tuple(value)


def _training(table: Any) -> Training:
    where = "[training]"
    _check_keys(table, {item.name for item in fields(Training)}, where)
    start = Training()
    epochs = _typed(table, "epochs", int, where, default=start.epochs)
    text_limit = _typed(table, "text_limit", int, where, default=start.text_limit)
    disguised = _typed(table, "disguised", float, where, default=start.disguised)
    language_spam = _typed(table, "language_spam", float, where, default=start.language_spam)
    if not 0.0 < language_spam <= 1.0:
        raise RecipeError(f"language_spam in {where} must lie above 0 and not above 1.")
    if not (1 <= epochs <= 1000 and text_limit >= 1 and 0.0 <= disguised <= 1.0):
        raise RecipeError("[training] needs 1 to 1000 epochs, a text_limit above 0 and disguised between 0 and 1.")
    return Training(
        cost=_numbers(table.get("cost", {}), start.cost, f"cost in {where}"),
        epochs=epochs,
        multipliers=_numbers(table.get("multipliers", {}), start.multipliers, f"multipliers in {where}"),
        disguised=disguised,
        text_limit=text_limit,
        balance=_typed(table, "balance", bool, where, default=start.balance),
        language_spam=language_spam,
        grammar=Grammar(**_part(table.get("grammar", {}), start.grammar, f"grammar in {where}")),
        promises=Promises(**_part(table.get("promises", {}), start.promises, f"promises in {where}")),
    )


def _numbers(value: Any, start: Mapping[str, float], where: str) -> dict[str, float]:
    _check_keys(value, set(start), where)
    numbers = {**start, **{key: _typed(value, key, float, where) for key in value}}
    if any(not 0.0 <= number <= 1e6 for number in numbers.values()):
        raise RecipeError(f"{where} must not be negative.")
    return numbers


def _part(value: Any, start: Grammar | Promises, where: str) -> dict[str, Any]:
    known = {item.name: getattr(start, item.name) for item in fields(start)}
    _check_keys(value, set(known), where)
    part = {key: _typed(value, key, type(default), where, default) for key, default in known.items()}
    if any(number < 0 for number in part.values()):
        raise RecipeError(f"{where} must not be negative.")
    return part
