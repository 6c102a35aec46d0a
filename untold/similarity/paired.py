"""Similarity of each marked image, or prompt, to its neutral partner."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from untold.catalogue.metrics import Metric, of
from untold.similarity import patches, vectors

# Pairs compared at once. Normalised copies of all latents of a shard would take several times its memory; similarities
# of 64 pairs with 197 tokens each take 10 MB in float32.
VECTOR_BLOCK = 1024
TOKEN_BLOCK = 64


def pairs(manifest: pd.DataFrame) -> pd.DataFrame:
    """Match every marked image with the neutral one of its activity and seed.

    Parameters
    ----------
    manifest : DataFrame
        Columns activity_id, category, group, role, age, seed, key, prompt_key, accepted.

    Returns
    -------
    DataFrame
        One row per accepted pair: the columns of the marked image, and ``neutral_key`` and ``neutral_prompt_key``. An
        image whose neutral counterpart was rejected has no row.

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


def function_of(metric: Metric) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The function of a metric of vectors or tokens, for stacks of pairs."""
    if metric.compares == "vectors":
        return getattr(vectors, metric.name)
    function = getattr(patches, metric.name)
    return function if metric.class_token else lambda x, y: function(x[..., 1:, :], y[..., 1:, :])


def _by_blocks(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    size: int,
) -> np.ndarray:
    """Apply a metric to rows ``first`` of x and ``second`` of y, in blocks of pairs to save memory."""
    blocks = [slice(start, start + size) for start in range(0, len(first), size)]
    values = [function(x[first[rows]], y[second[rows]]) for rows in blocks]
    return np.concatenate(values or [np.empty(0, np.float32)])


def paired_between(
    keys: np.ndarray,
    values: np.ndarray,
    other_keys: np.ndarray,
    other_values: np.ndarray,
    first: pd.Series,
    second: pd.Series,
) -> np.ndarray:
    """Cosine between vectors of two sets, pair by pair, such as images and their prompts."""
    return _by_blocks(vectors.cosine, values, other_values, _rows(keys, first), _rows(other_keys, second), VECTOR_BLOCK)


def paired_vectors(
    keys: np.ndarray, values: np.ndarray, marked: pd.Series, neutral: pd.Series
) -> dict[str, np.ndarray]:
    """All metrics of vectors between two lists of keys, pair by pair; x is the marked image, y the neutral one.

    Parameters
    ----------
    keys : ndarray of str, shape (n,)
    values : ndarray of shape (n, dim)
    marked, neutral : Series of str
    """
    return _paired("vectors", keys, values, marked, neutral, VECTOR_BLOCK)


def paired_patches(
    keys: np.ndarray, tokens: np.ndarray, marked: pd.Series, neutral: pd.Series
) -> dict[str, np.ndarray]:
    """All metrics of patch tokens (docs/method.md section 4), in the same way as `paired_vectors`.

    Parameters
    ----------
    tokens : ndarray of shape (n, 1 + n_patches, dim)
        With the class token first.
    """
    return _paired("tokens", keys, tokens, marked, neutral, TOKEN_BLOCK)


def _paired(
    compares: str, keys: np.ndarray, values: np.ndarray, marked: pd.Series, neutral: pd.Series, size: int
) -> dict[str, np.ndarray]:
    x, y = _rows(keys, marked), _rows(keys, neutral)
    return {metric.name: _by_blocks(function_of(metric), values, values, x, y, size) for metric in of(compares)}
