"""Look-alike letters in compiled code: a word gets one script when it mixes two, or imitates Latin in a Latin text.

Owns the decision for whole words; which characters look alike is in ``normal/lookalikes.txt``.
"""

from typing import Final

import numpy as np

from model import tables as t
from model.workarea import (
    ALIKE,
    ALIKE_SHIFT,
    CYRILLIC_SURE,
    KIND_CATEGORY,
    KIND_SCRIPT_SHIFT,
    LATIN_SURE,
    LENGTH,
    UNDONE,
    kernel,
    large_kernel,
    script_of,
)  # fmt: skip

LATIN_MAJORITY: Final = 8  # Letters that are or look Latin for one that is not, before a whole word can imitate.
ALIKE_ALONE: Final = 12  # So many look-alikes without one letter of their own script are no Russian and no Greek.


@kernel
def alike_of(cp, tables):  # type: ignore[no-untyped-def]
    low = np.int64(tables[t.AT_KEYS])
    high = low + np.int64(tables[t.KEY_COUNT])
    shift = high - low
    while low < high:
        middle = (low + high) >> 1
        if tables[middle] < cp:
            low = middle + 1
        else:
            high = middle
    return np.int64(tables[low + shift])


@large_kernel
def resolve_lookalikes(start, tables, work):  # type: ignore[no-untyped-def]
    """Give every word that mixes scripts, or imitates Latin in a Latin text, one script."""
    n = work.counts[LENGTH]
    latin, alike, foreign = work.counts[LATIN_SURE], work.counts[ALIKE], work.counts[CYRILLIC_SURE]
    is_latin_text = latin + alike > LATIN_MAJORITY * foreign and (latin > 0 or alike >= ALIKE_ALONE)
    i = start
    while i < n:
        if work.kinds[i] & KIND_CATEGORY != t.LETTER:
            i += 1
            continue
        end = i
        while end < n and work.kinds[end] & KIND_CATEGORY == t.LETTER:
            end += 1
        _resolve_word(i, end, is_latin_text, tables, work)
        i = end
    work.counts[ALIKE] = 0


@kernel
def _resolve_word(start, end, is_latin_text, tables, work):  # type: ignore[no-untyped-def]
    latin, latin_sure, alike, foreign_sure = 0, 0, 0, 0
    cyrillic = np.int64(tables[t.AT_CYRILLIC])
    for k in range(start, end):
        if script_of(work.kinds[k]) == t.LATIN:
            latin += 1
            value = np.int64(work.chars[k])
            latin_sure += not (97 <= value <= 122 and tables[cyrillic + value - 97] > 0)
        elif work.kinds[k] >> ALIKE_SHIFT > 0:
            alike += 1
        else:
            foreign_sure += 1
    if alike > 0 and foreign_sure == 0 and (latin > 0 or is_latin_text):
        _make_latin(start, end, work)
    elif latin > 0 and foreign_sure > 0 and latin_sure == 0:
        _make_cyrillic(start, end, tables, work)


@kernel
def _make_latin(start, end, work):  # type: ignore[no-untyped-def]
    for k in range(start, end):
        if work.kinds[k] >> ALIKE_SHIFT > 0:
            work.chars[k] = work.kinds[k] >> ALIKE_SHIFT
            work.kinds[k] = t.LETTER | t.LATIN << KIND_SCRIPT_SHIFT
            work.counts[UNDONE] += 1


@kernel
def _make_cyrillic(start, end, tables, work):  # type: ignore[no-untyped-def]
    cyrillic = np.int64(tables[t.AT_CYRILLIC])
    for k in range(start, end):
        value = np.int64(work.chars[k])
        if 97 <= value <= 122 and script_of(work.kinds[k]) == t.LATIN:
            work.chars[k] = tables[cyrillic + value - 97]
            work.kinds[k] = t.LETTER | t.CYRILLIC << KIND_SCRIPT_SHIFT
            work.counts[UNDONE] += 1
