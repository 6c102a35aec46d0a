"""Similarity of each marked image, or prompt, to its neutral partner."""

import numpy as np
import pandas as pd

from untold.data.vectors import unit
from untold.similarity.patches import PATCH_METRICS

BLOCK = 1024  # pairs whose vectors are compared at once


PAIR_BATCH = 64  # pairs whose token matrices are compared at once: 64 x 197 x 197 float32 is 10 MB


def pairs(manifest: pd.DataFrame) -> pd.DataFrame:
    """Match every marked image with the neutral one of its activity and seed.

    Parameters
    ----------
    manifest : DataFrame
        Columns activity_id, category, group, role, age, seed, key, prompt_key, accepted.

    Returns
    -------
    DataFrame
        One row per accepted pair: the marked image's columns, and ``neutral_key``, ``neutral_prompt_key``. An image
        whose neutral one was rejected has no row.

    Examples
    --------
    >>> images = pd.DataFrame({"activity_id": "cook", "seed": 0, "group": ["neutral", "young", "older"]})
    >>> images = images.assign(role=["neutral", "group", "group"], key=["n", "y", "o"], prompt_key=["pn", "py", "po"])
    >>> pairs(images.assign(accepted=True))[["group", "key", "neutral_key"]]
       group key neutral_key
    0  older   o           n
    1  young   y           n
    """
    accepted = manifest[manifest["accepted"]]
    neutral = accepted.loc[accepted["role"] == "neutral", ["activity_id", "seed", "key", "prompt_key"]]
    neutral = neutral.rename(columns={"key": "neutral_key", "prompt_key": "neutral_prompt_key"})
    marked = accepted[accepted["role"] != "neutral"]
    matched = marked.merge(neutral, on=["activity_id", "seed"], how="inner", validate="many_to_one")
    return matched.sort_values(["activity_id", "seed", "group"], ignore_index=True)


def _rows(keys: np.ndarray, wanted: pd.Series) -> np.ndarray:
    """Positions of the wanted keys in ``keys``."""
    found = pd.Index(keys).get_indexer(wanted)
    if (found < 0).any():
        raise ValueError(f"{int((found < 0).sum())} images have no vector, such as {wanted.iloc[int(found.argmin())]}")
    return found


def paired_between(
    keys: np.ndarray,
    vectors: np.ndarray,
    other_keys: np.ndarray,
    other_vectors: np.ndarray,
    first: pd.Series,
    second: pd.Series,
) -> np.ndarray:
    """Cosine between a vector of one set and a vector of another, pair by pair, such as image and prompt."""
    x, y = _rows(keys, first), _rows(other_keys, second)
    # By blocks: normalised copies of a shard's latents would take several times its own memory.
    blocks = [slice(start, start + BLOCK) for start in range(0, len(x), BLOCK)]
    cosines = [np.einsum("ij,ij->i", unit(vectors[x[rows]]), unit(other_vectors[y[rows]])) for rows in blocks]
    return np.concatenate(cosines or [np.empty(0, np.float32)])


def paired_cosine(keys: np.ndarray, vectors: np.ndarray, marked: pd.Series, neutral: pd.Series) -> np.ndarray:
    """Cosine between the vectors of two lists of keys, pair by pair (method.md section 3), in float32.

    Examples
    --------
    >>> keys, vectors = np.array(["n", "y", "o"]), np.float32([[1, 0], [3, 4], [0, 2]])
    >>> paired_cosine(keys, vectors, pd.Series(["y", "o"]), pd.Series(["n", "n"]))
    array([0.6, 0. ], dtype=float32)
    """
    return paired_between(keys, vectors, keys, vectors, marked, neutral)


def paired_patches(
    keys: np.ndarray, tokens: np.ndarray, marked: pd.Series, neutral: pd.Series
) -> dict[str, np.ndarray]:
    """The four patch similarities of method.md section 4, pair by pair; x is the marked image, y the neutral one.

    Parameters
    ----------
    tokens : ndarray of shape (n, 1 + n_patches, dim)
        Class token first.
    """
    x, y = _rows(keys, marked), _rows(keys, neutral)
    return {
        name: np.concatenate(
            [
                metric(tokens[x[start : start + PAIR_BATCH]], tokens[y[start : start + PAIR_BATCH]])
                for start in range(0, len(x), PAIR_BATCH)
            ]
            or [np.empty(0, np.float32)]
        )
        for name, metric in PATCH_METRICS.items()
    }
