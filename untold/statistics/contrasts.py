"""Gaps between groups with intervals, tests and effect sizes (docs/method.md section 6).

Every function takes the long similarity table (dataset, activity_id, category, seed, group, space, metric,
value) in any row order and returns a tidy table. With a column ``balanced`` from `untold.similarity`, each gap has the
gap of equal shares and the net gap beside it. Values that cannot be computed are NaN, and ``note`` says why; the
other rows are unaffected.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from untold.catalogue.metrics import primary_metrics
from untold.statistics.crossed import CROSSED, ONE_SEED, crossed_intervals
from untold.statistics.resampling import FEW, ROUNDING, Means, Resampling, column_means, mean_intervals, sign_flip
from untold.statistics.tidy import (
    CELL,
    adjust,
    by_group,
    differences,
    floor_to_ceiling,
    interval_methods,
    notes,
    ranked,
    seed_average,
    tabulate,
)
from untold.statistics.tidy import in_column_order as in_column_order
from untold.statistics.tidy import standard_deviation as standard_deviation

FLIP = "sign-flip permutation"
# Names beside a gap of what the same analysis says of the net gap.
NET = {"estimate": "net", "low": "net_low", "high": "net_high", "p": "net_p", "p_adjusted": "net_p_adjusted"}
NET_COLUMNS = ("balanced", *NET.values())


def beside_net(
    similarity: pd.DataFrame, pairs: Sequence[tuple[str, str]], analyse: Callable[[pd.DataFrame], pd.DataFrame]
) -> pd.DataFrame:
    """The gaps of ``analyse``, each beside the gap of equal shares and the net gap.

    Parameters
    ----------
    similarity : DataFrame
        The long similarity table; without a column ``balanced`` there is no net gap.
    pairs : sequence of (group, group)
        The contrasts that ``analyse`` computes.
    analyse : callable
        From a long similarity table to a table of gaps; applied to the similarities and to their excess over the
        balanced ones. Both are then resampled together.

    Returns
    -------
    DataFrame
        The table of gaps with balanced (the gap that equal shares would show), net (the gap minus the balanced one,
        over the activities that have both) and its net_low, net_high, net_p, net_p_adjusted.

    References
    ----------
    docs/method.md section 3.
    """
    if "balanced" not in similarity:
        return analyse(similarity)
    raw = similarity.drop(columns="balanced")
    frame, net = analyse(raw), analyse(raw.assign(value=similarity["value"] - similarity["balanced"]))
    by = [name for name in (*CELL, "contrast", "category", "activity_id") if name in frame]
    expected = differences(raw.assign(value=similarity["balanced"].where(similarity["value"].notna())), pairs)
    each = expected.groupby(list(dict.fromkeys([*by, "activity_id"])), observed=True)["value"].mean()
    balanced = each.groupby(by, observed=True).mean().reindex(pd.MultiIndex.from_frame(frame[by]))
    frame["balanced"] = balanced.to_numpy()
    net = frame[by].merge(net[[*by, *(name for name in NET if name in net)]], on=by, how="left", validate="one_to_one")
    return in_column_order(frame.assign(**{to: net[name].to_numpy() for name, to in NET.items() if name in net}))


def group_means(similarity: pd.DataFrame, resampling: Resampling, *, shared_noise: bool = False) -> pd.DataFrame:
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
    0  older  3      0.72  0.67  0.77
    1  young  3      0.79  0.70  0.88
    """
    matrix, counts = seed_average(similarity, [*CELL, "group"])
    means = mean_intervals(matrix.to_numpy(), resampling)
    frame = tabulate(matrix, counts, means).assign(method=interval_methods(means), note=notes(means))
    return _crossed(frame, similarity, means, resampling) if shared_noise else frame


def contrasts(
    similarity: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    resampling: Resampling,
    *,
    reference: pd.DataFrame | None = None,
    shared_noise: bool = False,
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
    shared_noise : bool
        Whether all activities share the noise of a seed; intervals and tests are then over activities and seeds.

    Returns
    -------
    DataFrame
        dataset, space, metric, contrast, n (activities), n_seeds, estimate, low, high, p, p_adjusted (Holm
        over contrasts x spaces of a dataset, primary metrics), d_z, share_positive, gap_units, and the columns of
        `beside_net`, method, note.

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
          contrast  n  estimate    low   high      p
    0  young-older  4     0.065  0.016  0.114  0.125
    """

    def tested(table: pd.DataFrame) -> pd.DataFrame:
        frame = _tested(differences(table, pairs), [*CELL, "contrast"], resampling, shared_noise)
        frame["p_adjusted"] = adjust(frame, ["dataset"], "holm", frame["metric"].isin(primary_metrics()))
        frame["gap_units"] = frame["estimate"] / floor_to_ceiling(frame, reference)
        frame["method"] += "; Holm"
        return in_column_order(frame)

    return beside_net(similarity, pairs, tested)


def net_of_placebo(
    similarity: pd.DataFrame,
    groups: Sequence[str],
    placebos: Sequence[str],
    resampling: Resampling,
    *,
    shared_noise: bool = False,
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
    return contrasts(both, [(group, "placebo") for group in groups], resampling, shared_noise=shared_noise)


def by_category(
    similarity: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    resampling: Resampling,
    *,
    shared_noise: bool = False,
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

    def tested(table: pd.DataFrame) -> pd.DataFrame:
        gaps = differences(table, pairs)
        return _ranked(_tested(gaps, [*CELL, "contrast", "category"], resampling, shared_noise))

    return beside_net(similarity, pairs, tested)


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
    return beside_net(similarity, pairs, lambda table: _over_seeds(differences(table, pairs), confidence))


def _over_seeds(gaps: pd.DataFrame, confidence: float) -> pd.DataFrame:
    keys = [*CELL, "contrast", "category", "activity_id"]
    grouped = gaps.groupby(keys, observed=True)["value"]
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
    return _ranked(frame.drop(columns=["spread", "least", "most"]).assign(method="t over seeds"))


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
        and the predicted order), low, high, p (one-sided), p_adjusted (Holm over spaces and both directions), net (the
        same of the similarities minus the balanced ones), net_low, net_high, net_p, net_p_adjusted, method, note.

    References
    ----------
    Page 1963; docs/method.md section 6.
    """
    if len(order) < 3:
        raise ValueError(f"order: Page's test needs at least three groups, got {list(order)}")
    frame = _trend(similarity.drop(columns="balanced", errors="ignore"), order, resampling)
    if "balanced" in similarity:
        net = similarity.assign(value=similarity["value"] - similarity["balanced"]).drop(columns="balanced")
        found = _trend(net, order, resampling)
        frame = frame.assign(**{to: found[name] for name, to in NET.items()})
    return in_column_order(frame)


def _trend(similarity: pd.DataFrame, order: Sequence[str], resampling: Resampling) -> pd.DataFrame:
    keys = [*CELL, "activity_id", "seed"]
    complete = by_group(similarity, keys, order).dropna().reset_index()
    rows, rhos = [], {}
    for cell, part in similarity[CELL].drop_duplicates().sort_values(CELL).merge(complete, how="left").groupby(CELL):
        # Values that differ by rounding only are ties.
        values = part.groupby("activity_id")[list(order)].mean().round(9)
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
    frame["method"] = "Page's L; " + pd.Series(interval_methods(means)) + "; Holm"
    return frame


def equivalence(
    similarity: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    ranges: pd.DataFrame,
    *,
    margin: float,
    confidence: float,
) -> pd.DataFrame:
    """Two one-sided tests: is the net gap between two groups smaller than a margin that matters?

    Parameters
    ----------
    similarity : DataFrame
        The long similarity table with ``balanced``.
    ranges : DataFrame
        From `untold.similarity.balanced.gap_range`.
    margin : float
        Positive, as a share of the largest gap that the space can show: cosines of different spaces have different
        scales, and a margin in cosines would be larger than any gap in some of them.
    confidence : float
        1 - alpha; the interval shown is the 1 - 2 alpha interval of one test, before adjustment.

    Returns
    -------
    DataFrame
        dataset, space, metric, contrast, n, n_seeds, estimate (the net gap), low, high, range, margin (in units of
        similarity), p, p_adjusted (Holm), equivalent (whether p_adjusted is significant; null if it cannot be decided),
        method, note.

    References
    ----------
    Schuirmann 1987; docs/method.md section 6.
    """
    if not margin > 0:
        raise ValueError(f"margin: must be positive, got {margin}")
    net = similarity.assign(value=similarity["value"] - similarity["balanced"]).drop(columns="balanced")
    matrix, counts = seed_average(differences(net, pairs), [*CELL, "contrast"])
    values = matrix.to_numpy()
    means = column_means(values)
    frame = tabulate(matrix, counts, means).merge(ranges, on=[*CELL, "contrast"], how="left", validate="one_to_one")
    frame["range"] = frame["range"].where(frame["range"] > 0)
    frame["margin"] = margin * frame["range"]
    frame["note"] = notes(means)
    frame["note"] = frame["note"].where(
        frame["margin"].notna() | (frame["note"] != ""), "no range of the gap between seeds: the margin has no unit"
    )
    bound, mean, df = frame["margin"].to_numpy(dtype=float), means.estimate, means.n - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(means.constant, np.nan, standard_deviation(values) / np.sqrt(means.n))
        half = stats.t.ppf(confidence, df) * error
        frame["low"], frame["high"] = mean - half, mean + half
        frame["p"] = np.maximum(stats.t.sf((mean + bound) / error, df), stats.t.cdf((mean - bound) / error, df))
    primary = frame["metric"].isin(primary_metrics())
    frame["p_adjusted"] = adjust(frame, ["dataset"], "holm", primary)
    # The other metrics are outside the family, and their own p decides.
    deciding = frame["p_adjusted"].where(primary, frame["p"])
    frame["equivalent"] = (deciding <= 1 - confidence).astype("boolean").mask(deciding.isna())
    frame["method"] = "two one-sided t tests; Holm"
    return in_column_order(frame)


def _tested(frame: pd.DataFrame, by: list[str], resampling: Resampling, shared_noise: bool) -> pd.DataFrame:
    matrix, counts = seed_average(frame, by)
    values = matrix.to_numpy()
    means = mean_intervals(values, resampling)
    table = tabulate(matrix, counts, means)
    table["p"] = sign_flip(values, resampling)
    with np.errstate(divide="ignore", invalid="ignore"):
        table["d_z"] = np.where(means.constant, np.nan, means.estimate / standard_deviation(values))
        table["share_positive"] = np.where(means.n > 0, (values > 0).sum(0) / means.n, np.nan)
    table = table.assign(method=pd.Series(interval_methods(means)) + "; " + FLIP, note=_test_notes(means))
    return _crossed(table, frame, means, resampling) if shared_noise else table


def _crossed(table: pd.DataFrame, frame: pd.DataFrame, means: Means, resampling: Resampling) -> pd.DataFrame:
    """The table with intervals and tests over activities and seeds, except for prompts, which have no noise."""
    by = [name for name in (*CELL, "contrast", "category", "group") if name in table]
    cells = pd.MultiIndex.from_frame(table[by])
    crossed, p = crossed_intervals(frame, by, cells, means, resampling.confidence)
    noisy = cells.isin(pd.MultiIndex.from_frame(frame.loc[frame["seed"] >= 0, by].drop_duplicates()))
    missing = noisy & np.isnan(crossed.low) & np.isfinite(means.low)
    table = table.assign(low=crossed.low, high=crossed.high)
    if "p" in table:
        table["p"] = np.where(noisy, p, table["p"])
    table["method"] = table["method"].mask(noisy, CROSSED)
    table["note"] = np.where(noisy, np.where(missing, ONE_SEED, notes(means)), table["note"])
    return table


def _test_notes(means: Means) -> np.ndarray:
    """The notes of the intervals, and the smallest p-value that few activities can reach."""
    few = (means.n > 1) & (means.n < FEW) & ~means.constant
    least = [
        f"the smallest p of {n} activities is {2.0 ** (1 - n):.3g}" if small else ""
        for n, small in zip(means.n, few, strict=True)
    ]
    return np.where(few, least, notes(means))


def _spearman_rows(ranks: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Spearman's rho of each row with the predicted ranks; NaN for a row whose values are all tied."""
    centred, target = ranks - ranks.mean(1, keepdims=True), predicted - predicted.mean()
    norm = np.sqrt((centred**2).sum(1) * (target**2).sum())
    return np.divide(centred @ target, norm, out=np.full(len(ranks), np.nan), where=norm > 0)


def _ranked(frame: pd.DataFrame) -> pd.DataFrame:
    lists = [*CELL, "contrast"]
    frame["p_adjusted"] = adjust(frame, lists, "bh")
    frame["rank"] = ranked(frame, lists, "estimate")
    return in_column_order(frame.assign(method=frame["method"] + "; Benjamini-Hochberg"))
