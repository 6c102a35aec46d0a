"""Similarity of each marked image, or prompt, to its neutral partner."""

from collections.abc import Callable
from typing import Literal

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
        One row per accepted pair: the columns of the marked image, and ``partner`` (the neutral group),
        ``partner_key`` and ``partner_prompt_key``. An image whose neutral counterpart was rejected has no row.

    Examples
    --------
    >>> images = pd.DataFrame({"activity_id": "cook", "seed": 0, "group": ["neutral", "young", "older"]})
    >>> images = images.assign(role=["neutral", "group", "group"], key=["n", "y", "o"], prompt_key=["pn", "py", "po"])
    >>> pairs(images.assign(accepted=True))[["group", "key", "partner", "partner_key"]]
       group key  partner partner_key
    0  older   o  neutral           n
    1  young   y  neutral           n
    """
    accepted = manifest[manifest["accepted"]]
    marked = accepted[accepted["role"] != "neutral"]
    return _matched(marked, accepted[accepted["role"] == "neutral"], "many_to_one")


def marked_pairs(manifest: pd.DataFrame) -> pd.DataFrame:
    """Match every image of a group with the images of the other groups, and of all groups at another seed.

    Parameters
    ----------
    manifest : DataFrame
        As for `pairs`.

    Returns
    -------
    DataFrame
        As `pairs`. ``role`` is ``same seed`` for pairs of two groups with the noise of one seed, and ``other seed`` for
        pairs of any two groups, one at the first seed of the activity and one at the second.

    Examples
    --------
    >>> cells = pd.MultiIndex.from_product([[0, 1], ["young", "older"]], names=["seed", "group"])
    >>> images = cells.to_frame(index=False).assign(activity_id="cook", role="group", accepted=True)
    >>> images = images.assign(key=images["group"].str[0] + images["seed"].astype(str), prompt_key="p")
    >>> marked_pairs(images).groupby("role")[["key", "partner_key"]].agg(" ".join)
                        key  partner_key
    role
    other seed  o0 o0 y0 y0  o1 y1 o1 y1
    same seed   o0 y0 o1 y1  y0 o0 y1 o1
    """
    marked = manifest[manifest["accepted"] & (manifest["role"] == "group")]
    alike = _matched(marked, marked, "many_to_many").query("group != partner").assign(role="same seed")
    order = marked.groupby("activity_id")["seed"].rank("dense")
    second = marked[order == 2]
    first = marked[order == 1]
    seeds = first["activity_id"].map(second.groupby("activity_id")["seed"].first())
    moved = _matched(first.assign(own_seed=first["seed"], seed=seeds).dropna(subset=["seed"]), second, "many_to_many")
    moved = moved.assign(seed=moved.pop("own_seed"), role="other seed") if len(moved) else alike.iloc[:0]
    return pd.concat([alike, moved], ignore_index=True)


def _matched(
    marked: pd.DataFrame, partners: pd.DataFrame, validate: Literal["many_to_one", "many_to_many"]
) -> pd.DataFrame:
    """Every marked image beside every partner of its activity and seed."""
    named = {"group": "partner", "key": "partner_key", "prompt_key": "partner_prompt_key"}
    partners = partners[["activity_id", "seed", *named]].rename(columns=named)
    matched = marked.merge(partners, on=["activity_id", "seed"], how="inner", validate=validate)
    return matched.sort_values(["activity_id", "seed", "group", "partner"], ignore_index=True)


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
