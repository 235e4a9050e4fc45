"""The work area of one comment in compiled code, how kernels are compiled, and look-ups in the table.

Owns the layout that the other compiled modules share; it reads no text itself.
"""

from typing import Any, Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic, overload

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

BLANK: Final = 32
KIND_CATEGORY, KIND_SCRIPT_SHIFT, KIND_MASK, ALIKE_SHIFT = 7, 3, 63, 8


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


def prefetch(array: Any, row: Any) -> None:
    """Have the processor bring a row of a table into its cache while other work goes on; changes no result."""


@overload(prefetch)
def _compiled_prefetch(array, row):  # type: ignore[no-untyped-def]
    return lambda array, row: _fetch(array, row)


@intrinsic
def _fetch(typingctx, array, row):  # type: ignore[no-untyped-def]
    """Compile to the processor's own instruction. Source: LLVM language reference, ``llvm.prefetch``."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        kind = signature.args[0]
        given = context.make_array(kind)(context, builder, arguments[0])
        strides = cgutils.unpack_tuple(builder, given.strides, kind.ndim)
        start = builder.bitcast(given.data, ir.IntType(8).as_pointer())
        place = builder.gep(start, [builder.mul(arguments[1], strides[0])])
        number = ir.IntType(32)
        shape = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        fetch = cgutils.get_or_insert_function(builder.module, shape, "llvm.prefetch.p0i8")
        builder.call(fetch, [place, number(0), number(3), number(1)])  # To read, to keep, data.
        return context.get_dummy_value()

    return numba.types.none(array, numba.types.intp), generate
