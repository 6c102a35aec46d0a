"""Implied age of the neutral person: the age at which images are most similar to neutral (docs/method.md section 7)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from untold.statistics.resampling import Resampling, bca_limits
from untold.statistics.tidy import CELL

UNKNOWN = dict.fromkeys(("estimate", "low", "high", "r_squared"), np.nan)


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
        Parameters of the BCa bootstrap over units.
    by : sequence of str
        Additional keys: a template (number, word, both), or activity_id with ``unit="seed"`` for one age per
        activity.
    unit : str
        The unit that is resampled.

    Returns
    -------
    DataFrame
        dataset, space, metric, (by), n (units with the whole grid), estimate (years, within the grid), low,
        high, r_squared (of the fit to the mean curve), method, note. If a curve has no maximum inside the grid, the
        better end of the grid is given, and the note says so.

    References
    ----------
    docs/method.md section 7.
    """
    keys = [*CELL, *by]
    if grid["age"].nunique() < 3:
        raise ValueError("grid: a quadratic needs at least three ages")
    quadratic = Quadratic(np.sort(grid["age"].unique()).astype(float))
    grid = grid.sort_values([*keys, unit, "age"])
    means = grid.groupby([*keys, unit, "age"])["value"].mean().unstack("age").sort_index(axis=1)
    rows = []
    for cell, part in means.groupby(keys):
        curves = part.dropna().to_numpy()
        best = _best_age(quadratic, curves, unit, resampling)
        rows.append(dict(zip(keys, cell, strict=True)) | {"n": len(curves)} | UNKNOWN | best)
    return pd.DataFrame(rows).assign(method=f"quadratic fit; BCa bootstrap over {unit}")


class Quadratic:
    """Least-squares quadratics through curves over one grid of ages, whose ends are -1 and 1.

    Parameters
    ----------
    ages : ndarray of float, shape (n_ages,)
        In increasing order.
    """

    def __init__(self, ages: np.ndarray) -> None:
        self.centre, self.half = (ages[0] + ages[-1]) / 2, (ages[-1] - ages[0]) / 2
        self.powers = np.vander((ages - self.centre) / self.half, 3, increasing=True)
        self.inverse = np.linalg.pinv(self.powers)

    def fit(self, curves: np.ndarray) -> np.ndarray:
        """Coefficients, constant first, of curves of shape (..., n_ages)."""
        return curves @ self.inverse.T

    def r_squared(self, curve: np.ndarray) -> float:
        """Share of a curve's variation that its quadratic explains; NaN for a constant one."""
        residual = ((curve - self.powers @ self.fit(curve)) ** 2).sum()
        spread = ((curve - curve.mean()) ** 2).sum()
        return 1 - residual / spread if spread > 0 else np.nan

    def years(self, place: np.ndarray) -> np.ndarray:
        """Age at a place between -1 and 1."""
        return self.centre + self.half * place


def _best_age(quadratic: Quadratic, curves: np.ndarray, unit: str, resampling: Resampling) -> dict[str, object]:
    """Maximum of the mean of curves of shape (units, n_ages), as far as it can be determined, and a note."""
    if not len(curves):
        return {"note": f"no {unit} has the whole grid"}
    mean = curves.mean(0)
    best, inner = _peak(quadratic.fit(mean))
    row = {"estimate": quadratic.years(best), "r_squared": quadratic.r_squared(mean)}
    if np.isnan(best):
        return row | {"note": "flat curve: no maximum"}
    note = "" if inner else "no inner maximum: an end of the grid"
    if len(curves) == 1:
        return row | {"note": "; ".join(filter(None, [note, f"one {unit}: no interval"]))}
    low, high = quadratic.years(_peak_interval(quadratic, curves, best, resampling))
    return row | {"low": low, "high": high, "note": note}


def _peak_interval(quadratic: Quadratic, curves: np.ndarray, best: np.ndarray, resampling: Resampling) -> np.ndarray:
    """BCa limits, low and high, of the position of the maximum, over resampled curves."""
    n = len(curves)
    replicates = [_peak(quadratic.fit(weights @ curves / n))[0] for _, weights in resampling.weights(n)]
    left_out = _peak(quadratic.fit((curves.sum(0) - curves) / (n - 1)))[0]
    influence = (left_out.mean() - left_out)[:, None]
    limits = bca_limits(np.atleast_1d(best), np.concatenate(replicates)[None], influence, resampling.confidence)
    return np.concatenate(limits)


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
