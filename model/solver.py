"""L2-regularised logistic regression in compiled code, by dual coordinate descent.

It solves what scikit-learn's ``LogisticRegression`` solves (a test holds them equal) but needs no matrix of floats:
rows are lists of feature keys with the sizes of their groups, read in order from memory or from a file mapped into it,
so a corpus larger than memory streams. One thread, one fixed order a seed: equal inputs give equal bytes.

Source: Yu, Huang and Lin, Dual coordinate descent methods for logistic regression and maximum entropy models, 2011;
the sub-problem's Newton steps follow its algorithm 5.
"""

from dataclasses import dataclass
from typing import Final

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
EPOCHS: Final = 12
SEED: Final = 1

Weights = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Rows:
    """The features of rows, as `model.batch.find_rows` makes them.

    Attributes:
        keys: Feature keys of all rows; may be mapped from a file.
        ends: int64, (rows + 1); row ``i`` has ``keys[ends[i]:ends[i + 1]]``.
        sizes: int32, (rows, GROUP_COUNT), features a group.
        squares: int64, (rows, GROUP_COUNT), sums of squared counts of the distinct features.
    """

    keys: npt.NDArray[np.uint32]
    ends: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int32]
    squares: npt.NDArray[np.int64]

    def scales(self, multipliers: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Return what a feature of each group counts in each row."""
        scales: npt.NDArray[np.float32] = (multipliers / np.sqrt(np.maximum(self.sizes, 1))).astype(np.float32)
        return scales

    def norms(self, multipliers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the squared length of each row, bias included."""
        norms: npt.NDArray[np.float64] = 1.0 + (multipliers**2 * self.squares / np.maximum(self.sizes, 1)).sum(axis=1)
        return norms


def fit_logistic(
    rows: Rows,
    truth: npt.NDArray[np.int8],
    costs: npt.NDArray[np.float64],
    *,
    multipliers: npt.NDArray[np.float64] | None = None,
    epochs: int = EPOCHS,
    state: "tuple[Weights, npt.NDArray[np.float64]] | None" = None,
) -> tuple[Weights, npt.NDArray[np.float64]]:
    """Fit one label.

    Args:
        rows: Their features.
        truth: 0 or 1 for each row.
        costs: C of each row, inverse regularisation; a row of cost 0 does not count.
        multipliers: Of each group; 1 unless given.
        epochs: Passes over the rows.
        state: An earlier result to go on from; rows whose cost became 0 are taken out of it first.

    Returns:
        float32 weights (SLOT_COUNT + 1; the last is the bias), and the dual variables of the rows.
    """
    scale = np.ones(h.GROUP_COUNT) if multipliers is None else multipliers
    if state is None:
        weights, duals = np.zeros(h.SLOT_COUNT + 1, np.float32), np.full(len(truth), -1.0)
    else:
        weights, duals = state[0].copy(), state[1].copy()
    data = rows.keys, rows.ends, rows.scales(scale), rows.norms(scale)
    _prepare(data, truth, costs, weights, duals)
    for epoch in range(epochs):
        order = np.random.default_rng([SEED, epoch]).permutation(np.flatnonzero(costs > 0.0))
        _pass(order, data, truth, costs, (weights, duals))
    return weights, duals


@kernel
def _dot(row, data, weights):  # type: ignore[no-untyped-def]
    """Return the inner product of a row with the weights, bias included."""
    keys, ends, scales = data[0], data[1], data[2]
    total = np.float64(weights[h.SLOT_COUNT])
    for at in range(ends[row], ends[row + 1]):
        key = np.int64(keys[at])
        total += scales[row, key >> h.GROUP_SHIFT] * weights[key & h.SLOT_MASK]
    return total


@kernel
def _step(row, amount, data, weights):  # type: ignore[no-untyped-def]
    """Add ``amount`` times a row to the weights."""
    keys, ends, scales = data[0], data[1], data[2]
    weights[h.SLOT_COUNT] += amount
    for at in range(ends[row], ends[row + 1]):
        key = np.int64(keys[at])
        weights[key & h.SLOT_MASK] += amount * scales[row, key >> h.GROUP_SHIFT]


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
        value = _minimise(duals[row], costs[row], data[3][row], sign * total)
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


def decide(
    chosen: npt.NDArray[np.int64], rows: Rows, multipliers: npt.NDArray[np.float64], weights: Weights
) -> npt.NDArray[np.float64]:
    """Return the logits of the chosen rows."""
    scales = rows.scales(multipliers)
    logits: npt.NDArray[np.float64] = _decide(chosen, (rows.keys, rows.ends, scales, scales[:, 0]), weights)
    return logits


@kernel
def _decide(chosen, data, weights):  # type: ignore[no-untyped-def]
    out = np.empty(chosen.size, np.float64)
    for at in range(chosen.size):
        out[at] = _dot(chosen[at], data, weights)
    return out
