"""Normalisation in compiled code: one pass over the code points, then look-alike letters word by word.

What it undoes: HTML and entities, schemes of links, compatibility forms (NFKC), case, accents, invisible characters,
stretched letters, letters of another script drawn like Latin or Cyrillic ones. It counts what it had to undo, and keeps
for each character the place it came from, so that evidence can be shown in the original text. It refuses to guess at
meaning: digits that stand for letters stay digits.
"""

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from model import tables as t
from model.kernel_cache import stamped


def kernel(function):  # type: ignore[no-untyped-def]
    """Compile a small function into its callers, which keeps its counts in registers.

    Cached code of any kernel lives as long as no compiled source changes.
    """
    return stamped(numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=True)(function))


def large_kernel(function):  # type: ignore[no-untyped-def]
    """Compile a large function once, to be called; compiling it into every caller would take minutes."""
    return stamped(numba.njit(cache=True, nogil=True, error_model="numpy")(function))


# What is counted while reading one field; indices into ``Work.counts``.
(
    LENGTH, ZERO_WIDTH, FULL, ODD, CJK, LETTERS, UPPERS, DIGITS, SYMBOLS, LINES, LINKS, TAGS, UNDONE, HIDDEN, MARKS,
    ALIKE, LATIN_SURE, CYRILLIC_SURE, DIGIT_RUN, DIGIT_RUN_MAX, EXCLAIMS, FIELD_START, COUNTS,
) = range(23)  # fmt: skip

TAG_LIMIT: Final = 2000
ENTITY_LIMIT: Final = 10
BLANK: Final = 32
LATIN_MAJORITY: Final = 8  # Letters that are or look Latin for one that is not, before a whole word can imitate.
ALIKE_ALONE: Final = 12  # So many look-alikes without one letter of their own script are no Russian and no Greek.
MARKS_HONEST: Final = 2  # Vietnamese in decomposed form puts two on a letter; a stack of them is a disguise.
KIND_CATEGORY, KIND_SCRIPT_SHIFT, KIND_MASK, ALIKE_SHIFT = 7, 3, 63, 8
NOT_PLAIN: Final = 7 << t.CATEGORY_SHIFT | 3 << t.COMPAT_SHIFT | 1 << t.EXPANDS_SHIFT | 1 << t.LOOKALIKE_SHIFT
PLAIN: Final = t.LETTER << t.CATEGORY_SHIFT
LOWER_ENTRY: Final = PLAIN | t.LATIN << t.SCRIPT_SHIFT  # What the table says of a to z, without the look-up.
_LANES: Final = (62, 0, 20, 20, 20, 40, 40, 40)  # The counter of a script inside a packed run; 62 is never read.


class Work(NamedTuple):
    """The work area of one comment; every array is written from the left, ``counts[LENGTH]`` characters long.

    Attributes:
        chars: Normalised code points.
        origin: Index of the source code point of each.
        kinds: Category in bits 0-2, script in bits 3-5, and in bits 8-14 the ASCII letter it is drawn like, or 0.
        counts: See the indices above.
    """

    chars: npt.NDArray[np.uint32]
    origin: npt.NDArray[np.int32]
    kinds: npt.NDArray[np.uint16]
    counts: npt.NDArray[np.int64]


@kernel
def script_of(kind):  # type: ignore[no-untyped-def]
    """Return the script in a kind."""
    return (kind >> KIND_SCRIPT_SHIFT) & 7


@kernel
def make_work(size):  # type: ignore[no-untyped-def]
    """Allocate a work area for ``size`` source code points; a fresh one a call is what makes threads safe."""
    room = 3 * size + 16
    return Work(
        np.empty(room, np.uint32), np.empty(room, np.int32), np.empty(room, np.uint16), np.zeros(COUNTS, np.int64)
    )


@kernel
def entry_of(cp, tables):  # type: ignore[no-untyped-def]
    """Return the table entry of a code point; beyond Unicode's range it is that of U+FFFD."""
    safe = np.int64(cp) if cp < 0x110000 else np.int64(0xFFFD)
    return np.int64(tables[np.int64(tables[t.STAGE_ONE + (safe >> 8)]) + (safe & 255)])


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
        _resolve_lookalikes(before, tables, work)


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
    letters, uppers = 0, 0
    while i < stop and n < room:
        cp = np.int64(cps[i])
        if cp == BLANK:
            n = _append_blank(n, i, work)
            i += 1
            continue
        entry = LOWER_ENTRY if 97 <= cp <= 122 else entry_of(cp, tables)
        if entry & NOT_PLAIN != PLAIN or _may_be_link(cps, i, stop):
            break
        value = entry & t.VALUE_MASK
        n = _append_letter(n, value if value > 0 else cp, entry, i, work)
        script = (entry >> t.SCRIPT_SHIFT) & 7
        scripts += np.int64(1) << (_LANES[script])
        letters += 1
        uppers += (entry >> t.UPPER_SHIFT) & 1
        i += 1
    counts[LENGTH] = n
    _add_run(letters, uppers, scripts, counts)
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
def _may_be_link(cps, i, stop):  # type: ignore[no-untyped-def]
    """Tell whether ``ht`` or ``ww`` begins here, in either case."""
    folded = cps[i] | 32
    if folded != 104 and folded != 119:
        return False
    return i + 1 < stop and (cps[i + 1] | 32) == (116 if folded == 104 else 119)


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
        length = _link_prefix(cps, i, stop) if i == work.counts[FIELD_START] or not _is_ascii_word(cps[i - 1]) else 0
        if length > 0:
            work.counts[LINKS] += 1
            _put_blank(i, work)
            return i + length
    _emit(cps[i], i, tables, work)
    return i + 1


@kernel
def _link_prefix(cps, i, stop):  # type: ignore[no-untyped-def]
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
def _is_ascii_word(cp):  # type: ignore[no-untyped-def]
    folded = cp | 32
    return 97 <= folded <= 122 or 48 <= cp <= 57


@large_kernel
def _read_tag(cps, i, stop, tables, work):  # type: ignore[no-untyped-def]
    """Skip an HTML tag but keep the address in its href; return the index after it. A lone ``<`` is a symbol."""
    end = _tag_end(cps, i, stop)
    if end < 0:
        _emit(cps[i], i, tables, work)
        return i + 1
    work.counts[TAGS] += 1
    _put_blank(i, work)
    k = _address_start(cps, i, end)
    while k < end and cps[k] not in (34, 39, 32, 62):
        k = _read_plain(cps, k, end, tables, work)
    _put_blank(end, work)
    return end + 1


@kernel
def _tag_end(cps, i, stop):  # type: ignore[no-untyped-def]
    """Return the index of the ``>`` that closes the tag opened at ``i``, or -1; it never looks past another ``<``."""
    if i + 1 >= stop or not (_is_ascii_word(cps[i + 1]) or cps[i + 1] == 47 or cps[i + 1] == 33):
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
def _address_start(cps, i, end):  # type: ignore[no-untyped-def]
    """Return where the value of ``href=`` begins inside a tag, or ``end``."""
    for k in range(i, end - 5):
        if _match(cps, k, end, (104, 114, 101, 102)) > 0 and cps[k + 4] == 61:
            return k + 6 if cps[k + 5] in (34, 39) else k + 5
    return end


@large_kernel
def _read_entity(cps, i, stop, tables, work):  # type: ignore[no-untyped-def]
    """Decode the entities that matter in comments; anything else is an ampersand."""
    end = i + 1
    while end < min(stop, i + ENTITY_LIMIT) and cps[end] != 59 and cps[end] > 32:
        end += 1
    if end >= stop or cps[end] != 59 or end == i + 1:
        _emit(cps[i], i, tables, work)
        return i + 1
    value = _numeric_entity(cps, i + 2, end) if cps[i + 1] == 35 else _named_entity(cps, i + 1, end)
    if value == 0:
        _emit(cps[i], i, tables, work)
        return i + 1
    _emit(np.uint32(value), i, tables, work)
    return end + 1


@kernel
def _named_entity(cps, i, end):  # type: ignore[no-untyped-def]
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
def _numeric_entity(cps, i, end):  # type: ignore[no-untyped-def]
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
        work.kinds[position] |= np.uint16(_alike_of(np.uint32(cp), tables) << ALIKE_SHIFT)
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
def _alike_of(cp, tables):  # type: ignore[no-untyped-def]
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


@kernel
def _settle_widths(work):  # type: ignore[no-untyped-def]
    """Full-width letters are honest beside Chinese, Japanese or Korean; elsewhere they count as undone."""
    counts = work.counts
    counts[UNDONE] += counts[HIDDEN] + counts[ODD]
    if counts[CJK] == 0:
        counts[UNDONE] += counts[FULL]
    counts[HIDDEN] = counts[ODD] = counts[FULL] = 0


@large_kernel
def _resolve_lookalikes(start, tables, work):  # type: ignore[no-untyped-def]
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
