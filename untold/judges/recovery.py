"""Compare estimated shares with planted ones (docs/method.md section 8)."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from untold.statistics.resampling import Resampling, wilson

KEYS = ("judge", "space", "estimator", "group")
# The ceiling: what the images depict, as one who makes no mistake would label them.
PERFECT = "perfect labels"


def share_gap(shares: pd.DataFrame, pair: tuple[str, str], value: str) -> pd.DataFrame:
    """The difference between two groups' shares in each activity, as group ``a-b``.

    Parameters
    ----------
    shares : DataFrame
        Planted or estimated shares with activity_id, group and the column ``value``.
    pair : (group, group)
        Groups a and b.
    value : str
        ``planted`` or ``estimate``. Intervals are dropped, because those of shares do not give one for a difference.

    Returns
    -------
    DataFrame
        The key columns, group ``a-b``, and ``value``.

    Examples
    --------
    >>> shares = pd.DataFrame({"activity_id": ["cook"] * 2, "group": ["young", "older"], "planted": [0.75, 0.25]})
    >>> share_gap(shares, ("young", "older"), "planted")
      activity_id  planted        group
    0        cook      0.5  young-older
    """
    keys = [name for name in (*KEYS[:-1], "activity_id") if name in shares]
    wide = shares[shares["group"].isin(pair)].pivot(index=keys, columns="group", values=value)
    # Equal differences of decimals differ in their last bits and would not be ties: 0.85 - 0.05 and 0.9 - 0.1.
    return (wide[pair[0]] - wide[pair[1]]).round(9).rename(value).reset_index().assign(group="-".join(pair))


def recovery(planted: pd.DataFrame, estimated: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """Estimated compared with planted values over activities, by space and estimator.

    Parameters
    ----------
    planted : DataFrame
        activity_id, group, planted.
    estimated : DataFrame
        judge, space, estimator, group, activity_id, estimate, and low and high if there are intervals. `share_gap`
        gives the rows of a difference.
    resampling : Resampling
        Parameters of the BCa bootstrap over activities.

    Returns
    -------
    DataFrame
        The keys of ``estimated``, quantity, n (activities), estimate, low, high, method, note. Quantities:
        slope (of estimated on planted; 1 if correct, 0 if unrelated), spearman, mae (mean absolute error), bias
        (estimated - planted), coverage (share of activities whose interval contains the planted value; Wilson).

    References
    ----------
    docs/method.md section 8.
    """
    keys = [name for name in KEYS if name in estimated]
    both = estimated.merge(planted[["activity_id", "group", "planted"]], on=["activity_id", "group"])
    both = both.sort_values([*keys, "activity_id"])
    rows = []
    for cell, part in both.groupby(keys):
        pair = part.dropna(subset=["planted", "estimate"])
        x, y = pair["planted"].to_numpy(), pair["estimate"].to_numpy()
        for quantity, statistic in STATISTICS.items():
            row = _bootstrapped(x, y, statistic, resampling)
            rows.append(dict(zip(keys, cell, strict=True)) | {"quantity": quantity} | row)
        row = _coverage(pair, resampling.confidence)
        rows.append(dict(zip(keys, cell, strict=True)) | {"quantity": "coverage"} | row)
    columns = ["quantity", "n", "estimate", "low", "high", "method", "note"]
    return pd.DataFrame(rows, columns=[*keys, *columns])


def slope(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
    """Least-squares slope of y on x; NaN where x is constant."""
    u = x - x.mean(axis, keepdims=True)
    square = (u**2).sum(axis)
    top = (u * y).sum(axis)
    return np.divide(top, square, out=np.full(np.shape(top), np.nan), where=square > 0)


def spearman(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
    """Spearman's rank correlation, with mean ranks for ties; NaN where x or y is constant."""
    u, v = (stats.rankdata(z, axis=axis) for z in (x, y))
    u, v = u - u.mean(axis, keepdims=True), v - v.mean(axis, keepdims=True)
    norm = np.sqrt((u**2).sum(axis) * (v**2).sum(axis))
    top = (u * v).sum(axis)
    return np.divide(top, norm, out=np.full(np.shape(top), np.nan), where=norm > 0)


STATISTICS = {
    "slope": slope,
    "spearman": spearman,
    "mae": lambda x, y, axis=-1: np.abs(y - x).mean(axis),
    "bias": lambda x, y, axis=-1: (y - x).mean(axis),
}


def _bootstrapped(
    x: np.ndarray, y: np.ndarray, statistic: Callable[..., np.ndarray], resampling: Resampling
) -> dict[str, object]:
    row: dict[str, object] = {"n": len(x), "estimate": np.nan, "low": np.nan, "high": np.nan}
    row |= {"method": "BCa bootstrap over activities", "note": ""}
    if len(x) < 3:
        return row | {"note": "fewer than three activities"}
    row["estimate"] = estimate = float(statistic(x, y))
    if np.isnan(estimate):
        return row | {"note": "planted or estimated values are all the same"}
    if np.allclose(x, y, rtol=0, atol=1e-12):
        return row | {"note": "estimated equals planted: no interval"}
    bootstrap = stats.bootstrap(
        (x, y),
        statistic,
        paired=True,
        vectorized=True,
        n_resamples=resampling.resamples,
        confidence_level=resampling.confidence,
        method="BCa",
        batch=1000,
        rng=np.random.default_rng([resampling.seed, len(x)]),
    )
    low, high = bootstrap.confidence_interval
    note = "" if np.isfinite(low) else "a resample has no variation: no interval"
    return row | {"low": low, "high": high, "note": note}


def _coverage(pair: pd.DataFrame, confidence: float) -> dict[str, object]:
    row: dict[str, object] = {
        "n": 0,
        "estimate": np.nan,
        "low": np.nan,
        "high": np.nan,
        "method": "Wilson over activities",
    }
    known = pair.dropna(subset=["low", "high"]) if {"low", "high"} <= set(pair) else pair.iloc[:0]
    if known.empty:
        return row | {"note": "no intervals"}
    inside = int(known["planted"].between(known["low"], known["high"]).sum())
    low, high = wilson(inside, len(known), confidence)
    share = {"n": len(known), "estimate": inside / len(known), "low": low, "high": high}
    return row | share | {"note": ""}
