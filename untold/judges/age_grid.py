"""Implied neutral age: where on a grid of ages the images are most like neutral (method.md section 7)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from untold.statistics.resampling import Resampling, bca_limits
from untold.statistics.tidy import CELL


def implied_age(
    grid: pd.DataFrame,
    resampling: Resampling,
    *,
    by: Sequence[str] = (),
    unit: str = "activity_id",
) -> pd.DataFrame:
    """The age whose images are most similar to neutral: the maximum of a quadratic through the age grid.

    Parameters
    ----------
    grid : DataFrame
        dataset, space, metric, activity_id, seed, age (years), value (similarity of neutral to that age's
        image).
    resampling : Resampling
        Of the BCa bootstrap over units.
    by : sequence of str
        More keys: a template (number, word, both), or activity_id with ``unit="seed"`` for one age per
        activity.
    unit : str
        What is resampled.

    Returns
    -------
    DataFrame
        dataset, space, metric, (by), n (units with the whole grid), estimate (years, within the grid), low,
        high, r_squared (of the fit to the mean curve), method, note. The maximum of a curve without an inner
        one is the better end of the grid, and the note says so.

    References
    ----------
    method.md section 7.
    """
    keys = [*CELL, *by]
    if grid["age"].nunique() < 3:
        raise ValueError("grid: a quadratic needs at least three ages")
    ages = np.sort(grid["age"].unique()).astype(float)
    centre, half = (ages[0] + ages[-1]) / 2, (ages[-1] - ages[0]) / 2
    powers = np.vander((ages - centre) / half, 3, increasing=True)
    fit = np.linalg.pinv(powers)
    grid = grid.sort_values([*keys, unit, "age"])
    means = grid.groupby([*keys, unit, "age"])["value"].mean().unstack("age").sort_index(axis=1)
    rows = []
    for cell, part in means.groupby(keys):
        curves = part.dropna().to_numpy()
        n = len(curves)
        row = dict(zip(keys, cell, strict=True)) | {"n": n, "estimate": np.nan, "low": np.nan, "high": np.nan}
        row |= {"r_squared": np.nan, "note": f"no {unit} has the whole grid"}
        if n:
            mean = curves.mean(0)
            best, inner = _peak(mean @ fit.T)
            residual, spread = ((mean - powers @ (fit @ mean)) ** 2).sum(), ((mean - mean.mean()) ** 2).sum()
            row |= {
                "estimate": centre + half * best,
                "r_squared": 1 - residual / spread if spread > 0 else np.nan,
            }
            row["note"] = "" if inner else "no inner maximum: an end of the grid"
            if np.isnan(best):
                row["note"] = "flat curve: no maximum"
            elif n == 1:
                row["note"] += f"{'; ' if row['note'] else ''}one {unit}: no interval"
            else:
                replicates = np.empty((1, resampling.resamples))
                for block, weights in resampling.weights(n):
                    replicates[0, block] = _peak((weights @ curves / n) @ fit.T)[0]
                left_out = _peak((curves.sum(0) - curves) / (n - 1) @ fit.T)[0]
                influence = (left_out.mean() - left_out)[:, None]
                limits = bca_limits(np.atleast_1d(best), replicates, influence, resampling.confidence)
                row["low"], row["high"] = (centre + half * limit[0] for limit in limits)
        rows.append(row)
    return pd.DataFrame(rows).assign(method=f"quadratic fit; BCa bootstrap over {unit}")


def _peak(coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place of the largest value on [-1, 1] of quadratics, and whether it is an inner maximum."""
    slope, curvature = coefficients[..., 1], coefficients[..., 2]
    # Rounding in the fit of a flat curve must not look like a slope.
    tiny = 1e-12 * np.abs(coefficients[..., 0])
    concave = curvature < -tiny
    vertex = -slope / np.where(concave, 2 * curvature, 1)
    inner = concave & (np.abs(vertex) < 1)
    end = np.where(np.abs(slope) > tiny, np.sign(slope), np.nan)
    return np.where(inner, vertex, end), inner
