"""A space as the analyses read it: vectors together with what each of them stands for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from scripts.lib.tables import read_arrays, read_table


def members(clusters: pd.DataFrame, method: str, keys: Sequence[str]) -> np.ndarray:
    """Cluster of each key by one method, as an array of int; ``clusters`` has key, method, cluster."""
    chosen = clusters[clusters["method"] == method]
    return chosen.set_index("key")["cluster"].loc[list(keys)].to_numpy()


def read_space(
    vectors: Sequence[Path], column: str, subjects: Sequence[Path], key: str
) -> tuple[np.ndarray, pd.DataFrame]:
    """Vectors and, row by row, their images or prompts.

    Parameters
    ----------
    vectors : sequence of Path
        Files with ``key`` and ``column``.
    subjects : sequence of Path
        Manifests of images, or tables of prompts.
    key : str
        Column of the subjects that the vectors' keys are in; repeated keys (a prompt of several seeds) count once.

    Returns
    -------
    values : ndarray of float32, shape (n, dim)
        Latents flattened.
    subjects : DataFrame of n rows
        Sorted by ``key``, which is a column of this name whatever it was called.

    Raises
    ------
    ValueError
        If a vector has no subject: the files are of different runs.
    """
    keys, values = read_arrays(vectors, column)
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
