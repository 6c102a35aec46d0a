"""Gaps between groups with intervals, tests and effect sizes (docs/method.md section 6).

Every function takes the long similarity table (dataset, activity_id, category, seed, group, space, metric,
value) in any row order and returns a tidy table. Values that cannot be computed are NaN, and ``note`` says why; the
other rows are unaffected.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from untold.catalogue.metrics import primary_metrics
from untold.statistics.resampling import ROUNDING, Resampling, column_means, mean_intervals, sign_flip
from untold.statistics.tidy import (
    BCA,
    CELL,
    adjust,
    by_group,
    differences,
    floor_to_ceiling,
    notes,
    seed_average,
    tabulate,
)
from untold.statistics.tidy import in_column_order as in_column_order
from untold.statistics.tidy import standard_deviation as standard_deviation

FLIP = f"{BCA}; sign-flip permutation; Holm"


def group_means(similarity: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """Mean similarity of each group to neutral: the original study's table, with intervals.

    Returns
    -------
    DataFrame
        dataset, space, metric, group, n (activities), n_seeds, estimate, low, high, method, note.

    References
    ----------
    docs/method.md sections 3 and 6.

    Examples
    --------
    >>> cells = pd.MultiIndex.from_product([["cook", "read", "run"], ["young", "older"]])
    >>> similarity = cells.to_frame(index=False, name=["activity_id", "group"])
    >>> similarity = similarity.assign(value=[0.80, 0.70, 0.75, 0.72, 0.82, 0.74], seed=0)
    >>> similarity = similarity.assign(dataset="people", space="dino", metric="cosine")
    >>> table = group_means(similarity, Resampling(10_000, 9_999, 0.95, seed=0))
    >>> table[["group", "n", "estimate", "low", "high"]].round(2)
       group  n  estimate   low  high
    0  older  3      0.72  0.70  0.74
    1  young  3      0.79  0.75  0.82
    """
    matrix, counts = seed_average(similarity, [*CELL, "group"])
    means = mean_intervals(matrix.to_numpy(), resampling)
    return tabulate(matrix, counts, means).assign(method=BCA, note=notes(means))


def contrasts(
    similarity: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    resampling: Resampling,
    *,
    reference: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Gap between two groups in similarity to neutral, in every space.

    Parameters
    ----------
    similarity : DataFrame
        The long similarity table.
    pairs : sequence of (group, group)
        ``(a, b)`` gives the contrast ``a-b``, which is positive if neutral is closer to a.
    resampling : Resampling
        Parameters of the bootstrap and the sign flips.
    reference : DataFrame, optional
        `untold.similarity.reference`: space, metric, floor, ceiling (and dataset). Adds the gap in floor-to-ceiling
        units.

    Returns
    -------
    DataFrame
        dataset, space, metric, contrast, n (activities), n_seeds, estimate, low, high, p, p_adjusted (Holm
        over contrasts x spaces of a dataset, primary metrics), d_z, share_positive, gap_units, method, note.

    Notes
    -----
    A gap is taken within each (activity, seed) that has both images, then averaged over seeds, then over activities.

    References
    ----------
    docs/method.md section 6.

    Examples
    --------
    >>> cells = pd.MultiIndex.from_product([["cook", "read", "run", "sing"], ["young", "older"]])
    >>> similarity = cells.to_frame(index=False, name=["activity_id", "group"])
    >>> similarity = similarity.assign(value=[0.80, 0.70, 0.75, 0.72, 0.82, 0.74, 0.71, 0.66], seed=0)
    >>> similarity = similarity.assign(dataset="people", space="dino", metric="cosine")
    >>> table = contrasts(similarity, [("young", "older")], Resampling(10_000, 9_999, 0.95, seed=0))
    >>> table[["contrast", "n", "estimate", "low", "high", "p"]].round(3)
          contrast  n  estimate   low  high      p
    0  young-older  4     0.065  0.03   0.1  0.128
    """
    frame = _tested(
        differences(similarity, pairs),
        [*CELL, "contrast"],
        resampling,
    )
    frame["p_adjusted"] = adjust(frame, ["dataset"], "holm", frame["metric"].isin(primary_metrics()))
    frame["gap_units"] = frame["estimate"] / floor_to_ceiling(frame, reference)
    frame["method"] = FLIP
    return in_column_order(frame)


def net_of_placebo(
    similarity: pd.DataFrame, groups: Sequence[str], placebos: Sequence[str], resampling: Resampling
) -> pd.DataFrame:
    """Effect of a group's modifier on the similarity beyond the effect of any modifier.

    For each activity a and seed s the value is ``sim(a, s, group) - mean over placebos of sim(a, s,
    placebo)``. A placebo has the same number of tokens but states no age, so a negative value is the part of the
    distance to neutral that is due to age itself. A contrast between two groups needs no such correction, because the
    placebo cancels out.

    Parameters
    ----------
    similarity : DataFrame
        The long similarity table with the placebos among its groups.
    groups, placebos : sequence of str
        Groups to correct, and the placebo groups whose mean is the reference.
    resampling : Resampling
        As for `contrasts`.

    Returns
    -------
    DataFrame
        As `contrasts`, with contrasts named ``group-placebo``.

    References
    ----------
    docs/method.md section 1, placebo groups.
    """
    keys = [name for name in similarity.columns if name not in ("group", "value")]
    placebo = similarity[similarity["group"].isin(placebos)]
    mean = placebo.groupby(keys, observed=True)["value"].mean().reset_index().assign(group="placebo")
    marked = similarity[similarity["group"].isin(groups)]
    both = pd.concat([marked, mean], ignore_index=True)
    return contrasts(both, [(group, "placebo") for group in groups], resampling)


def by_category(
    similarity: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    resampling: Resampling,
) -> pd.DataFrame:
    """Contrasts within each category of activities, ranked from the largest gap.

    Returns
    -------
    DataFrame
        As `contrasts`, with category and rank; p_adjusted is Benjamini-Hochberg over the categories of one
        list (one dataset, space, metric and contrast).

    References
    ----------
    docs/method.md section 6.
    """
    frame = _tested(
        differences(similarity, pairs),
        [*CELL, "contrast", "category"],
        resampling,
    )
    return _ranked(frame, f"{BCA}; sign-flip permutation; Benjamini-Hochberg")


def by_activity(similarity: pd.DataFrame, pairs: Sequence[tuple[str, str]], *, confidence: float) -> pd.DataFrame:
    """Contrasts of single activities over their seeds, ranked from the largest gap.

    There are few seeds, so the interval and the test are Student's t over seeds. They say how certain the gap of
    *this* activity is, and nothing about other activities.

    Returns
    -------
    DataFrame
        dataset, space, metric, contrast, category, activity_id, n (seeds), estimate, low, high, p, p_adjusted
        (Benjamini-Hochberg over the activities of one dataset, space, metric and contrast), d_z, rank,
        method, note.

    References
    ----------
    docs/method.md section 6.
    """
    keys = [*CELL, "contrast", "category", "activity_id"]
    grouped = differences(similarity, pairs).groupby(keys, observed=True)["value"]
    frame = grouped.agg(n="count", estimate="mean", spread="std", least="min", most="max").reset_index()
    n, mean, spread = (frame[name].to_numpy(dtype=float) for name in ("n", "estimate", "spread"))
    constant = spread <= ROUNDING * frame[["least", "most"]].abs().max(axis=1).to_numpy(dtype=float)
    spread = np.where(constant, np.nan, spread)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = spread / np.sqrt(n)
        half = stats.t.ppf((1 + confidence) / 2, n - 1) * error
        frame["low"], frame["high"] = mean - half, mean + half
        frame["p"] = 2 * stats.t.sf(np.abs(mean / error), n - 1)
        frame["d_z"] = mean / spread
    frame["note"] = np.select(
        [n == 0, n == 1, constant],
        [
            "no pair of images",
            "one seed: no interval and no test",
            "the same value in every seed: no interval",
        ],
        "",
    )
    return _ranked(frame.drop(columns=["spread", "least", "most"]), "t over seeds; Benjamini-Hochberg")


def page_trend(similarity: pd.DataFrame, order: Sequence[str], resampling: Resampling) -> pd.DataFrame:
    """Page's test that similarity to neutral falls, or rises, along the ordered groups.

    Parameters
    ----------
    similarity : DataFrame
        The long similarity table.
    order : sequence of str
        Groups in their natural order (young, middle, older); at least three.

    Returns
    -------
    DataFrame
        dataset, space, metric, contrast (``young > middle > older`` and its reverse), n (complete
        activities), statistic (Page's L), estimate (mean over activities of Spearman's rho between similarity
        and the predicted order), low, high, p (one-sided), p_adjusted (Holm over spaces and both directions),
        method, note.

    References
    ----------
    Page 1963; docs/method.md section 6.
    """
    if len(order) < 3:
        raise ValueError(f"order: Page's test needs at least three groups, got {list(order)}")
    keys = [*CELL, "activity_id", "seed"]
    complete = by_group(similarity, keys, order).dropna().reset_index()
    rows, rhos = [], {}
    for cell, part in similarity[CELL].drop_duplicates().sort_values(CELL).merge(complete, how="left").groupby(CELL):
        values = part.groupby("activity_id")[list(order)].mean()
        for predicted, sign in ((np.arange(len(order), 0, -1), " > "), (np.arange(1, len(order) + 1), " < ")):
            name = sign.join(order)
            row = dict(zip(CELL, cell, strict=True)) | {"contrast": name, "statistic": np.nan, "p": np.nan}
            ranks = stats.rankdata(values, axis=1)
            rhos[(*cell, name)] = pd.Series(_spearman_rows(ranks, predicted), index=values.index, dtype=float)
            if len(values) > 1 and np.ptp(ranks):
                test = stats.page_trend_test(ranks, ranked=True, predicted_ranks=predicted)
                row |= {"statistic": test.statistic, "p": test.pvalue}
            rows.append(row)
    matrix = pd.DataFrame(rhos)
    matrix.columns = matrix.columns.set_names([*CELL, "contrast"])
    means = mean_intervals(matrix.to_numpy(), resampling)
    frame = tabulate(matrix, None, means).merge(pd.DataFrame(rows), on=[*CELL, "contrast"])
    frame["note"] = notes(means)
    frame["p_adjusted"] = adjust(frame, ["dataset"], "holm", frame["metric"].isin(primary_metrics()))
    frame["method"] = f"Page's L; {BCA}; Holm"
    return in_column_order(frame)


def equivalence(
    similarity: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    *,
    margin: float,
    confidence: float,
    reference: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Two one-sided tests: is the gap between two groups smaller than a margin that matters?

    Parameters
    ----------
    margin : float
        Positive. In floor-to-ceiling units if ``reference`` is given, because cosines are on different scales in
        different spaces; otherwise in units of similarity.
    confidence : float
        1 - alpha; the interval shown is the 1 - 2 alpha interval that decides the test.

    Returns
    -------
    DataFrame
        dataset, space, metric, contrast, n, n_seeds, estimate, low, high, margin (in units of similarity), p,
        p_adjusted (Holm), equivalent (null if it cannot be decided), method, note.

    References
    ----------
    Schuirmann 1987; docs/method.md section 6.
    """
    if not margin > 0:
        raise ValueError(f"margin: must be positive, got {margin}")
    matrix, counts = seed_average(differences(similarity, pairs), [*CELL, "contrast"])
    values = matrix.to_numpy()
    means = column_means(values)
    frame = tabulate(matrix, counts, means)
    frame["note"] = notes(means)
    frame["margin"] = margin
    if reference is not None:
        frame["margin"] *= floor_to_ceiling(frame, reference)
        frame["note"] = frame["note"].where(
            frame["margin"].notna(), "no floor-to-ceiling range: the margin has no unit"
        )
    bound, mean, df = frame["margin"].to_numpy(dtype=float), means.estimate, means.n - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(means.constant, np.nan, standard_deviation(values) / np.sqrt(means.n))
        half = stats.t.ppf(confidence, df) * error
        frame["low"], frame["high"] = mean - half, mean + half
        frame["p"] = np.maximum(stats.t.sf((mean + bound) / error, df), stats.t.cdf((mean - bound) / error, df))
    frame["p_adjusted"] = adjust(frame, ["dataset"], "holm", frame["metric"].isin(primary_metrics()))
    frame["equivalent"] = (frame["p"] < 1 - confidence).astype("boolean").mask(frame["p"].isna())
    frame["method"] = "two one-sided t tests; Holm"
    return in_column_order(frame)


def _tested(frame: pd.DataFrame, by: list[str], resampling: Resampling) -> pd.DataFrame:
    matrix, counts = seed_average(frame, by)
    values = matrix.to_numpy()
    means = mean_intervals(values, resampling)
    table = tabulate(matrix, counts, means)
    table["p"] = sign_flip(values, resampling)
    with np.errstate(divide="ignore", invalid="ignore"):
        table["d_z"] = np.where(means.constant, np.nan, means.estimate / standard_deviation(values))
        table["share_positive"] = np.where(means.n > 0, (values > 0).sum(0) / means.n, np.nan)
    return table.assign(note=notes(means))


def _spearman_rows(ranks: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Spearman's rho of each row with the predicted ranks; NaN for a row whose values are all tied."""
    centred, target = ranks - ranks.mean(1, keepdims=True), predicted - predicted.mean()
    norm = np.sqrt((centred**2).sum(1) * (target**2).sum())
    return np.divide(centred @ target, norm, out=np.full(len(ranks), np.nan), where=norm > 0)


def _ranked(frame: pd.DataFrame, method: str) -> pd.DataFrame:
    lists = [*CELL, "contrast"]
    frame["p_adjusted"] = adjust(frame, lists, "bh")
    frame["rank"] = frame.groupby(lists)["estimate"].rank(ascending=False, method="min").astype("Int64")
    return in_column_order(frame.assign(method=method))
