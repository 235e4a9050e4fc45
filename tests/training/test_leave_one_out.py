"""Leaving one source out judges each source by what the others teach."""

import json

import pytest
from click.testing import CliRunner

from model.cli import cli
from model.grammar import write_rows
from model.leave_one_out import LeaveOneOutError, leave_one_out
from model.recipe import DataSet, Recipe, Training
from tests.training.conftest import write_jsonl

SETS = ("one", "two", "three", "four", "odd")


def recipe(names):
    parts = tuple(DataSet(name, f"{name}.jsonl", {"spam": ("spam",)}, fold=name) for name in names)
    return Recipe("left-out-1", parts, Training(epochs=4))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    for seed, name in enumerate(SETS):
        rows = list(write_rows(seed + 50, 200))
        if name == "odd":
            # The labels of this set are the wrong way round, so only a fit that has not seen it fails on it.
            rows = [{**row, "labels": {"spam": 1 - row["labels"]["spam"]}} for row in rows]
        write_jsonl(folder / f"{name}.jsonl", rows)
    return folder


@pytest.fixture(scope="module")
def found(data):
    return leave_one_out(recipe(SETS), data).model.labels["spam"]


def test_a_source_does_not_help_to_judge_itself(found):
    areas = {part.name: part.auc.value for part in found.sources}

    assert areas["odd"] < 0.3
    assert min(areas[name] for name in SETS if name != "odd") > 0.75


def test_outcomes_add_up_over_sources(found):
    assert found.outcome.ham_rejected.of == 500
    assert found.outcome.published.count == sum(part.outcome.published.count for part in found.sources)


def test_too_few_sources_are_refused_with_a_sentence(data):
    with pytest.raises(LeaveOneOutError, match="at least 4 folds; the recipe has 2"):
        leave_one_out(recipe(SETS[:2]), data)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["evaluate"], "Give either FILES, or --leave-one-out"),
        (["evaluate", "x.jsonl", "--leave-one-out", "r.toml"], "Give either FILES, or --leave-one-out"),
        (["evaluate", "--leave-one-out", "r.toml"], "needs --data"),
        (["evaluate", "--leave-one-out", "r.toml", "--data", "d", "--baseline", "b"], "models of its own"),
    ],
)
def test_the_command_says_what_goes_together(arguments, sentence):
    result = CliRunner().invoke(cli, arguments)

    assert result.exit_code == 2
    assert sentence in result.output


def test_the_command_answers_machines(data, tmp_path):
    lines = ['version = "left-out-1"', "[training]", "epochs = 4"]
    for name in SETS:
        lines += ["[[datasets]]", f'name = "{name}"', f'file = "{name}.jsonl"', 'labels = ["spam"]']
    (tmp_path / "recipe.toml").write_text("\n".join(lines))
    asked = ["evaluate", "--leave-one-out", str(tmp_path / "recipe.toml"), "--data", str(data), "--json"]

    result = CliRunner().invoke(cli, asked)

    assert result.exit_code == 0
    spam = json.loads(result.stdout)["model"]["labels"]["spam"]
    assert {part["name"] for part in spam["sources"]} == set(SETS)
