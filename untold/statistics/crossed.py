"""Intervals where all activities share the noise of a seed (docs/method.md section 6).

Activities are then crossed with seeds: a seed whose noise happens to give older persons does so in every activity, and
no number of activities averages it out.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import optimize, stats

from untold.statistics.resampling import Means

CROSSED = "Student's t over activities and seeds"
ONE_SEED = "one seed, whose noise all activities share: no interval for other seeds"
NOT_COUNTED = "activities share the noise of a seed, which this interval does not count"


def crossed_intervals(
    frame: pd.DataFrame, by: Sequence[str], columns: pd.Index, means: Means, confidence: float
) -> tuple[Means, np.ndarray]:
    """Replace intervals over activities by intervals over activities and seeds.

    The variance of the mean is that of activity means over activities plus that of seed means over seeds. The part of
    a single image is in both, which makes the interval a little too wide. The quantile is that of Cochran and Cox: the
    quantiles of both parts, weighted by their variances, which does not fall short with two or three seeds.

    Parameters
    ----------
    frame : DataFrame
        Long values with ``by``, activity_id, seed, value. Seeds below zero (prompts) have no noise, and their
        cells keep their intervals.
    by : sequence of str
        The keys of a cell.
    columns : Index
        The cells, in the order of ``means``.
    means : Means
        Their means over activities.
    confidence : float

    Returns
    -------
    Means, ndarray of shape (n_cells,)
        Without interval where there is one seed; and the two-sided p-value of a zero mean, NaN in cells without noise.

    References
    ----------
    Cochran and Cox 1957, Experimental Designs, section 4.14; Owen 2007, Annals of Applied Statistics 1:386.
    """
    low, high, p = means.low.copy(), means.high.copy(), np.full(len(columns), np.nan)
    where = {cell: number for number, cell in enumerate(columns)}
    for cell, part in frame[frame["seed"] >= 0].groupby(list(by), observed=True):
        column = where[cell if len(by) > 1 else cell[0]]
        wide = part.pivot_table(index="activity_id", columns="seed", values="value", aggfunc="mean")
        low[column] = high[column] = np.nan
        if min(wide.shape) < 2 or means.constant[column]:
            continue
        own = wide.mean(axis=1)
        seeds = wide.sub(own, axis=0).mean()
        parts = np.array([own.var() / len(own), seeds.var() / len(seeds)])
        if not parts.sum() > 0:
            continue
        error, df = np.sqrt(parts.sum()), (len(own) - 1, len(seeds) - 1)
        half = _quantile(1 - confidence, parts, df) * error
        low[column], high[column] = means.estimate[column] - half, means.estimate[column] + half
        t = abs(means.estimate[column]) / error
        p[column] = optimize.brentq(lambda alpha, parts=parts, df=df, t=t: _quantile(alpha, parts, df) - t, 1e-15, 1)
    return replace(means, low=low, high=high), p


def _quantile(alpha: float, parts: np.ndarray, df: tuple[int, int]) -> float:
    """Two-sided critical value at level ``alpha`` of a mean whose variance has two parts."""
    return float(np.average(stats.t.isf(alpha / 2, df), weights=parts))
