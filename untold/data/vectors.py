"""Normalisation of vectors."""

import math

import numpy as np


def unit(vectors: np.ndarray) -> np.ndarray:
    """L2-normalised float32 rows (flattened to two dimensions).

    Raises
    ------
    ValueError
        If a row has no direction because it is zero, NaN or infinite; the message gives its position.

    Examples
    --------
    >>> unit([[3.0, 4.0], [0.0, 2.0]])
    array([[0.6, 0.8],
           [0. , 1. ]], dtype=float32)
    """
    flat = np.asarray(vectors, dtype=np.float32)
    flat = flat.reshape(len(flat), math.prod(flat.shape[1:]))
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    bad = ~np.isfinite(norms[:, 0]) | (norms[:, 0] == 0)
    if bad.any():
        raise ValueError(f"vector {int(np.argmax(bad))} is zero or not finite: embed that image again or drop it")
    return flat / norms
