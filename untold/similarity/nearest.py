"""The group whose image is nearest to the neutral one: shares and the chi-square test."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from untold.catalogue.metrics import primary_metrics
from untold.statistics.resampling import Resampling
from untold.statistics.tidy import (
    CELL,
    adjust,
    by_group,
    seed_average,
    tabulate_shares,
    with_wilson,
)


def nearest_images(similarity: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """The group that each neutral image is nearest to.

    Parameters
    ----------
    similarity : DataFrame
        The long similarity table.
    groups : sequence of str
        At least two. A neutral image without an image of each group gets NaN.

    Returns
    -------
    DataFrame
        dataset, space, metric, activity_id, category, seed, group, value: 1 for the nearest group, 0 for the
        others; tied groups share the 1.

    References
    ----------
    docs/method.md section 7.

    Examples
    --------
    >>> similarity = pd.DataFrame({"group": ["young", "older"] * 2, "value": [0.8, 0.6, 0.7, 0.7]})
    >>> similarity = similarity.assign(seed=[0, 0, 1, 1], activity_id="cook", category="home")
    >>> similarity = similarity.assign(dataset="people", space="dino", metric="cosine")
    >>> nearest_images(similarity, ["young", "older"])[["seed", "group", "value"]]
       seed  group  value
    0     0  young    1.0
    1     1  young    0.5
    2     0  older    0.0
    3     1  older    0.5
    """
    keys = [*CELL, "activity_id", "category", "seed"]
    # Values that differ by rounding only are ties.
    wide = by_group(similarity, keys, groups).round(9)
    top = wide.eq(wide.max(axis=1), axis=0)
    shares = top.div(top.sum(axis=1), axis=0).where(wide.notna().all(axis=1))
    return shares.melt(ignore_index=False, var_name="group", value_name="value").reset_index()


def nearest_group(
    similarity: pd.DataFrame,
    groups: Sequence[str],
    resampling: Resampling,
    *,
    by: Sequence[str] = (),
) -> pd.DataFrame:
    """Share of neutral images that are nearest to each group.

    Parameters
    ----------
    groups : sequence of str
        See `nearest_images`.
    resampling : Resampling
        Of the BCa bootstrap over activities.
    by : sequence of str
        Additional keys, such as ``["category"]`` for a table per category.

    Returns
    -------
    DataFrame
        dataset, space, metric, group, (by), n (activities), n_seeds, estimate (mean over activities), low,
        high, expected (the uniform share, a choice of reference), method, note. A share of 0 or 1 in every
        activity cannot be bootstrapped and has a Wilson interval over activities.

    References
    ----------
    docs/method.md section 7.

    Examples
    --------
    >>> cells = pd.MultiIndex.from_product([["cook", "read", "run"], range(2), ["young", "older"]])
    >>> similarity = cells.to_frame(index=False, name=["activity_id", "seed", "group"])
    >>> similarity["value"] = [0.8, 0.6, 0.7, 0.6, 0.5, 0.6, 0.7, 0.5, 0.9, 0.7, 0.4, 0.6]
    >>> similarity = similarity.assign(dataset="people", space="dino", metric="cosine", category="home")
    >>> table = nearest_group(similarity, ["young", "older"], Resampling(999, 999, 0.95, seed=0))
    >>> table[["group", "n", "estimate", "low", "high", "expected"]].round(2)
       group  n  estimate  low  high  expected
    0  older  3      0.33  0.0   1.0       0.5
    1  young  3      0.67  0.0   1.0       0.5
    """
    matrix, counts = seed_average(nearest_images(similarity, groups), [*CELL, "group", *by])
    frame = tabulate_shares(matrix, counts, resampling)
    frame.insert(list(frame).index("method"), "expected", 1 / len(groups))
    return frame


def nearest_group_by_activity(similarity: pd.DataFrame, groups: Sequence[str], *, confidence: float) -> pd.DataFrame:
    """Share of an activity's neutral images that are nearest to each group.

    Returns
    -------
    DataFrame
        dataset, space, metric, group, category, activity_id, n (seeds), estimate, low, high (Wilson over
        seeds), method.

    References
    ----------
    docs/method.md section 7.
    """
    keys = [*CELL, "group", "category", "activity_id"]
    images = nearest_images(similarity, groups)
    frame = images.groupby(keys, observed=True)["value"].agg(n="count", estimate="mean").reset_index()
    return with_wilson(frame, confidence).assign(method="Wilson over seeds")


def chi_square(similarity: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """Chi-square test of the nearest-group counts against a uniform split, for the original table's empty column.

    Images of one activity are not independent, so the statistic is divided by the design effect, the ratio of
    the variance of the shares over activities to that of independent images (Rao and Scott 1981, first
    order). With one seed the design effect is 1 and the test is Pearson's.

    Returns
    -------
    DataFrame
        dataset, space, metric, n (activities), images, one ``count_{group}`` each, expected (count of each
        group under a uniform split), df, statistic (Pearson's), design_effect, p, p_adjusted (Holm over
        spaces and metrics of a dataset), method, note.

    References
    ----------
    docs/method.md section 6.

    Examples
    --------
    >>> winners = ["young"] * 14 + ["older"] * 6
    >>> cells = pd.MultiIndex.from_product([[f"a{i:02}" for i in range(20)], ["young", "older"]])
    >>> similarity = cells.to_frame(index=False, name=["activity_id", "group"])
    >>> similarity["value"] = [0.8 if group == winners[int(name[1:])] else 0.6 for name, group in cells]
    >>> similarity = similarity.assign(dataset="people", space="dino", metric="cosine", category="home", seed=0)
    >>> chi_square(similarity, ["young", "older"])[["count_young", "count_older", "statistic", "p"]].round(4)
       count_young  count_older  statistic       p
    0         14.0          6.0        3.2  0.0736
    """
    images = nearest_images(similarity, groups)
    rows = []
    for cell, part in images.groupby(CELL, observed=True):
        table = part.pivot_table(
            index="activity_id", columns="group", values="value", aggfunc=lambda x: x.sum(min_count=1)
        )
        counts = table.reindex(columns=list(groups)).dropna().to_numpy()
        rows.append(dict(zip(CELL, cell, strict=True)) | _chi_square(counts, groups))
    frame = pd.DataFrame(rows)
    frame["p_adjusted"] = adjust(frame, ["dataset"], "holm", frame["metric"].isin(primary_metrics()))
    frame["method"] = "Pearson chi-square over design effect; Holm"
    order = [name for name in frame if name not in ("p", "p_adjusted", "method", "note")]
    return frame[[*order, "p", "p_adjusted", "method", "note"]]


def _chi_square(counts: np.ndarray, groups: Sequence[str]) -> dict[str, object]:
    """The test for counts of shape (activities, groups)."""
    size, total = counts.sum(1), counts.sum(0)
    images, df = total.sum(), len(groups) - 1
    expected = images / len(groups)
    row = {"n": len(counts), "images": round(images)}
    row |= {f"count_{group}": count for group, count in zip(groups, total, strict=True)}
    row |= {"expected": expected, "df": df, "statistic": np.nan, "design_effect": np.nan, "p": np.nan}
    if not len(counts):
        return row | {"note": "no image to compare"}
    row["statistic"] = ((total - expected) ** 2 / expected).sum()
    share = total / images
    # Variance of the shares over activities (as a ratio estimate), and for independent images.
    clustered = ((counts - size[:, None] * share) ** 2).sum() / images**2
    independent = (share * (1 - share)).sum() / images
    if len(counts) == 1:
        return row | {"note": "one activity: no test"}
    note = ""
    if independent > 0:
        # Split ties vary less than whole images, but the correction must not make the test less conservative.
        row["design_effect"] = max(clustered / independent, 1.0)
    else:
        # Without any variation, activities are taken as the independent units.
        row["design_effect"], note = size.mean(), "every image is nearest to one group"
    return row | {"p": stats.chi2.sf(row["statistic"] / row["design_effect"], df), "note": note}
