"""Age shares of neutral images, corrected for the errors of the zero-shot classifier (docs/method.md section 7).

`predictions` tables have the form described in `untold.judges.groups`.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from untold.judges.groups import KEYS, hot
from untold.statistics.resampling import Resampling, bca_limits, mean_intervals
from untold.statistics.tidy import BCA, interval_methods, notes, with_wilson

COUNTS, PROBABILITIES = "zero-shot counts", "zero-shot probabilities"
CORRECTED = {COUNTS: "corrected counts", PROBABILITIES: "corrected probabilities"}
# Above this condition number the confusion matrix says little about the true shares.
SINGULAR = 30.0


def unmix(confusion: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Estimate true shares from observed ones by non-negative least squares of ``confusion.T @ x = observed``.

    With two groups this is the estimator of Rogan and Gladen 1978. It is solved for all resamples at once over the
    possible sets of non-zero shares, because one solver call per resample would take minutes.

    Parameters
    ----------
    confusion : ndarray of shape (..., k, k)
        Rows are true groups, columns predictions; rows sum to 1.
    observed : ndarray of shape (..., k)
        Shares of the predictions.

    Returns
    -------
    ndarray of shape (..., k)
        Non-negative, with sum 1; NaN where an input is NaN.

    References
    ----------
    docs/method.md section 7.

    Examples
    --------
    >>> confusion = np.array([[0.9, 0.1], [0.3, 0.7]])  # three in ten of the older look young
    >>> unmix(confusion, np.array([0.6, 0.4])).round(3)
    array([0.5, 0.5])
    """
    k = observed.shape[-1]
    shape = np.broadcast_shapes(confusion.shape[:-1], observed.shape)
    matrix = np.broadcast_to(np.swapaxes(confusion, -1, -2), (*shape, k)).reshape(-1, k, k)
    target = np.broadcast_to(observed, shape).reshape(-1, k)
    known = np.isfinite(target).all(1) & np.isfinite(matrix).all((1, 2))
    best, least = np.zeros_like(target), np.where(known, np.inf, 0.0)
    open_rows = np.flatnonzero(known)
    for size in range(k, 0, -1):
        for support in combinations(range(k), size):
            part, goal = matrix[open_rows][:, :, support], target[open_rows]
            x = (np.linalg.pinv(part) @ goal[..., None])[..., 0]
            residual = ((np.einsum("nij,nj->ni", part, x) - goal) ** 2).sum(1)
            better = (x >= 0).all(1) & (residual < least[open_rows])
            rows = open_rows[better]
            least[rows] = residual[better]
            best[rows] = 0
            best[np.ix_(rows, support)] = x[better]
        if size == k:
            # A solution without negative shares cannot be improved by setting shares to zero.
            open_rows = np.flatnonzero(np.isinf(least))
    total = best.sum(1, keepdims=True)
    return np.divide(best, total, out=np.full_like(best, np.nan), where=total > 0).reshape(shape)


def neutral_shares(
    predictions: pd.DataFrame,
    groups: Sequence[str],
    neutral: str,
    resampling: Resampling,
) -> pd.DataFrame:
    """Age shares of neutral images by four estimators.

    ``zero-shot counts`` counts the most probable group and ``zero-shot probabilities`` averages
    probabilities. The ``corrected`` ones invert the confusion matrix of the marked images (of counts, or of mean
    probabilities as in Lipton et al. 2018). Each resample of activities recomputes the confusion matrix and the
    neutral shares together.

    Returns
    -------
    DataFrame
        dataset, space, estimator, group, n (activities), n_seeds, estimate, low, high, method, note.

    References
    ----------
    docs/method.md section 7.
    """
    rows = []
    for cell, part in predictions.groupby(KEYS):
        for estimator, corrected in CORRECTED.items():
            hard = estimator == COUNTS
            observed, rates = _per_activity(part, groups, neutral, hard)
            present = np.isfinite(observed).all(1)
            head = dict(zip(KEYS, cell, strict=True)) | {"group": list(groups), "n": present.sum()}
            head["n_seeds"] = part.loc[part["group"] == neutral, "seed"].nunique()
            means = mean_intervals(observed, resampling)
            raw = {"estimator": estimator, "estimate": means.estimate, "low": means.low, "high": means.high}
            rows.append(pd.DataFrame(head | raw | {"method": interval_methods(means), "note": notes(means)}))
            point, low, high, note = _corrected(observed, rates, resampling)
            fixed = {"estimator": corrected, "estimate": point, "low": low, "high": high}
            method = f"confusion matrix inverted by non-negative least squares; {BCA}"
            rows.append(pd.DataFrame(head | fixed | {"method": method, "note": note}))
    frame = pd.concat(rows, ignore_index=True)
    return frame[[*KEYS, "estimator", "group", "n", "n_seeds", "estimate", "low", "high", "method", "note"]]


def neutral_shares_by_activity(
    predictions: pd.DataFrame,
    groups: Sequence[str],
    neutral: str,
    resampling: Resampling,
) -> pd.DataFrame:
    """Age shares of each activity's neutral images: counts, and counts corrected with the pooled confusion matrix.

    An activity has few seeds, which often agree, and resampling them would then give intervals of zero width. Counts
    have Wilson intervals; corrected counts have percentile intervals over Dirichlet draws around the counts
    (Jeffreys' prior), each corrected with a confusion matrix from a resample of activities to include its uncertainty.

    Returns
    -------
    DataFrame
        dataset, space, estimator, group, activity_id, n (seeds), estimate, low, high, method, note.

    References
    ----------
    docs/method.md sections 7 and 8.
    """
    rows = []
    k = len(groups)
    for cell, part in predictions.groupby(KEYS):
        images = part[part["group"] == neutral].sort_values(["activity_id", "seed"])
        hard = hot(images[list(groups)].to_numpy())
        activities, member = np.unique(images["activity_id"].to_numpy(dtype=str), return_inverse=True)
        counts = np.zeros((len(activities), k))
        np.add.at(counts, member, hard)
        n = counts.sum(1)
        head = dict(zip(KEYS, cell, strict=True)) | {
            "group": np.tile(groups, len(activities)),
            "activity_id": np.repeat(activities, k),
            "n": np.repeat(n, k).astype(int),
        }
        share = counts / n[:, None]
        raw = pd.DataFrame(head | {"estimator": COUNTS, "estimate": share.ravel()})
        rows.append(with_wilson(raw, resampling.confidence).assign(method="Wilson over seeds", note=""))
        _, rates = _per_activity(part, groups, neutral, hard=True)
        pooled = _weighted(rates, np.ones((1, len(rates))))[0]
        corrected = pd.DataFrame(head | {"estimator": CORRECTED[COUNTS], "estimate": np.nan})
        corrected = corrected.assign(low=np.nan, high=np.nan, note=_confusion_note(pooled))
        if len(counts) and np.isfinite(pooled).all():
            drawn = np.concatenate(list(_resampled(rates, resampling)))
            usable = drawn[np.isfinite(drawn).all((1, 2))]
            rng = np.random.default_rng([resampling.seed, resampling.resamples, 2])
            corrected["estimate"] = unmix(pooled, share).ravel()
            levels = [(1 - resampling.confidence) / 2, (1 + resampling.confidence) / 2]
            limits = []
            for count in counts:
                draws = unmix(usable, rng.dirichlet(count + 0.5, len(usable)))
                limits.append(np.quantile(draws, levels, axis=0).T)
            corrected[["low", "high"]] = np.concatenate(limits)
            # An estimate on the boundary may lie outside the central part of the draws.
            corrected["low"] = corrected[["low", "estimate"]].min(axis=1)
            corrected["high"] = corrected[["high", "estimate"]].max(axis=1)
        rows.append(corrected.assign(method="non-negative least squares; Dirichlet draws x bootstrap"))
    frame = pd.concat(rows, ignore_index=True)
    columns = ["group", "activity_id", "n", "estimate", "low", "high", "method", "note"]
    return frame[[*KEYS, "estimator", *columns]]


def _corrected(
    observed: np.ndarray, rates: np.ndarray, resampling: Resampling
) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Corrected shares with BCa limits from joint resamples of neutral and marked images."""
    n, k = observed.shape
    stacked = np.concatenate([observed[:, None, :], rates], axis=1)
    ones = _weighted(stacked, np.ones((1, n)))[0]
    nothing = np.full(k, np.nan)
    note = _confusion_note(ones[1:]) or ("" if np.isfinite(ones).all() else "no neutral image")
    if not np.isfinite(ones).all():
        return nothing, nothing, nothing, note
    point = unmix(ones[1:], ones[0])
    if n < 2:
        return point, nothing, nothing, "one activity: no interval"
    drawn = np.concatenate(list(_resampled(stacked, resampling)))
    replicates = unmix(drawn[:, 1:], drawn[:, 0])
    replicates = replicates[np.isfinite(replicates).all(1)]
    left_out = _weighted(stacked, 1 - np.eye(n))
    jackknife = unmix(left_out[:, 1:], left_out[:, 0])
    # Without the only activity that has images of a group there is no confusion matrix, so its influence is unknown.
    influence = np.nan_to_num(np.nanmean(jackknife, axis=0) - jackknife)
    low, high = bca_limits(point, replicates.T, influence, resampling.confidence)
    if (point == 0).any() and not note:
        note = "a share is at its bound of zero"
    return point, low, high, note


def _resampled(stacked: np.ndarray, resampling: Resampling) -> Iterator[np.ndarray]:
    """Means over resampled activities, in blocks of resamples."""
    for _, weights in resampling.weights(len(stacked)):
        yield _weighted(stacked, weights)


def _weighted(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean over activities of the finite values of shape (activities, ...), for each row of weights."""
    flat = values.reshape(len(values), -1)
    finite = np.isfinite(flat)
    top, bottom = weights @ np.where(finite, flat, 0.0), weights @ finite
    mean = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    return mean.reshape(len(weights), *values.shape[1:])


def _per_activity(part: pd.DataFrame, groups: Sequence[str], neutral: str, hard: bool) -> tuple[np.ndarray, np.ndarray]:
    """Seed-averaged predictions: neutral (activities, k) and marked (activities, k requested, k predicted)."""
    k = len(groups)
    values = part[list(groups)].to_numpy(dtype=float)
    frame = pd.DataFrame(hot(values) if hard else values, columns=list(groups))
    frame[["activity_id", "seed", "asked"]] = part[["activity_id", "seed", "group"]].to_numpy()
    means = frame.sort_values(["activity_id", "seed"]).groupby(["asked", "activity_id"])[list(groups)].mean()
    index = pd.MultiIndex.from_product([[neutral, *groups], sorted(part["activity_id"].unique())])
    cube = means.reindex(index).to_numpy().reshape(k + 1, -1, k)
    return cube[0], cube[1:].transpose(1, 0, 2)


def _confusion_note(rates: np.ndarray) -> str:
    if not np.isfinite(rates).all():
        return "a marked group has no image: no confusion matrix"
    if np.linalg.cond(rates) > SINGULAR:
        return "the classifier hardly tells the groups apart: the correction is unstable"
    return ""
