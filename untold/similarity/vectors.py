"""Similarities between two vectors. Each function has the name of a metric in the catalogue."""

import numpy as np

from untold.data.vectors import unit


def cosine(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Cosine similarity between vectors of two lists, pair by pair (docs/method.md section 3).

    Parameters
    ----------
    x, y : ndarray of shape (n, dim)

    Returns
    -------
    ndarray of shape (n,)
        In [-1, 1], in the precision of the vectors.

    Raises
    ------
    ValueError
        If a vector has zero norm.
    """
    return np.einsum("ij,ij->i", unit(x), unit(y))
