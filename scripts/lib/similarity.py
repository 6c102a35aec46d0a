"""Cosine and patch similarities between a group's image and the neutral one (method.md sections 3 and 4)."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from scripts.lib.tables import unit

BLOCK = 1024  # pairs whose vectors are compared at once
PAIR_BATCH = 64  # pairs whose token matrices are compared at once: 64 x 197 x 197 float32 is 10 MB


def _token_unit(x: np.ndarray) -> np.ndarray:
    """Normalise each token of (..., n_tokens, dim)."""
    x = x.astype(np.float32)
    norms = np.linalg.norm(x, axis=-1, keepdims=True)
    if (norms == 0).any():
        raise ValueError("a token has zero norm: its direction does not exist")
    return x / norms


def _flat_unit(x: np.ndarray) -> np.ndarray:
    """Normalise the whole flattened matrix of (..., n_tokens, dim)."""
    return unit(x.reshape(-1, x.shape[-2] * x.shape[-1])).reshape(x.shape)


def _check(x: np.ndarray, y: np.ndarray) -> None:
    if x.shape != y.shape:
        raise ValueError(f"token matrices differ in shape: {x.shape} and {y.shape}")


def patch_maxsim(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Symmetric mean-of-max cosine similarity between two sets of patch tokens.

    Parameters
    ----------
    x, y : ndarray of shape (..., n_tokens, dim)
        Patch tokens without the class token.

    Returns
    -------
    ndarray of shape (...)
        In [-1, 1]; 1 for identical sets, whatever the order of their tokens.

    Raises
    ------
    ValueError
        If the shapes differ or a token has zero norm.

    References
    ----------
    method.md section 4.
    """
    _check(x, y)
    cosines = _token_unit(x) @ np.swapaxes(_token_unit(y), -1, -2)
    return (cosines.max(-1).mean(-1) + cosines.max(-2).mean(-1)) / 2


def maxsim_forward(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Mean over the tokens of ``x`` of the best cosine in ``y``; not symmetric (method.md section 4).

    Parameters as for :func:`patch_maxsim`, with the class token.
    """
    _check(x, y)
    return (_token_unit(x) @ np.swapaxes(_token_unit(y), -1, -2)).max(-1).mean(-1)


def dcr_split(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Largest inner product of tokens at the same index, after one norm for the whole matrix (Somepalli et al. 2023).

    Parameters as for :func:`patch_maxsim`, with the class token. Identical matrices give the largest squared token
    share, which is below 1.
    """
    _check(x, y)
    return (_flat_unit(x) * _flat_unit(y)).sum(-1).max(-1)


def dcr_cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """As :func:`dcr_split`, over all pairs of tokens."""
    _check(x, y)
    return (_flat_unit(x) @ np.swapaxes(_flat_unit(y), -1, -2)).max((-1, -2))


PATCH_METRICS: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "patch_maxsim": lambda x, y: patch_maxsim(x[..., 1:, :], y[..., 1:, :]),
    "maxsim_forward": maxsim_forward,
    "dcr_split": dcr_split,
    "dcr_cross": dcr_cross,
}


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
    """Cosine between the vectors of two lists of keys, pair by pair (method.md section 3), in float32."""
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
