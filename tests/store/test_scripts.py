"""What every script must keep to: keys of one site in KEYS, so that it runs on a cluster, and loops with an end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from moderation.store.connection import SCRIPTS, Connection
from moderation.store.writes import (
    Addition,
    Change,
    decide_arguments,
    decide_keys,
    edit_arguments,
    edit_keys,
    submit_arguments,
    submit_keys,
)
from tests.store.conftest import AT, comment

ALL = sorted(SCRIPTS.glob("*.lua"))
MINE = "blank claim context decide edit expire page remove renew site_add site_set submit".split()


def test_the_scripts_are_there() -> None:
    assert {path.stem for path in ALL} >= set(MINE)


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_script_makes_up_no_key_of_its_own(path: Path) -> None:
    commands = re.findall(r"redis\.call\((?:'\w+'|[^,()]+), ([^,)]+)", path.read_text())

    assert all(re.match(r"KEYS\[|name\b", first.strip()) for first in commands), commands


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_script_compiles(path: Path, connection: Connection) -> None:
    assert connection.client.script_load(path.read_text())


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_script_has_no_endless_loop_and_no_randomness(path: Path) -> None:
    text = path.read_text()

    assert "while true" not in text
    assert "repeat" not in re.sub(r"--.*", "", text)
    assert "math.random" not in text


def test_keys_and_arguments_are_as_many_as_the_scripts_say() -> None:
    one = comment(1)
    change = Change(before=one, after=one, operation_id="op", audit={}, counted_at=AT)
    addition = Addition(comment=one, audit={})
    made = {
        "submit": (submit_keys(addition), submit_arguments(addition)),
        "decide": (decide_keys(change), decide_arguments(change)),
        "edit": (edit_keys(change), edit_arguments(change)),
    }

    for name, (keys, arguments) in made.items():
        text = (SCRIPTS / f"{name}.lua").read_text()
        assert max(int(number) for number in re.findall(r"KEYS\[(\d+)\]", text)) == len(keys), name
        assert max(int(number) for number in re.findall(r"ARGV\[(\d+)\]", text)) == len(arguments), name
        assert {key.split("}")[0] for key in keys} == {"w:{site-a"}, name
