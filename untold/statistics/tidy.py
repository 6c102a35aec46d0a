"""Reshape the long similarity table to activities x cells, and results back to a tidy table."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from untold.statistics.resampling import FEW, Means, Resampling, mean_intervals, wilson

CELL = ["dataset", "space", "metric"]


BCA = "BCa bootstrap over activities"
STUDENT = "Student's t over activities"


def differences(similarity: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Gaps within each (activity, seed), so that anything common to both images cancels before averaging.

    Returns
    -------
    DataFrame
        The columns of ``similarity`` without group, plus contrast (``a-b``); value is ``a - b``, NaN where an
        image is missing.

    Raises
    ------
    ValueError
        If the table has two values for one key.

    Examples
    --------
    >>> similarity = pd.DataFrame({"seed": [0, 0, 1], "group": ["young", "older", "young"], "value": [0.75, 0.5, 0.8]})
    >>> similarity = similarity.assign(dataset="people", space="dino", metric="cosine", activity_id="cook")
    >>> differences(similarity, [("young", "older")])[["activity_id", "seed", "contrast", "value"]]
      activity_id  seed     contrast  value
    0        cook     0  young-older   0.25
    1        cook     1  young-older    NaN
    """
    keys = [name for name in similarity.columns if name not in ("group", "value")]
    wide = by_group(similarity, keys, dict.fromkeys(group for pair in pairs for group in pair))
    columns = {f"{a}-{b}": wide[a] - wide[b] for a, b in pairs}
    parts = [column.rename("value").reset_index().assign(contrast=name) for name, column in columns.items()]
    return pd.concat(parts, ignore_index=True)


def by_group(similarity: pd.DataFrame, keys: Sequence[str], groups: Iterable[str]) -> pd.DataFrame:
    """One row per key and one column per group; NaN for a missing image, an error for a duplicate."""
    keys = list(keys)
    indexed = similarity[similarity["group"].isin(list(groups))].set_index([*keys, "group"])["value"]
    indexed = indexed.astype(float)
    if indexed.index.has_duplicates:
        twice = dict(zip([*keys, "group"], indexed.index[indexed.index.duplicated()][0], strict=True))
        raise ValueError(f"similarity: two values for one key, {twice}; keep one row per key")
    cells = pd.MultiIndex.from_frame(similarity[keys].drop_duplicates().sort_values(keys))
    return indexed.unstack("group").reindex(index=cells, columns=pd.Index(list(groups), name="group"))


def seed_average(frame: pd.DataFrame, by: Sequence[str]) -> tuple[pd.DataFrame, pd.Series]:
    """Average values over seeds and arrange them as activities x cells.

    Returns
    -------
    DataFrame, Series
        Matrix (rows activity_id, columns ``by``, both sorted, NaN where nothing exists) and the number of
        distinct seeds with a value in each cell.
    """
    by = list(by)
    # Sorting first makes sums, and thus the last bit of every result, independent of the order of rows.
    frame = frame.sort_values([*by, "activity_id", "seed"], kind="stable").astype({"value": float})
    matrix = frame.groupby([*by, "activity_id"], observed=True)["value"].mean().unstack(by).sort_index(axis=0)
    matrix = matrix.sort_index(axis=1)
    seeds = frame["seed"].where(frame["value"].notna())
    counts = seeds.groupby([frame[name] for name in by], observed=True).nunique()
    return matrix, counts.reindex(matrix.columns)


def tabulate(matrix: pd.DataFrame, seeds: pd.Series | None, means: Means) -> pd.DataFrame:
    """The key columns of a matrix together with its n, n_seeds, estimate, low and high."""
    frame = matrix.columns.to_frame(index=False)
    frame["n"] = means.n
    if seeds is not None:
        frame["n_seeds"] = seeds.to_numpy()
    return frame.assign(estimate=means.estimate, low=means.low, high=means.high)


def interval_methods(means: Means) -> np.ndarray:
    """How the interval of each cell was computed."""
    return np.where(means.n < FEW, STUDENT, BCA)


def tabulate_shares(matrix: pd.DataFrame, seeds: pd.Series, resampling: Resampling) -> pd.DataFrame:
    """Mean shares over activities with intervals in [0, 1]: key columns, n, n_seeds, estimate, low, high, method, note.

    A share of 0 or 1 in every activity cannot be resampled; it has a Wilson interval over activities.
    """
    means = mean_intervals(matrix.to_numpy(), resampling)
    frame = tabulate(matrix, seeds, means).assign(method=interval_methods(means), note=notes(means))
    frame[["low", "high"]] = frame[["low", "high"]].clip(0, 1)
    unanimous = means.constant & np.isin(means.estimate, (0.0, 1.0))
    frame.loc[unanimous, ["low", "high"]] = with_wilson(frame[unanimous], resampling.confidence)[["low", "high"]]
    frame.loc[unanimous, ["method", "note"]] = ["Wilson over activities", "the same in every activity"]
    return frame


def notes(means: Means) -> np.ndarray:
    """The reason why a cell has no interval; empty if it has one."""
    return np.select(
        [means.n == 0, means.n == 1, means.constant],
        [
            "no image to compare",
            "one activity: no interval and no test",
            "the same value in every activity: no interval",
        ],
        "",
    )


def ranked(frame: pd.DataFrame, by: Sequence[str], column: str) -> pd.Series:
    """Rank within each group of ``by`` from the largest value; values that differ by rounding only are ties."""
    rounded = frame[column].round(9)
    return rounded.groupby([frame[name] for name in by]).rank(ascending=False, method="min").astype("Int64")


def adjust(frame: pd.DataFrame, by: Sequence[str], method: str, family: pd.Series | None = None) -> pd.Series:
    """Adjusted p-values within each group of ``by``; NaN stays NaN and does not count.

    Parameters
    ----------
    method : {"holm", "bh"}
        Holm's step-down procedure, or Benjamini and Hochberg's false discovery rate.
    family : Series of bool, optional
        Rows that belong to the family; the others get NaN.
    """
    usable = frame["p"].notna() if family is None else frame["p"].notna() & family
    adjusted = pd.Series(np.nan, index=frame.index)
    procedures: dict[str, Callable[..., np.ndarray]] = {"holm": holm, "bh": stats.false_discovery_control}
    for _, p in frame[usable].groupby(list(by), observed=True)["p"]:
        adjusted[p.index] = procedures[method](p.to_numpy())
    return adjusted


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values of a vector without NaN.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03, 0.005]))
    array([0.03, 0.06, 0.06, 0.02])
    """
    # Not statsmodels' multipletests: it collects garbage in every call, 66 ms for twelve p-values.
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return adjusted


def floor_to_ceiling(frame: pd.DataFrame, reference: pd.DataFrame | None) -> np.ndarray:
    """Ceiling minus floor for each row; NaN where it is unknown or not positive."""
    if reference is None:
        return np.full(len(frame), np.nan)
    keys = [name for name in CELL if name in reference.columns]
    matched = frame[keys].merge(reference[[*keys, "floor", "ceiling"]], on=keys, how="left", validate="many_to_one")
    scale = (matched["ceiling"] - matched["floor"]).to_numpy(dtype=float)
    return np.where(scale > 0, scale, np.nan)


def standard_deviation(values: np.ndarray) -> np.ndarray:
    """Standard deviation of each column over its finite values; NaN below two of them."""
    return pd.DataFrame(values).std(ddof=1).to_numpy()


COLUMNS = (
    *(*CELL, "contrast", "category", "activity_id", "n", "n_seeds", "statistic", "estimate", "low", "high"),
    *(
        "range",
        "margin",
        "p",
        "p_adjusted",
        "equivalent",
        "d_z",
        "share_positive",
        "gap_units",
        *("balanced", "net", "net_low", "net_high", "net_p", "net_p_adjusted"),
        "rank",
        "method",
        "note",
    ),
)


def in_column_order(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[[name for name in COLUMNS if name in frame]]


def with_wilson(frame: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Add low and high to shares ``estimate`` of ``n`` trials; NaN without trials."""
    low, high = wilson(frame["n"] * frame["estimate"], frame["n"], confidence)
    return frame.assign(low=low, high=high)
