"""Diversity of sets of images, compared at equal size (docs/method.md section 10)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from untold.data.vectors import unit
from untold.structure.sampling import reproducible

ORDERS = (0.5, 1.0, 2.0, np.inf)


def mean_distance(points: np.ndarray) -> float:
    """Compute the mean cosine distance over all pairs, in [0, 2].

    It is derived from the sum of the unit vectors, without forming any pair, and is NaN for fewer than two points.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Unit vectors.

    Examples
    --------
    >>> mean_distance(np.eye(3)), mean_distance(np.ones((3, 1)))
    (1.0, 0.0)
    """
    n = len(points)
    if n < 2:
        return np.nan
    total = points.sum(axis=0, dtype=np.float64)
    return float(1 - (total @ total - n) / (n * (n - 1)))


def vendi(points: np.ndarray, orders: Sequence[float] = ORDERS) -> np.ndarray:
    """Compute the Vendi score, the effective number of distinct images, for each order q.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Unit vectors. The eigenvalues come from the n x n or the d x d Gram matrix, whichever is smaller.
    orders : sequence of float
        The order q of the Hill number: 0.5 gives more weight to rare kinds, infinity counts only the most common.

    Returns
    -------
    ndarray of shape (len(orders),)
        In [1, min(n, d)]; 1 if all images are identical.

    References
    ----------
    Friedman and Dieng (2023); Pasarkar and Dieng (2024) for q.

    Examples
    --------
    >>> vendi(np.eye(3), [1]).round(6), vendi(np.ones((3, 1)), [1])
    (array([3.]), array([1.]))
    """
    x = np.asarray(points, dtype=np.float64)
    gram = x @ x.T if len(x) <= x.shape[1] else x.T @ x
    share = np.linalg.eigvalsh(gram)
    share = share[share > 1e-12 * share[-1]] / share.sum()
    scores = []
    for q in orders:
        if q == 1:
            scores.append(np.exp(-(share * np.log(share)).sum()))
        elif np.isinf(q):
            scores.append(1 / share.max())
        else:
            scores.append((share**q).sum() ** (1 / (1 - q)))
    return np.array(scores)


def diversity(
    vectors: np.ndarray,
    groups: ArrayLike,
    *,
    units: ArrayLike | None = None,
    size: int | None = None,
    seed: int = 0,
    draws: int = 50,
    limit: int = 1_000,
    minimum: int = 10,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compute the mean pairwise distance and Vendi scores of each group, rarefied to the same number of images.

    Vendi scores increase with the size of the set, so they are averaged over subsets of equal ``size``, drawn without
    replacement; a bootstrap would repeat images, and copies lower the score. The same subsets give the interval by
    the delete-d jackknife (Shao and Wu 1989): the variance over subsets of m out of n, multiplied by m / (n - m).

    Parameters
    ----------
    vectors : ndarray of shape (n, d)
    groups : sequence of length n
        Clusters or groups; missing values are excluded.
    units : sequence of length n, optional
        Units within which images are nested (activities). If given, units are drawn and counted instead of images.
        Each unit contributes at most as many images as units of the group with the fewest have (their median), so that
        a group with more seeds does not seem more diverse, and at most ``limit // size``; they are redrawn for every
        subset.
    size : int, optional
        By default half of the smallest group with at least ``minimum`` units, and at most ``limit``. It is half
        because the jackknife needs as many units to be left out.

    Returns
    -------
    DataFrame
        ``group, metric`` (mean_distance, vendi_q0.5, vendi_q1, vendi_q2, vendi_qinf), ``n`` (images),
        ``units``, ``size`` (of the subsets), ``estimate, low, high, method, note``. Groups that are too small keep
        their rows, without Vendi scores and with a note.
    """
    points = unit(vectors)
    group_of = pd.Series(groups, dtype=object).to_numpy()
    names = sorted(set(group_of[~pd.isna(group_of)]), key=lambda name: (str(type(name)), name))
    unit_of = np.arange(len(points)) if units is None else pd.factorize(pd.Series(units, dtype=object))[0]
    members = {name: np.flatnonzero(group_of == name) for name in names}
    counts = {name: len(np.unique(unit_of[rows])) for name, rows in members.items()}
    large = [count for count in counts.values() if count >= minimum]
    if size is None and large:
        size = min(limit, min(large) // 2)
    each = max(1, limit // size) if size else 1
    if units is not None and large:
        medians = [
            np.median(np.unique(unit_of[rows], return_counts=True)[1])
            for name, rows in members.items()
            if counts[name] >= minimum
        ]
        each = max(1, min(each, int(min(medians))))
    labels = ["mean_distance", *(f"vendi_q{q:g}" for q in ORDERS)]
    z = stats.norm.ppf(0.5 + confidence / 2)
    frames = []
    for name, rows in members.items():
        x, count = points[rows], counts[name]
        estimate = np.full(len(labels), np.nan)
        error = estimate.copy()
        method = note = ""
        if size is None or count < max(minimum, size + 1):
            note = f"{count} are too few to rarefy" + (f" to {size}" if size else f": at least {minimum} are needed")
        else:
            nested = pd.factorize(unit_of[rows])[0]
            method = f"{draws} subsets of {size}"
            if np.bincount(nested).max() > each:
                method += f", {each} images of each at most"
            with reproducible():
                scores = _subsets(x, nested, size, each, draws, np.random.default_rng(seed))
            estimate = scores.mean(axis=0)
            error = scores.std(axis=0, ddof=1) * np.sqrt(size / (count - size))
        # The mean distance is unbiased at any size, so it is estimated from all images.
        estimate[0] = mean_distance(x)
        frames.append(
            pd.DataFrame(
                {
                    "group": name,
                    "metric": labels,
                    "n": len(rows),
                    "units": count,
                    "size": size,
                    "estimate": estimate,
                    "low": np.maximum(estimate - z * error, [0, *(1 for _ in ORDERS)]),
                    "high": estimate + z * error,
                    "method": f"{method}; delete-d jackknife" if method else "",
                    "note": note,
                }
            )
        )
    columns = ["group", "metric", "n", "units", "size", "estimate", "low", "high", "method", "note"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def _subsets(
    x: np.ndarray, units: np.ndarray, size: int, each: int, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Score random subsets of ``size`` units with at most ``each`` images per unit; shape (draws, 1 + orders)."""
    order = np.argsort(units, kind="stable")
    ends = np.cumsum(np.bincount(units))
    starts = np.concatenate([[0], ends[:-1]])

    def images(unit: int) -> np.ndarray:
        found = order[starts[unit] : ends[unit]]
        return found if len(found) <= each else rng.choice(found, each, replace=False)

    scores = []
    for _ in range(draws):
        drawn = np.sort(rng.choice(len(ends), size, replace=False))
        rows = np.concatenate([images(unit) for unit in drawn])
        scores.append([mean_distance(x[rows]), *vendi(x[rows])])
    return np.array(scores)
