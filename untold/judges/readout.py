"""Shares read from a denoiser before a picture is made (docs/method.md section 7a).

At pure noise the best denoiser predicts a mean, so that its prediction for the neutral prompt is the mean of those for
the groups, weighted by their shares. In shapes, A is the number of activities, K of noises and G of groups.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from untold.judges.stereotype import ALL_GROUPS
from untold.statistics.resampling import FEW, Resampling

# Squared distance of the groups' predictions from each other, relative to that from neutral, which is only rounding.
ROUNDING = 1e-6
# Distance of neutral from the nearest mixture, relative to that of two groups, beyond which it is none.
FAR = 0.5
NOT_FINITE = "the predictions are not finite"
NO_DIFFERENCE = "the groups do not differ"
NO_MIXTURE = "neutral is not a mixture of the groups"
READOUT = "readout"  # what slopes are against, beside datasets


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


def amplification(
    shares: pd.DataFrame, weights: pd.DataFrame, unguided: Mapping[str, pd.DataFrame], resampling: Resampling
) -> pd.DataFrame:
    """How much more activities differ in what is drawn than in what the denoiser expects, as slopes.

    Parameters
    ----------
    shares, weights : DataFrame of shape (A, G)
        Shares of the groups in the images, and their weights in the readout, by activity.
    unguided : mapping of str to DataFrame of shape (A, G)
        Shares in the images of datasets that differ from this one only in having no guidance.
    resampling : Resampling
        Of the activities.

    Returns
    -------
    DataFrame
        against (``readout`` or a dataset), group (and ``all groups`` together), slope, low, high (percentiles over
        resampled activities), n (activities), note (why there is no interval).

    Notes
    -----
    A regression on the shares of few images would be too flat, because these are noisy. The slope on another dataset is
    therefore the slope on the readout divided by that of the other dataset: the readout is an instrument (Wald 1940).

    References
    ----------
    docs/method.md section 7a.
    """
    groups = list(weights.columns)
    tail = (1 - resampling.confidence) / 2
    tables = []
    for against, below in {READOUT: weights, **unguided}.items():
        joined = pd.concat([shares[groups], below[groups], weights], axis=1, keys=range(3)).dropna()
        n, few = len(joined), len(joined) < FEW
        drawn, less, expected = (joined[part].to_numpy(float) for part in range(3))
        resamples = [] if few else [counts for _, counts in resampling.weights(n)]
        once = np.concatenate([np.ones((1, n)), *resamples]) / max(n, 1)
        above, under = (_covariances(once, values, expected) for values in (drawn, less))
        with np.errstate(invalid="ignore", divide="ignore"):
            slopes = above / under
        low, high = np.full((2, len(groups) + 1), np.nan) if few else np.quantile(slopes[1:], [tail, 1 - tail], axis=0)
        note = f"fewer than {FEW} activities" if few else ""
        columns = {"against": against, "group": [*groups, ALL_GROUPS], "slope": slopes[0], "low": low, "high": high}
        tables.append(pd.DataFrame({**columns, "n": n, "note": note}))
    return pd.concat(tables, ignore_index=True)


def _covariances(once: np.ndarray, values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Covariances of columns (A, G) in each resample (D, A), and their sum: (D, G + 1)."""
    each = once @ (values * others) - (once @ values) * (once @ others)
    return np.column_stack([each, each.sum(1)])
