"""Sampling, cluster membership and single-threaded execution that give the same results on every machine."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
from sklearn import config_context
from threadpoolctl import threadpool_limits


def members(clusters: pd.DataFrame, method: str, keys: Iterable[str]) -> np.ndarray:
    """Return the cluster of each key by one method; ``clusters`` has the columns key, method, cluster."""
    chosen = clusters[clusters["method"] == method]
    return chosen.set_index("key")["cluster"].loc[list(keys)].to_numpy()


NOISE = -1


@contextmanager
def reproducible() -> Iterator[None]:
    """Limit BLAS and OpenMP to one thread, and scikit-learn to small blocks of distances."""
    with threadpool_limits(1), config_context(working_memory=128):
        yield


def sample(n: int, limit: int, seed: int) -> np.ndarray:
    """Return the sorted positions of at most ``limit`` of ``n`` points, drawn without replacement."""
    if n <= limit:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, limit, replace=False))


def sample_note(used: int, n: int) -> str:
    return "" if used == n else f"on a sample of {used} of {n} points"
