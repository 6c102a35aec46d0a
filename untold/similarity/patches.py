"""Similarities between two sets of patch tokens. Each function has the name of a metric in the catalogue."""

import numpy as np

from untold.data.vectors import unit


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
    docs/method.md section 4.

    Examples
    --------
    >>> x = np.eye(3)
    >>> float(patch_maxsim(x, x[[2, 0, 1]]))
    1.0
    >>> round(float(patch_maxsim(x, x[[0, 0, 0]])), 3)
    0.667
    """
    _check(x, y)
    cosines = _token_unit(x) @ np.swapaxes(_token_unit(y), -1, -2)
    return (cosines.max(-1).mean(-1) + cosines.max(-2).mean(-1)) / 2


def maxsim_forward(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Mean over the tokens of ``x`` of the best cosine in ``y``; not symmetric (docs/method.md section 4).

    Parameters as for :func:`patch_maxsim`, with the class token.
    """
    _check(x, y)
    return (_token_unit(x) @ np.swapaxes(_token_unit(y), -1, -2)).max(-1).mean(-1)


def dcr_split(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Largest inner product of tokens at the same index, after normalising the whole matrix (Somepalli et al. 2023).

    Parameters as for :func:`patch_maxsim`, with the class token. Identical matrices give the largest squared token
    share, which is below 1.

    Examples
    --------
    >>> x = np.eye(4)
    >>> float(dcr_split(x, x)), float(dcr_split(x, x[[1, 2, 3, 0]]))
    (0.25, 0.0)
    """
    _check(x, y)
    return (_flat_unit(x) * _flat_unit(y)).sum(-1).max(-1)


def dcr_cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """As :func:`dcr_split`, over all pairs of tokens."""
    _check(x, y)
    return (_flat_unit(x) @ np.swapaxes(_flat_unit(y), -1, -2)).max((-1, -2))
