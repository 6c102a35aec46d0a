"""Shares read from a denoiser before a picture is made (docs/method.md section 7a).

At pure noise the best denoiser predicts a mean, so that its prediction for the neutral prompt is the mean of those for
the groups, weighted by their shares. In shapes, A is the number of activities, K of noises and G of groups.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import nnls

# Squared distance of the groups' predictions from each other, relative to that from neutral, which is only rounding.
ROUNDING = 1e-6
# Distance of neutral from the nearest mixture, relative to that of two groups, beyond which it is none.
FAR = 0.5
NOT_FINITE = "the predictions are not finite"
NO_DIFFERENCE = "the groups do not differ"
NO_MIXTURE = "neutral is not a mixture of the groups"


def nearest_mixture(products: np.ndarray) -> np.ndarray:
    """Weights of the mixture of groups that is nearest to the neutral prediction: (..., G), >= 0, sum 1.

    Parameters
    ----------
    products : ndarray of shape (..., G, G)
        ``(y - b_g) @ (y - b_h)`` of the neutral prediction y and the groups' predictions b.

    Notes
    -----
    The squared distance of a mixture is ``w @ products @ w``. Least squares with w >= 0 and a penalty on the distance
    of the sum from 1 finds a multiple of the best mixture, whatever the weight of the penalty: the squared distance
    grows with the square of the multiple, and so does not matter to which mixture is the best (Lawson and Hanson 1974).
    """
    size = products.shape[-1]
    values, vectors = np.linalg.eigh(products.reshape(-1, size, size))
    roots = np.sqrt(np.clip(values, 0, None))[..., None] * vectors.swapaxes(-1, -2)
    scale = np.maximum(np.abs(roots).max((1, 2)), np.finfo(float).tiny)
    target = np.append(np.zeros(size), 1.0)
    found = np.array(
        [nnls(np.vstack([root / unit, np.ones(size)]), target)[0] for root, unit in zip(roots, scale, strict=True)]
    )
    return (found / found.sum(1, keepdims=True)).reshape(products.shape[:-1])


def explained(products: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """R2 of a mixture: the part of the distance between neutral and the mean of the groups that it explains, (...).

    NaN where neutral is the mean of the groups, so that nothing is left to explain.
    """
    left = np.einsum("...g,...gh,...h->...", weights, products, weights)
    whole = products.mean((-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, 1 - left / whole, np.nan)


def readout(activities: Sequence[str], groups: Sequence[str], products: np.ndarray) -> pd.DataFrame:
    """Weights of the groups in each activity, read from the denoiser.

    Parameters
    ----------
    activities : sequence of str of length A
    groups : sequence of str of length G
    products : ndarray of shape (A, K, G, G)
        As for `nearest_mixture`, by activity and noise.

    Returns
    -------
    DataFrame
        activity_id, group, weight, deviation (standard error of the weight over noises; no interval of a share),
        noises, r2 (see `explained`), distance (of neutral from the mixture, relative to the mean distance of two
        groups), note. A weight is missing where the groups' predictions do not differ or are not finite.

    References
    ----------
    docs/method.md section 7a.
    """
    noises, size = products.shape[1], len(groups)
    mean = products.mean(1)
    finite = np.isfinite(mean).all((1, 2))
    squares = np.diagonal(mean, axis1=1, axis2=2)
    between = (squares[:, :, None] + squares[:, None] - 2 * mean).sum((1, 2)) / (size * (size - 1))
    usable = finite & (between > ROUNDING * squares.mean(1)) & (between > 0)
    weight, deviation = np.full((2, len(activities), size), np.nan)
    weight[usable] = nearest_mixture(mean[usable])
    if noises > 1:
        deviation[usable] = nearest_mixture(products[usable]).std(1, ddof=1) / np.sqrt(noises)
    left = np.einsum("ag,agh,ah->a", weight, mean, weight)
    with np.errstate(invalid="ignore", divide="ignore"):
        distance = np.where(usable, np.sqrt(np.clip(left, 0, None) / between), np.nan)
    hindrances = {NOT_FINITE: ~finite, NO_DIFFERENCE: ~usable, NO_MIXTURE: distance > FAR}
    note = np.select(list(hindrances.values()), list(hindrances), "")
    head = pd.DataFrame({"activity_id": np.repeat(activities, size), "group": np.tile(groups, len(activities))})
    each = {"r2": explained(mean, weight), "distance": distance, "note": note}
    return head.assign(
        weight=weight.ravel(),
        deviation=deviation.ravel(),
        noises=noises,
        **{name: np.repeat(values, size) for name, values in each.items()},
    )
