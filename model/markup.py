"""Markup in compiled code: where tags, entities and the schemes of links end, and what they stand for.

Pure functions over code points; each looks ahead a bounded number of them, so that hostile text stays linear.
"""

from typing import Final

import numpy as np

from model.workarea import kernel

TAG_LIMIT: Final = 2000
ENTITY_LIMIT: Final = 10


@kernel
def link_prefix(cps, i, stop):  # type: ignore[no-untyped-def]
    """Return the length of ``http://``, ``https://``, either with ``www.``, or ``www.`` at ``i``; 0 for none."""
    n = _match(cps, i, stop, (104, 116, 116, 112))
    if n > 0:
        if i + n < stop and (cps[i + n] | 32) == 115:
            n += 1
        m = _match(cps, i + n, stop, (58, 47, 47, 0))
        if m == 0:
            return 0
        n += m
    return n + _match(cps, i + n, stop, (119, 119, 119, 46))


@kernel
def _match(cps, i, stop, wanted):  # type: ignore[no-untyped-def]
    n = 0
    for k in range(4):
        if wanted[k] == 0:
            break
        if i + k >= stop:
            return 0
        cp = cps[i + k]
        if 65 <= cp <= 90:
            cp |= 32
        if cp != wanted[k]:
            return 0
        n += 1
    return n


@kernel
def is_ascii_word(cp):  # type: ignore[no-untyped-def]
    folded = cp | 32
    return 97 <= folded <= 122 or 48 <= cp <= 57


@kernel
def tag_end(cps, i, stop):  # type: ignore[no-untyped-def]
    """Return the index of the ``>`` that closes the tag opened at ``i``, or -1; it never looks past another ``<``."""
    if i + 1 >= stop or not (is_ascii_word(cps[i + 1]) or cps[i + 1] == 47 or cps[i + 1] == 33):
        return -1
    if 48 <= cps[i + 1] <= 57:
        return -1
    for k in range(i + 1, min(stop, i + TAG_LIMIT)):
        if cps[k] == 62:
            return k
        if cps[k] == 60:
            return -1
    return -1


@kernel
def address_start(cps, i, end):  # type: ignore[no-untyped-def]
    """Return where the value of ``href=`` begins inside a tag, or ``end``."""
    for k in range(i, end - 5):
        if _match(cps, k, end, (104, 114, 101, 102)) > 0 and cps[k + 4] == 61:
            return k + 6 if cps[k + 5] in (34, 39) else k + 5
    return end


@kernel
def named_entity(cps, i, end):  # type: ignore[no-untyped-def]
    length = end - i
    if length == 2 and cps[i + 1] == 116:
        return 60 if cps[i] == 108 else (62 if cps[i] == 103 else 0)
    if length == 3 and _match(cps, i, end, (97, 109, 112, 0)) > 0:
        return 38
    if length == 4:
        if _match(cps, i, end, (113, 117, 111, 116)) > 0:
            return 34
        if _match(cps, i, end, (110, 98, 115, 112)) > 0:
            return 32
    return 0


@kernel
def numeric_entity(cps, i, end):  # type: ignore[no-untyped-def]
    base = 10
    if i < end and (cps[i] | 32) == 120:
        base = 16
        i += 1
    value = np.int64(0)
    for k in range(i, end):
        digit = np.int64(cps[k]) - 48
        if base == 16 and digit > 9:
            digit = np.int64(cps[k] | 32) - 87
        if digit < 0 or digit >= base:
            return 0
        value = value * base + digit
    return value if value < 0x110000 else 0


@kernel
def may_be_link(cps, i, stop):  # type: ignore[no-untyped-def]
    """Tell whether ``ht`` or ``ww`` begins here, in either case."""
    folded = cps[i] | 32
    if folded != 104 and folded != 119:
        return False
    return i + 1 < stop and (cps[i + 1] | 32) == (116 if folded == 104 else 119)
