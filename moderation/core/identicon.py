"""The picture of an author: a symmetric pattern drawn from the author id.

Owns the drawing. Refuses to know the address: the id is already a keyed pseudonym, so that the picture tells nothing.
"""

from __future__ import annotations

import hashlib

GRID = 5  # Cells a side; three columns are drawn, two are mirrored.
CELL = 12  # Pixels.
MARGIN = 6  # Pixels.
SIZE = GRID * CELL + 2 * MARGIN


def identicon(author_id: str) -> str:
    """Return a square SVG of 72 pixels a side, equal for equal ids.

    Args:
        author_id: Any text; only its hash is used, so that nothing of it can break out of the markup.

    Returns:
        An SVG document.
    """
    digest = hashlib.blake2b(author_id.encode(), digest_size=8).digest()
    hue = int.from_bytes(digest[:2]) % 360
    bits = int.from_bytes(digest[2:4])
    cells = "".join(
        _cell(row, column) for row in range(GRID) for column in range(GRID) if _is_filled(bits, row, column)
    )
    size = f'viewBox="0 0 {SIZE} {SIZE}" width="{SIZE}" height="{SIZE}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
        f'<rect width="{SIZE}" height="{SIZE}" fill="hsl({hue} 30% 92%)"/>'
        f'<g fill="hsl({hue} 55% 42%)">{cells}</g></svg>'
    )


def _is_filled(bits: int, row: int, column: int) -> bool:
    mirrored = min(column, GRID - 1 - column)
    return bool(bits >> (row * 3 + mirrored) & 1)


def _cell(row: int, column: int) -> str:
    return f'<rect x="{MARGIN + column * CELL}" y="{MARGIN + row * CELL}" width="{CELL}" height="{CELL}"/>'
