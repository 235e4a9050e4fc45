"""L2-regularised logistic regression in compiled code, by dual coordinate descent.

It solves what scikit-learn's ``LogisticRegression`` solves (a test holds them equal) but needs no matrix of floats:
rows are lists of feature keys with the sizes of their groups, read in order from memory or from a file mapped into it,
so a corpus larger than memory streams. One thread, one fixed order a seed: equal inputs give equal bytes.

Source: Yu, Huang and Lin, Dual coordinate descent methods for logistic regression and maximum entropy models, 2011;
the sub-problem's Newton steps follow its algorithm 5.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from model import hashing as h
from model.kernel_cache import stamped


def kernel(function):  # type: ignore[no-untyped-def]
    """Compile a function of the solver; its cached code lives as long as no compiled source changes."""
    return stamped(numba.njit(cache=True, nogil=True, error_model="numpy")(function))


NEWTON_STEPS: Final = 20
PULL_BACK: Final = 0.1
START: Final = 1e-3
VARIANCE_MIN: Final = 1e-3
EPOCHS: Final = 12
SEED: Final = 1

Weights = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Rows:
    """The features of rows, as `model.batch.find_rows` makes them.

    Attributes:
        keys: Feature keys of all rows, each once a row; may be mapped from a file.
        ends: int64, (rows + 1); row ``i`` has ``keys[ends[i]:ends[i + 1]]``.
        sizes: int32, (rows, GROUP_COUNT), features a group.
    """

    keys: npt.NDArray[np.uint32]
    ends: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int32]


class Design(NamedTuple):
    """Rows as the solver reads them: what `design` makes of them, for any number of fits.

    Attributes:
        keys: As in `Rows`.
        ends: As in `Rows`.
        scales: float32, (rows, GROUP_COUNT), what a feature of each group counts in each row.
        variances: float32, (SLOT_COUNT), prior variance of each weight, in (0, 1].
        norms: float64, (rows), squared lengths under that prior, bias included.
    """

    keys: npt.NDArray[np.uint32]
    ends: npt.NDArray[np.int64]
    scales: npt.NDArray[np.float32]
    variances: npt.NDArray[np.float32]
    norms: npt.NDArray[np.float64]


def design(
    rows: Rows,
    multipliers: npt.NDArray[np.float64] | None = None,
    *,
    counts: npt.NDArray[np.bool_] | None = None,
) -> Design:
    """Make rows ready for fits.

    What stands in many rows says little of any, so its weight is held closer to 0: the prior's standard deviation is
    the smoothed inverse document frequency (Spärck Jones 1972), relative to that of a feature of one row.

    Args:
        rows: Their features.
        multipliers: Of each group; 1 unless given.
        counts: Which rows tell how common a feature is; without them all features have the prior variance 1.
    """
    scale = np.ones(h.GROUP_COUNT) if multipliers is None else multipliers
    scales = (scale / np.sqrt(np.maximum(rows.sizes, 1))).astype(np.float32)
    variances = np.ones(h.SLOT_COUNT, np.float32)
    if counts is not None:
        total, among = int(counts.sum()), _count_rows(np.flatnonzero(counts), rows.keys, rows.ends)
        rarity = np.log((1.0 + total) / (1.0 + among)) + 1.0
        variances = ((rarity / (np.log((1.0 + total) / 2.0) + 1.0)) ** 2).clip(VARIANCE_MIN, 1.0).astype(np.float32)
    return Design(rows.keys, rows.ends, scales, variances, _norms(rows.keys, rows.ends, scales, variances))


def fit_logistic(
    rows: Design,
    truth: npt.NDArray[np.int8],
    costs: npt.NDArray[np.float64],
    *,
    epochs: int = EPOCHS,
    state: "tuple[Weights, npt.NDArray[np.float64]] | None" = None,
) -> tuple[Weights, npt.NDArray[np.float64]]:
    """Fit one label.

    Args:
        rows: Their features.
        truth: 0 or 1 for each row.
        costs: C of each row, inverse regularisation; a row of cost 0 does not count.
        epochs: Passes over the rows.
        state: An earlier result to go on from; rows whose cost became 0 are taken out of it first.

    Returns:
        float32 weights (SLOT_COUNT + 1; the last is the bias), and the dual variables of the rows.
    """
    if state is None:
        weights, duals = np.zeros(h.SLOT_COUNT + 1, np.float32), np.full(len(truth), -1.0)
    else:
        weights, duals = state[0].copy(), state[1].copy()
    _prepare(rows, truth, costs, weights, duals)
    for epoch in range(epochs):
        order = np.random.default_rng([SEED, epoch]).permutation(np.flatnonzero(costs > 0.0))
        _pass(order, rows, truth, costs, (weights, duals))
    return weights, duals


@kernel
def _count_rows(chosen, keys, ends):  # type: ignore[no-untyped-def]
    """Return in how many of the chosen rows each slot stands."""
    among = np.zeros(h.SLOT_COUNT, np.int64)
    for row in chosen:
        for at in range(ends[row], ends[row + 1]):
            among[np.int64(keys[at]) & h.SLOT_MASK] += 1
    return among


@kernel
def _norms(keys, ends, scales, variances):  # type: ignore[no-untyped-def]
    norms = np.ones(ends.size - 1, np.float64)
    for row in range(norms.size):
        for at in range(ends[row], ends[row + 1]):
            key = np.int64(keys[at])
            scale = np.float64(scales[row, key >> h.GROUP_SHIFT])
            norms[row] += scale * scale * variances[key & h.SLOT_MASK]
    return norms


@kernel
def _dot(row, data, weights):  # type: ignore[no-untyped-def]
    """Return the inner product of a row with the weights, bias included."""
    total = np.float64(weights[h.SLOT_COUNT])
    for at in range(data.ends[row], data.ends[row + 1]):
        key = np.int64(data.keys[at])
        total += data.scales[row, key >> h.GROUP_SHIFT] * weights[key & h.SLOT_MASK]
    return total


@kernel
def _step(row, amount, data, weights):  # type: ignore[no-untyped-def]
    """Add ``amount`` times a row to the weights."""
    weights[h.SLOT_COUNT] += amount
    for at in range(data.ends[row], data.ends[row + 1]):
        key = np.int64(data.keys[at])
        slot = key & h.SLOT_MASK
        weights[slot] += amount * data.scales[row, key >> h.GROUP_SHIFT] * data.variances[slot]


@kernel
def _prepare(data, truth, costs, weights, duals):  # type: ignore[no-untyped-def]
    """Give new rows a first dual value, and take rows that no longer count out of the weights."""
    for row in range(truth.size):
        sign = 2.0 * truth[row] - 1.0
        if costs[row] <= 0.0:
            if duals[row] > 0.0:
                _step(row, -duals[row] * sign, data, weights)
            duals[row] = -1.0
        elif duals[row] < 0.0:
            duals[row] = START * costs[row]
            _step(row, duals[row] * sign, data, weights)


@kernel
def _pass(order, data, truth, costs, state):  # type: ignore[no-untyped-def]
    weights, duals = state
    for row in order:
        sign = 2.0 * truth[row] - 1.0
        total = _dot(row, data, weights)
        value = _minimise(duals[row], costs[row], data.norms[row], sign * total)
        if value != duals[row]:
            _step(row, (value - duals[row]) * sign, data, weights)
            duals[row] = value


@kernel
def _minimise(old, cost, norm, slope):  # type: ignore[no-untyped-def]
    """Return the dual value that minimises the sub-problem of one row."""
    flips = 0.5 * norm * (cost - 2.0 * old) + slope < 0.0
    start = cost - old if flips else old
    direction = -slope if flips else slope
    z = start
    if cost - z < 0.5 * cost:
        z *= PULL_BACK
    gradient = norm * (z - start) + direction + np.log(z / (cost - z))
    for _ in range(NEWTON_STEPS):
        if abs(gradient) < 1e-6:
            break
        moved = z - gradient / (norm + cost / ((cost - z) * z))
        z = moved if moved > 0.0 else z * PULL_BACK
        gradient = norm * (z - start) + direction + np.log(z / (cost - z))
    z = min(max(z, 1e-12 * cost), cost * (1.0 - 1e-12))
    return cost - z if flips else z


def decide(chosen: npt.NDArray[np.int64], rows: Design, weights: Weights) -> npt.NDArray[np.float64]:
    """Return the logits of the chosen rows."""
    logits: npt.NDArray[np.float64] = _decide(chosen, rows, weights)
    return logits


@kernel
def _decide(chosen, data, weights):  # type: ignore[no-untyped-def]
    out = np.empty(chosen.size, np.float64)
    for at in range(chosen.size):
        out[at] = _dot(chosen[at], data, weights)
    return out
