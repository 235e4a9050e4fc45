"""The features as a scikit-learn transformer, for experiments and for comparing solvers.

It calls the same compiled code as serving and training, so the three cannot drift.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin

from model.batch import encode_rows, find_rows
from model.hashing import GROUP_NAMES, GROUP_SHIFT, SLOT_COUNT, SLOT_MASK
from model.tables import load_tables


class HashedFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn comments into the rows of a sparse matrix, (comments, 2^20), float32.

    Args:
        multipliers: What each feature group counts; 1 for those not named.
    """

    def __init__(self, multipliers: Mapping[str, float] | None = None) -> None:
        self.multipliers = multipliers

    def fit(self, comments: Sequence[Any], y: Any = None) -> "HashedFeatures":
        """Do nothing: hashing learns nothing."""
        return self

    def transform(self, comments: Sequence[str | tuple[str, str, str]]) -> csr_matrix:
        """Return the features of texts, or of (text, author, url)."""
        rows = [(comment, "", "") if isinstance(comment, str) else comment for comment in comments]
        keys, ends, sizes = find_rows(*encode_rows(rows), load_tables())
        given = self.multipliers or {}
        scales = np.array([given.get(name, 1.0) for name in GROUP_NAMES]) / np.sqrt(np.maximum(sizes, 1))
        row_of = np.repeat(np.arange(len(rows)), np.diff(ends))
        values = scales[row_of, keys >> GROUP_SHIFT].astype(np.float32)
        matrix = csr_matrix((values, (keys & SLOT_MASK).astype(np.int32), ends), shape=(len(rows), SLOT_COUNT))
        matrix.sum_duplicates()
        return matrix

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn that transforming needs no fit."""
        return True
