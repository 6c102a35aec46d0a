"""Shares corrected for the errors of a judge (docs/method.md section 7)."""

from itertools import combinations

import numpy as np

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
