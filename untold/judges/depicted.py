"""What was planted, what is depicted and what was judged in the miniature world (docs/method.md section 8)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from untold.judges.recovery import spearman
from untold.statistics.resampling import Resampling, mean_intervals

KEYS = ["judge", "space", "estimator"]


def depicted_shares(seen: pd.DataFrame, axis: str, groups: Sequence[str]) -> pd.DataFrame:
    """Share of each activity's images that depict each group.

    Parameters
    ----------
    seen : DataFrame
        activity_id and one column per axis with the group that an image depicts.
    axis : str
        Name of the column.
    groups : sequence of str

    Returns
    -------
    DataFrame of shape (A, G)
        Indexed by activity_id, one column per group; rows add up to 1.

    Examples
    --------
    >>> seen = pd.DataFrame({"activity_id": ["cook", "cook", "run"], "age": ["young", "older", "older"]})
    >>> depicted_shares(seen, "age", ["young", "older"])
                 young  older
    activity_id
    cook           0.5    0.5
    run            0.0    1.0
    """
    counts = pd.crosstab(seen["activity_id"], seen[axis], normalize="index")
    return counts.reindex(columns=list(groups), fill_value=0.0).rename_axis(columns=None)


def audit_error(judged: pd.DataFrame, depicted: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """How far judged shares are from the shares that the same images depict.

    Parameters
    ----------
    judged : DataFrame
        The table ``shares``: judge, space, estimator, level, activity_id, group, estimate; only single activities are
        read.
    depicted : DataFrame of shape (A, G)
        From :func:`depicted_shares`, in the order of the axis.
    resampling : Resampling
        Of the BCa bootstrap over activities.

    Returns
    -------
    DataFrame
        judge, space, estimator, mae (mean absolute error of an activity's shares), low, high (its interval), rho
        (Spearman's, of the first minus the last group's share), n (activities), note.
    """
    truth = depicted.to_numpy()
    rows = []
    each = judged[judged["level"] == "activity"]
    for cell, part in each.groupby(KEYS, sort=False):
        wide = part.pivot(index="activity_id", columns="group", values="estimate")
        shares = wide.reindex(index=depicted.index, columns=depicted.columns).to_numpy(dtype=float)
        known = np.isfinite(shares).all(1)
        means = mean_intervals(np.abs(shares - truth)[known].mean(1, keepdims=True), resampling)
        row = {"mae": means.estimate[0], "low": means.low[0], "high": means.high[0], "n": int(known.sum())}
        row["rho"] = float(spearman(_gap(truth[known]), _gap(shares[known]))) if known.sum() > 1 else np.nan
        row["note"] = "" if known.all() else f"{int((~known).sum())} activities without shares"
        rows.append(dict(zip(KEYS, cell, strict=True)) | row)
    return pd.DataFrame(rows, columns=[*KEYS, "mae", "low", "high", "rho", "n", "note"])


def generator_error(
    depicted: pd.DataFrame,
    planted: pd.DataFrame | Mapping[str, float],
    axis: str,
    resampling: Resampling,
) -> pd.DataFrame:
    """How far depicted shares are from those in the captions that the generator was trained on.

    Parameters
    ----------
    depicted : DataFrame of shape (A, G)
        From :func:`depicted_shares`.
    planted : DataFrame of shape (A, G), or mapping of group to share
        By activity, or the same for every activity.
    axis : str
    resampling : Resampling
        Of the BCa bootstrap over activities.

    Returns
    -------
    DataFrame
        axis, group, planted (mean over activities), estimate (mean depicted share), low, high (its interval), mae (mean
        absolute error over activities), rho (Spearman's, over activities; missing where planted shares are equal), n.
    """
    truth = np.broadcast_to(
        planted.to_numpy(float)
        if isinstance(planted, pd.DataFrame)
        else np.array([planted[str(group)] for group in depicted]),
        depicted.shape,
    )
    shares = depicted.to_numpy()
    means = mean_intervals(shares, resampling)
    return pd.DataFrame(
        {
            "axis": axis,
            "group": list(depicted),
            "planted": truth.mean(0),
            "estimate": means.estimate,
            "low": means.low,
            "high": means.high,
            "mae": np.abs(shares - truth).mean(0),
            "rho": spearman(truth.round(9), shares.round(9), axis=0),
            "n": len(shares),
        }
    )


def _gap(shares: np.ndarray) -> np.ndarray:
    # Rounded, because equal shares must stay ties.
    return (shares[:, 0] - shares[:, -1]).round(9)
