"""Work on many rows spread over processes or machines by joblib: scoring a file, and features for training.

Owns how rows are cut into blocks and put together again, so that the result is the same to the byte as one process
gives. Refuses to distribute anything itself: joblib's backend does, its own processes unless the caller names another
(``joblib.parallel_config(backend="dask")``). Workers load the model by its path, so other machines need it there too.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Final

from joblib import Parallel, delayed, parallel_config
from scipy.sparse import csr_matrix, vstack

from model.artifact import ModelRefused, load_model
from model.scorefile import Line, Progress, raw_blocks, score_lines, write_blocks
from model.serving import Model
from model.transformer import HashedFeatures

BLOCK_COMMENTS: Final = 2000


class ClusterAway(RuntimeError):
    """There is no cluster to work on."""


Comment = str | tuple[str, str, str]


def score_file_spread(
    model: Model, directory: Path, source: Path, target: Path, advance: Progress = lambda count: None, *, jobs: int
) -> int:
    """Do what ``scorefile.score_file`` does, in ``jobs`` processes of joblib's backend.

    Args:
        model: As loaded here; workers must find the same version.
        directory: Where workers load it from.
        source: JSON Lines, plain or gzip; read here only.
        target: Written here only.
        advance: Told how many rows were written, block by block.
        jobs: How many at once; -1 for as many as the backend has.

    Raises:
        DatasetError: The file cannot be read or a row does not parse.
        ModelRefused: A worker finds no such model, or another version.
    """
    work = (delayed(_score)(directory.absolute(), model.version, source, lines) for lines in raw_blocks(source))
    return write_blocks(Parallel(n_jobs=jobs, return_as="generator")(work), target, advance)


def features_spread(
    comments: Sequence[Comment], *, jobs: int, multipliers: Mapping[str, float] | None = None
) -> csr_matrix:
    """Return what ``HashedFeatures.transform`` returns, (comments, 2^20), float32, computed in ``jobs`` processes."""
    starts = range(0, len(comments), BLOCK_COMMENTS)
    work = (delayed(_transform)(comments[start : start + BLOCK_COMMENTS], multipliers) for start in starts)
    parts = Parallel(n_jobs=jobs)(work) or [_transform([], multipliers)]
    return vstack(parts, format="csr", dtype=parts[0].dtype)


@contextmanager
def on_dask(address: str | None) -> Iterator[None]:
    """Let joblib use a Dask cluster while the block lasts, if there is an address.

    Args:
        address: Of the scheduler, such as ``tcp://scheduler:8786``; its workers need Winnow installed.

    Raises:
        ClusterAway: If nobody answers there, or Dask is not installed.
    """
    if address is None:
        yield
        return
    try:
        client = import_module("distributed").Client(address, timeout="5s")  # It may not be installed.
    except ImportError:
        raise ClusterAway("Dask is not installed: pip install distributed.") from None
    except (OSError, ValueError) as error:
        raise ClusterAway(f"No Dask scheduler answers at {address}.") from error
    with client, parallel_config(backend="dask"):
        yield


def _score(directory: Path, version: str, source: Path, lines: list[Line]) -> str:
    return score_lines(_model(directory, version), source, lines)


@lru_cache(maxsize=1)
def _model(directory: Path, version: str) -> Model:
    model = load_model(directory)
    if model.version != version:
        raise ModelRefused(f"A worker finds {model.version} in {directory}, not {version}.")
    return model


def _transform(comments: Sequence[Comment], multipliers: Mapping[str, float] | None) -> csr_matrix:
    return HashedFeatures(multipliers).transform(comments)
