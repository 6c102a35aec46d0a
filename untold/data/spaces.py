"""Load an embedding space: its vectors, and the image or prompt behind each of them."""

import hashlib
import logging
from collections.abc import Sequence, Set
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from untold.data.parquet import array_size, count_rows, read_arrays, read_table

log = logging.getLogger(__name__)


# Dimensions that a space too large for memory is projected onto.
DIRECTIONS = 512


BLOCK = 64  # rows converted to float32 at a time, few enough to stay in the processor's cache


# Largest size, in bytes, of a space in memory for clusters, maps and diversity; copies take about four times as much.
LARGEST = 2**30


def sample(table: pd.DataFrame, key: str, count: int) -> set[str]:
    """Draw keys of about ``count`` rows at random, but the same ones every time.

    Parameters
    ----------
    table : DataFrame
        Manifest of images. All images of an activity and seed are drawn together, so that they can be compared.
    key : str
        Column of the keys; prompts (``prompt_key``) are drawn individually.
    count : int
        If there are no more keys than this, all are returned. A smaller sample is a subset of a larger one.
    """
    keys = table.drop_duplicates(key)
    if len(keys) <= count:
        return set(keys[key])
    nested = key == "key" and {"activity_id", "seed"} <= set(keys.columns)
    units = keys["activity_id"] + "/" + keys["seed"].astype(str) if nested else keys[key]
    sizes = units.value_counts()
    # The order of digests is unrelated to the data, and needs no generator with a state.
    drawn = sizes.loc[sorted(sizes.index, key=lambda unit: hashlib.sha256(unit.encode()).digest())]
    return set(keys.loc[units.isin(drawn.index[drawn.cumsum() <= count]), key])


def read_sample(
    vectors: Sequence[Path], column: str, wanted: Set[str] | None = None, *, largest: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read the keys and arrays of the wanted rows, file by file.

    Parameters
    ----------
    vectors : sequence of Path
        Files with ``key`` and ``column``.
    wanted : set of str, optional
        Keys; all by default.
    largest : int, optional
        Limit in bytes, as float32. Rows that would take more are projected onto ``DIRECTIONS`` random directions, which
        preserves the cosine of two vectors to about 0.04; the log says so.

    Returns
    -------
    keys : ndarray of str, shape (n,)
    values : ndarray of shape (n, ...) or (n, DIRECTIONS)
    """
    count = sum(count_rows(path) for path in vectors) if wanted is None else len(wanted)
    size = array_size(vectors[0], column)
    directions = None
    if largest is not None and 4 * count * size > largest:
        parent = vectors[0].parent
        log.warning("%s: %d x %d numbers are read through %d random directions", parent, count, size, DIRECTIONS)
        directions = Directions(size)
    parts = []
    for path in vectors:
        keys, values = read_arrays(path, column)
        if wanted is not None:
            rows = np.array([key in wanted for key in keys], dtype=bool)
            keys, values = keys[rows], values[rows]
        parts.append((keys, directions(values) if directions else values))
    return np.concatenate([keys for keys, _ in parts]), np.concatenate([values for _, values in parts])


class Directions:
    """Random projection of a space with many dimensions, which preserves cosines to about 1 / sqrt(512).

    Each coordinate is added to one random place with a random sign, which costs no more than reading it. This is the
    count sketch, called the Clarkson-Woodruff transform in SciPy.

    Parameters
    ----------
    size : int
        Number of dimensions of a row.

    References
    ----------
    Charikar, Chen and Farach-Colton (2002), Finding frequent items in data streams.
    """

    def __init__(self, size: int) -> None:
        rng = np.random.default_rng(DIRECTIONS)
        places, signs = rng.integers(DIRECTIONS, size=size), rng.choice(np.array([-1, 1], np.float32), size)
        self.matrix = csr_array((signs, places, np.arange(size + 1)), shape=(size, DIRECTIONS))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Project rows of shape (n, ...) to float32 of shape (n, DIRECTIONS)."""
        rows = values.reshape(len(values), self.matrix.shape[0])
        blocks = np.array_split(rows, len(rows) // BLOCK + 1)
        return np.concatenate([block.astype(np.float32) @ self.matrix for block in blocks])


def read_space(
    vectors: Sequence[Path], column: str, subjects: Sequence[Path], key: str, *, largest: int | None = None
) -> tuple[np.ndarray, pd.DataFrame]:
    """Read vectors and, row by row, the images or prompts they belong to.

    Parameters
    ----------
    vectors : sequence of Path
        Files with ``key`` and ``column``.
    subjects : sequence of Path
        Manifests of images, or tables of prompts.
    key : str
        Column of the subjects with the keys of the vectors; repeated keys (a prompt with several seeds) count once.
    largest : int, optional
        Limit in bytes, as in :func:`read_sample`.

    Returns
    -------
    values : ndarray of float32, shape (n, dim)
        Latents flattened.
    subjects : DataFrame of n rows
        Sorted by key; the key column is renamed to ``key``.

    Raises
    ------
    ValueError
        If a vector has no subject, which means that the files come from different runs.
    """
    keys, values = read_sample(vectors, column, largest=largest)
    order = np.argsort(keys, kind="stable")
    table = read_table(subjects).drop_duplicates(key).set_index(key, drop=False).rename_axis(None)
    if missing := set(keys) - set(table.index):
        raise ValueError(
            f"{vectors[0]}: {len(missing)} vectors belong to no row of {subjects[0]}; delete both and rerun"
        )
    chosen = table.loc[keys[order]].drop(columns="key", errors="ignore") if key != "key" else table.loc[keys[order]]
    return values[order].reshape(len(order), -1).astype(np.float32), chosen.rename(columns={key: "key"}).reset_index(
        drop=True
    )
