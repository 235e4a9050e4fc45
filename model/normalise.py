"""Normalisation in compiled code: one pass over the code points, then look-alike letters word by word.

What it undoes: HTML and entities, schemes of links, compatibility forms (NFKC), case, accents, invisible characters,
stretched letters, letters of another script drawn like Latin or Cyrillic ones. It counts what it had to undo, and keeps
for each character the place it came from, so that evidence can be shown in the original text. It refuses to guess at
meaning: digits that stand for letters stay digits.
"""

from typing import Final

import numpy as np

from model import tables as t
from model.lookalikes import alike_of, resolve_lookalikes
from model.markup import (
    ENTITY_LIMIT,
    address_start,
    is_ascii_word,
    link_prefix,
    may_be_link,
    named_entity,
    numeric_entity,
    tag_end,
)  # fmt: skip
from model.workarea import (
    ALIKE,
    ALIKE_SHIFT,
    BLANK,
    CJK,
    CYRILLIC_SURE,
    DIGIT_RUN,
    DIGIT_RUN_MAX,
    DIGITS,
    EXCLAIMS,
    FIELD_START,
    FULL,
    HIDDEN,
    KIND_MASK,
    KIND_SCRIPT_SHIFT,
    LATIN_SURE,
    LENGTH,
    LETTERS,
    LINES,
    LINKS,
    MARKS,
    ODD,
    SYMBOLS,
    TAGS,
    UNDONE,
    UPPERS,
    ZERO_WIDTH,
    entry_of,
    kernel,
    large_kernel,
    script_of,
)

MARKS_HONEST: Final = 2  # Vietnamese in decomposed form puts two on a letter; a stack of them is a disguise.
NOT_PLAIN: Final = 7 << t.CATEGORY_SHIFT | 3 << t.COMPAT_SHIFT | 1 << t.EXPANDS_SHIFT | 1 << t.LOOKALIKE_SHIFT
PLAIN: Final = t.LETTER << t.CATEGORY_SHIFT
LOWER_ENTRY: Final = PLAIN | t.LATIN << t.SCRIPT_SHIFT  # What the table says of a to z.
_LANES: Final = (62, 0, 20, 20, 20, 40, 40, 40)  # The counter of a script inside a packed run; 62 is never read.


@large_kernel
def read_field(cps, start, stop, tables, work):  # type: ignore[no-untyped-def]
    """Normalise ``cps[start:stop]`` onto the end of the work area, with a blank before and after it."""
    before = work.counts[LENGTH]
    work.counts[FIELD_START] = start
    _put_blank(start, work)
    i = start
    while i < stop:
        cp = cps[i]
        if cp == 60:
            i = _read_tag(cps, i, stop, tables, work)
        elif cp == 38:
            i = _read_entity(cps, i, stop, tables, work)
        else:
            i = _read_run(cps, _read_plain(cps, i, stop, tables, work), stop, tables, work)
    _put_blank(stop, work)
    _settle_widths(work)
    if work.counts[ALIKE] > 0:
        resolve_lookalikes(before, tables, work)


@kernel
def _read_run(cps, i, stop, tables, work):  # type: ignore[no-untyped-def]
    """Read letters and blanks that need nothing undone, with the counts in registers; return where that ends.

    It does what `_emit` would do, several times as fast, for the bulk of every honest text.
    """
    counts = work.counts
    if counts[ZERO_WIDTH] > 0:
        return i
    n, room = counts[LENGTH], work.chars.size - 2
    scripts = np.int64(0)
    letters, uppers, lowers = 0, 0, 0
    while i < stop and n < room:
        cp = np.int64(cps[i])
        if 97 <= cp <= 122:  # What most honest text is made of needs no look-up.
            if may_be_link(cps, i, stop):
                break
            n = _append_letter(n, cp, LOWER_ENTRY, i, work)
            lowers += 1
            i += 1
            continue
        if cp == BLANK:
            n = _append_blank(n, i, work)
            i += 1
            continue
        entry = entry_of(cp, tables)
        if entry & NOT_PLAIN != PLAIN or may_be_link(cps, i, stop):
            break
        value = entry & t.VALUE_MASK
        n = _append_letter(n, value if value > 0 else cp, entry, i, work)
        script = (entry >> t.SCRIPT_SHIFT) & 7
        scripts += np.int64(1) << (_LANES[script])
        letters += 1
        uppers += (entry >> t.UPPER_SHIFT) & 1
        i += 1
    counts[LENGTH] = n
    _add_run(letters + lowers, uppers, scripts + (lowers << _LANES[t.LATIN]), counts)
    return i


@kernel
def _append_blank(n, i, work):  # type: ignore[no-untyped-def]
    if n > 0 and work.chars[n - 1] == BLANK:
        return n
    work.chars[n] = BLANK
    work.origin[n] = i
    work.kinds[n] = t.SPACE
    return n + 1


@kernel
def _append_letter(n, value, entry, i, work):  # type: ignore[no-untyped-def]
    if n > 1 and work.chars[n - 1] == value and work.chars[n - 2] == value:
        return n
    work.chars[n] = value
    work.origin[n] = i
    work.kinds[n] = (entry >> t.CATEGORY_SHIFT) & KIND_MASK
    return n + 1


@kernel
def _add_run(letters, uppers, scripts, counts):  # type: ignore[no-untyped-def]
    """Add the counts of a run; ``scripts`` has 20 bits each for Latin, other alphabets, and the rest."""
    counts[LETTERS] += letters
    counts[UPPERS] += uppers
    counts[LATIN_SURE] += scripts & 0xFFFFF
    counts[CYRILLIC_SURE] += (scripts >> 20) & 0xFFFFF
    counts[CJK] += (scripts >> 40) & 0xFFFFF
    if letters > 0:
        counts[DIGIT_RUN] = counts[MARKS] = 0


@large_kernel
def _read_plain(cps, i, stop, tables, work):  # type: ignore[no-untyped-def]
    """Read one code point, or the scheme of a link, which is dropped so that it cannot become evidence by itself."""
    folded = cps[i] | 32
    if folded == 104 or folded == 119:
        length = link_prefix(cps, i, stop) if i == work.counts[FIELD_START] or not is_ascii_word(cps[i - 1]) else 0
        if length > 0:
            work.counts[LINKS] += 1
            _put_blank(i, work)
            return i + length
    _emit(cps[i], i, tables, work)
    return i + 1


@large_kernel
def _read_tag(cps, i, stop, tables, work):  # type: ignore[no-untyped-def]
    """Skip an HTML tag but keep the address in its href; return the index after it. A lone ``<`` is a symbol."""
    end = tag_end(cps, i, stop)
    if end < 0:
        _emit(cps[i], i, tables, work)
        return i + 1
    work.counts[TAGS] += 1
    _put_blank(i, work)
    k = address_start(cps, i, end)
    while k < end and cps[k] not in (34, 39, 32, 62):
        k = _read_plain(cps, k, end, tables, work)
    _put_blank(end, work)
    return end + 1


@large_kernel
def _read_entity(cps, i, stop, tables, work):  # type: ignore[no-untyped-def]
    """Decode the entities that matter in comments; anything else is an ampersand."""
    end = i + 1
    while end < min(stop, i + ENTITY_LIMIT) and cps[end] != 59 and cps[end] > 32:
        end += 1
    if end >= stop or cps[end] != 59 or end == i + 1:
        _emit(cps[i], i, tables, work)
        return i + 1
    value = numeric_entity(cps, i + 2, end) if cps[i + 1] == 35 else named_entity(cps, i + 1, end)
    if value == 0:
        _emit(cps[i], i, tables, work)
        return i + 1
    _emit(np.uint32(value), i, tables, work)
    return end + 1


@kernel
def _put_blank(i, work):  # type: ignore[no-untyped-def]
    n = work.counts[LENGTH]
    work.counts[DIGIT_RUN] = 0
    work.counts[ZERO_WIDTH] = 0
    if n > 0 and work.chars[n - 1] == BLANK:
        return
    work.chars[n] = BLANK
    work.origin[n] = i
    work.kinds[n] = t.SPACE
    work.counts[LENGTH] = n + 1


@large_kernel
def _emit(cp, i, tables, work):  # type: ignore[no-untyped-def]
    """Append what one source code point becomes, and count what had to be undone for it."""
    entry = entry_of(cp, tables)
    category = (entry >> t.CATEGORY_SHIFT) & 7
    if category == t.SPACE:
        work.counts[LINES] += cp == 10
        _put_blank(i, work)
        return
    if category >= t.IGNORABLE:
        _skip_invisible(category, work)
        return
    value = entry & t.VALUE_MASK
    if (entry >> t.EXPANDS_SHIFT) & 1:
        for k in range(value + 1, value + 1 + np.int64(tables[value])):
            other = entry_of(tables[k], tables)
            _append(np.int64(tables[k]), other, i, work)
        return
    _count_undone(entry, work)
    position = work.counts[LENGTH]
    _append(value if value > 0 else np.int64(cp), entry, i, work)
    if (entry >> t.LOOKALIKE_SHIFT) & 1 and work.counts[LENGTH] > position:
        work.kinds[position] |= np.uint16(alike_of(np.uint32(cp), tables) << ALIKE_SHIFT)
        work.counts[ALIKE] += 1


@kernel
def _skip_invisible(category, work):  # type: ignore[no-untyped-def]
    n = work.counts[LENGTH]
    if n == 0:
        return
    script = script_of(work.kinds[n - 1])
    if script < t.LATIN or script > t.GREEK:
        return
    if category == t.IGNORABLE:
        work.counts[ZERO_WIDTH] += 1
        return
    work.counts[MARKS] += 1
    work.counts[HIDDEN] += work.counts[MARKS] > MARKS_HONEST


@kernel
def _count_undone(entry, work):  # type: ignore[no-untyped-def]
    """Count invisible characters between letters, and styled, drawn or full-width letters."""
    script = (entry >> t.SCRIPT_SHIFT) & 7
    if work.counts[ZERO_WIDTH] > 0:
        if t.LATIN <= script <= t.GREEK:
            work.counts[HIDDEN] += work.counts[ZERO_WIDTH]
        work.counts[ZERO_WIDTH] = 0
    compat = (entry >> t.COMPAT_SHIFT) & 3
    if compat == t.FULL_WIDTH:
        work.counts[FULL] += script == t.LATIN
    elif compat > 0:
        work.counts[ODD] += script == t.LATIN


@kernel
def _append(value, entry, i, work):  # type: ignore[no-untyped-def]
    """Append one normalised character unless it is the third of a stretch."""
    counts = work.counts
    n = counts[LENGTH]
    category = (entry >> t.CATEGORY_SHIFT) & 7
    _count_kind(value, entry, category, counts)
    if category != t.DIGIT and n > 1 and work.chars[n - 1] == value and work.chars[n - 2] == value:
        return
    if n + 2 >= work.chars.size:
        return
    work.chars[n] = value
    work.origin[n] = i
    work.kinds[n] = category | ((entry >> t.SCRIPT_SHIFT) & 7) << KIND_SCRIPT_SHIFT
    counts[LENGTH] = n + 1
    counts[MARKS] = 0


@kernel
def _count_kind(value, entry, category, counts):  # type: ignore[no-untyped-def]
    if category == t.LETTER:
        script = (entry >> t.SCRIPT_SHIFT) & 7
        counts[LETTERS] += 1
        counts[UPPERS] += (entry >> t.UPPER_SHIFT) & 1
        counts[CJK] += script >= t.UNSPACED
        counts[LATIN_SURE] += script == t.LATIN
        counts[CYRILLIC_SURE] += t.CYRILLIC <= script <= t.ALPHABET and (entry >> t.LOOKALIKE_SHIFT) & 1 == 0
        counts[DIGIT_RUN] = 0
    elif category == t.DIGIT:
        counts[DIGITS] += 1
        counts[DIGIT_RUN] += 1
        counts[DIGIT_RUN_MAX] = max(counts[DIGIT_RUN_MAX], counts[DIGIT_RUN])
    else:
        counts[SYMBOLS] += 1
        counts[EXCLAIMS] += value == 33


@kernel
def _settle_widths(work):  # type: ignore[no-untyped-def]
    """Full-width letters are honest beside Chinese, Japanese or Korean; elsewhere they count as undone."""
    counts = work.counts
    counts[UNDONE] += counts[HIDDEN] + counts[ODD]
    if counts[CJK] == 0:
        counts[UNDONE] += counts[FULL]
    counts[HIDDEN] = counts[ODD] = counts[FULL] = 0
