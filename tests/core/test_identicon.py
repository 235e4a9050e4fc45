"""The picture of an author: equal for equal ids, symmetric, and nothing of the id gets into the markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from moderation.core.identicon import CELL, MARGIN, SIZE, identicon


def cells(svg: str) -> set[tuple[int, int]]:
    found = re.findall(rf'<rect x="(\d+)" y="(\d+)" width="{CELL}"', svg)
    return {((int(x) - MARGIN) // CELL, (int(y) - MARGIN) // CELL) for x, y in found}


@given(st.text())
def test_every_picture_is_a_symmetric_square(author_id: str) -> None:
    svg = identicon(author_id.encode("utf-8", "replace").decode())
    root = ElementTree.fromstring(svg)
    filled = cells(svg)

    assert root.attrib["viewBox"] == f"0 0 {SIZE} {SIZE}"
    assert filled == {(4 - column, row) for column, row in filled}


def test_the_same_author_has_the_same_picture_and_others_have_others() -> None:
    pictures = {identicon(f"k1.{number:032}") for number in range(200)}

    assert identicon("k1.a") == identicon("k1.a")
    assert len(pictures) == 200


def test_hostile_ids_cannot_break_out_of_the_markup() -> None:
    svg = identicon('"/><script>alert(1)</script>')

    assert "script" not in svg
    assert ElementTree.fromstring(svg).tag.endswith("svg")
