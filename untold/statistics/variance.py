"""Variance components of similarities, and the number of seeds a study needs (docs/method.md section 6)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from untold.statistics.resampling import ROUNDING, Resampling, bca_limits
from untold.statistics.tidy import CELL, by_group, differences, floor_to_ceiling

ACTIVITY, SEED, INTERACTION, RESIDUAL = "activity", "seed", "activity x seed", "residual"
COMPONENTS = (ACTIVITY, SEED, INTERACTION, RESIDUAL)
ALL_GROUPS = "all groups"
CONFOUNDED = "in the residual: one gap per activity and seed"
# Beyond this number of seeds, "more seeds" is no longer a useful answer.
MOST_SEEDS = 10_000


def variance_components(
    similarity: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    resampling: Resampling,
) -> pd.DataFrame:
    """Variance components of similarities and gaps: activity, seed, activity x seed, and residual.

    The row ``contrast = all groups`` treats the groups of one (activity, seed) as replicates around fixed
    group means, so activity x seed (what a neutral image shares with all its comparisons) has a component of
    its own. A gap exists only once per (activity, seed), so there activity x seed is part of the residual.

    Estimates use Henderson's method I, which equals the analysis of variance for complete data and stays unbiased if
    images are missing; negative estimates are set to zero.

    Parameters
    ----------
    similarity : DataFrame
        The long similarity table.
    pairs : sequence of (group, group)
        Contrasts; their groups are the replicates of ``all groups``.
    resampling : Resampling
        Of the bootstrap over activities for the intervals.

    Returns
    -------
    DataFrame
        dataset, space, metric, contrast, component (the four, then ``ICC of one seed`` = activity / total and
        ``ICC of the seed mean``, its Spearman-Brown value at n_seeds), n (activities), n_seeds, estimate
        (squared similarity, or ICC), low, high, share (of the total), method, note.

    References
    ----------
    Henderson 1953, Biometrics 9:226; Searle, Casella and McCulloch 1992, chapter 5; docs/method.md section 6.
    """
    groups = list(dict.fromkeys(group for pair in pairs for group in pair))
    units = ["activity_id", "seed"]
    wide = by_group(similarity, [*CELL, *units], groups)
    gaps = differences(similarity, pairs).set_index([*CELL, "contrast", *units])["value"].sort_index()
    cubes: dict[tuple[Any, ...], np.ndarray] = {}
    for cell, part in wide.groupby(CELL):
        frames = {ALL_GROUPS: part.droplevel([*CELL])}
        frames |= {f"{a}-{b}": gaps.xs((*cell, f"{a}-{b}")).to_frame() for a, b in pairs}
        cubes |= {(*cell, contrast): _cube(frame) for contrast, frame in frames.items()}
    replicates = _replicates([cube for cube in cubes.values() if not _hindrance(cube)], resampling)
    rows = [
        _table(cube, replicates, resampling.confidence).assign(**dict(zip([*CELL, "contrast"], key, strict=True)))
        for key, cube in cubes.items()
    ]
    frame = pd.concat(rows, ignore_index=True)
    frame["method"] = "Henderson method I; BCa bootstrap over activities"
    columns = ["component", "n", "n_seeds", "estimate", "low", "high", "share", "method", "note"]
    return frame[[*CELL, "contrast", *columns]]


def seeds_needed(
    components: pd.DataFrame, *, width: float, confidence: float, reference: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Number of seeds needed for a given interval width.

    Parameters
    ----------
    components : DataFrame
        From `variance_components`.
    width : float
        Target full width, in floor-to-ceiling units if ``reference`` is given, otherwise in units of similarity.
    confidence : float
        Confidence level of the interval.
    reference : DataFrame, optional
        Floors and ceilings; see `untold.similarity.reference`.

    Returns
    -------
    DataFrame
        dataset, space, metric, contrast, target (``mean over activities`` or ``one activity``), n
        (activities), n_seeds (of this study), width (wanted, in units of similarity), width_now (expected at
        n_seeds), seeds (needed), activities (needed when no number of seeds is enough), method, note.

    Notes
    -----
    The mean over n activities has variance ``(activity + residual / S) / n + seed / S``; one activity has
    ``(seed + residual) / S``. Widths use Student's t. The seed term is what all activities have in common if they
    use the same noise. It counts only if its interval excludes zero: if each activity has its own noise it is zero,
    and its estimate, truncated at zero, would predict intervals that are too wide.

    References
    ----------
    docs/method.md section 6.
    """
    if not width > 0:
        raise ValueError(f"width: must be positive, got {width}")
    keys = [*CELL, "contrast"]
    gaps = components[components["contrast"] != ALL_GROUPS]
    unsure = (gaps["component"] == SEED) & gaps["estimate"].notna() & ~(gaps["low"] > 0)
    gaps = gaps.assign(estimate=gaps["estimate"].mask(unsure, 0.0))
    table = gaps.pivot(index=[*keys, "n", "n_seeds"], columns="component", values="estimate").reset_index()
    table["width"] = width * (1 if reference is None else floor_to_ceiling(table, reference))
    rows = [
        row[[*keys, "n", "n_seeds", "width"]].to_dict() | plan
        for _, row in table.iterrows()
        for plan in _plans(row, confidence)
    ]
    frame = pd.DataFrame(rows).astype({"seeds": "Int64", "activities": "Int64"})
    columns = ["target", "n", "n_seeds", "width", "width_now", "seeds", "activities", "method", "note"]
    return frame.assign(method="normal theory from variance components")[[*keys, *columns]]


def estimate_components(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Henderson's method I for weighted activities.

    Parameters
    ----------
    values : ndarray of shape (n_activities, n_seeds, n_replicates)
        NaN where missing. Replicates are levels of a fixed factor, centred here.
    weights : ndarray of shape (n_sets, n_activities)
        How often each activity counts: ones for the data, bootstrap counts, or a zero to leave one out.

    Returns
    -------
    ndarray of shape (n_sets, 4)
        activity, seed, activity x seed, residual; activity x seed is NaN with one replicate. Not truncated.
    """
    values = values - np.nanmean(values, axis=(0, 1), keepdims=True)
    replicates = values.shape[2]
    left, right = _equations(_sums(values, weights), replicates)
    # Without replicates a cell is its residual: the last equation and the interaction's column are empty.
    rows, columns = ([0, 1, 2, 3], [0, 1, 2, 3]) if replicates > 1 else ([0, 1, 2], [0, 1, 3])
    solved = _solve(np.moveaxis(left[np.ix_(rows, columns)], 2, 0), right[rows].T)
    return solved if replicates > 1 else np.insert(solved, 2, np.nan, axis=1)


def _sums(values: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """The sums that method I needs for each set of weighted activities, by name.

    With n images, n_a of an activity, n_s of a seed and n_as of both, and the values' sums S likewise: ``n`` and
    ``sum``; the squares of sums ``t_a`` (S_a^2 / n_a over activities), ``t_s``, ``t_as``, ``t_0`` (every image is its
    own cell) and ``t_mean`` (S^2 / n); the numbers of activities, seeds and cells; ``n_a^2``, ``n_s^2`` and ``n_as^2``
    summed; and ``c_a`` and ``c_s``, n_as^2 / n_a and n_as^2 / n_s summed. Each has shape (n_sets,).
    """
    finite = np.isfinite(values)
    filled = np.where(finite, values, 0.0)
    counts, totals = finite.sum(2).astype(float), filled.sum(2)
    n_a, sum_a = counts.sum(1), totals.sum(1)
    of_activity = {
        "n": n_a,
        "sum": sum_a,
        "t_a": _over(sum_a**2, n_a),
        "t_as": _over(totals**2, counts).sum(1),
        "t_0": (filled**2).sum((1, 2)),
        "activities": n_a > 0,
        "cells": (counts > 0).sum(1),
        "n_a^2": n_a**2,
        "n_as^2": (counts**2).sum(1),
        "c_a": _over((counts**2).sum(1), n_a),
    }
    # Everything is a weighted sum over activities, so one product serves all sets.
    product = weights @ np.column_stack([*of_activity.values(), counts, totals, counts**2])
    sums = dict(zip(of_activity, product.T, strict=False))
    n_s, sum_s, square_s = np.split(product[:, len(of_activity) :], 3, axis=1)
    return sums | {
        "t_mean": sums["sum"] ** 2 / sums["n"],
        "t_s": _over(sum_s**2, n_s).sum(1),
        "seeds": (n_s > 0).sum(1),
        "n_s^2": (n_s**2).sum(1),
        "c_s": _over(square_s, n_s).sum(1),
    }


def _equations(sums: dict[str, np.ndarray], replicates: int) -> tuple[np.ndarray, np.ndarray]:
    """The equations of method I: expected and observed differences of squares of sums.

    Searle, Casella and McCulloch 1992, chapter 5. In E[t_a] the activity's variance counts n times, that of seeds and
    cells c_a times, and the residual's once per activity; in E[t_s] likewise; in E[t_as] all three n times; in
    E[t_mean] each k times, and the residual once.

    Returns
    -------
    left : ndarray of shape (4, 4, n_sets)
        Columns are activity, seed, activity x seed and residual.
    right : ndarray of shape (4, n_sets)
    """
    n, activities, seeds, cells = (sums[name] for name in ("n", "activities", "seeds", "cells"))
    c_a, c_s = sums["c_a"], sums["c_s"]
    k_a, k_s, k_as = (sums[name] / n for name in ("n_a^2", "n_s^2", "n_as^2"))
    t_a, t_s, t_as, t_0, t_mean = (sums[name] for name in ("t_a", "t_s", "t_as", "t_0", "t_mean"))
    none = np.zeros_like(n)
    left = [
        [n - k_a, c_a - k_s, c_a - k_as, activities - 1],
        [c_s - k_a, n - k_s, c_s - k_as, seeds - 1],
        [k_a - c_s, k_s - c_a, n - c_a - c_s + k_as, cells - activities - seeds + 1],
        # Replicates are centred: all but one of their means are fitted.
        [none, none, none, n - cells - (replicates - 1)],
    ]
    right = [t_a - t_mean, t_s - t_mean, t_as - t_a - t_s + t_mean, t_0 - t_as]
    return np.array(left), np.array(right)


def _over(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Quotient; zero where the denominator is zero."""
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)


def _solve(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve each system; NaN where a resample has too few distinct units to tell the components apart."""
    # The determinant against Hadamard's bound: a test of singularity without a decomposition of its own.
    bound = np.linalg.norm(left, axis=2).prod(axis=1)
    regular = np.abs(np.linalg.det(left)) > 1e-12 * bound
    solved = np.full(right.shape, np.nan)
    solved[regular] = np.linalg.solve(left[regular], right[regular][..., None])[..., 0]
    return solved


def _summary(raw: np.ndarray, n_seeds: int) -> np.ndarray:
    """Truncated components, then the ICC of one seed and of the seed mean; shape (n_sets, 6)."""
    parts = np.maximum(raw, 0)
    noise = np.nansum(parts[:, 1:], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        icc = parts[:, 0] / (parts[:, 0] + noise)
        mean_icc = parts[:, 0] / (parts[:, 0] + noise / n_seeds)
    return np.column_stack([parts, icc, mean_icc])


def _hindrance(cube: np.ndarray) -> str:
    """The reason why a cube has no components; empty if it has."""
    if cube.shape[0] < 2:
        return "fewer than two activities: no components"
    if cube.shape[1] < 2:
        return "one seed: seed and residual cannot be told from activity"
    if np.nanmax(np.abs(cube - np.nanmean(cube, axis=(0, 1)))) <= ROUNDING * np.nanmax(np.abs(cube)):
        return "the same value everywhere: no variance to divide"
    if np.isnan(estimate_components(cube, np.ones((1, len(cube))))[0, 0]):
        return "too few images: the components cannot be told apart"
    return ""


def _replicates(cubes: list[np.ndarray], resampling: Resampling) -> dict[int, np.ndarray]:
    """Bootstrap summaries of each cube, by its identity; cubes with equally many activities share their draws."""
    drawn = {id(cube): np.empty((resampling.resamples, 6)) for cube in cubes}
    for n in sorted({len(cube) for cube in cubes}):
        for block, weights in resampling.weights(n):
            for cube in cubes:
                if len(cube) == n:
                    drawn[id(cube)][block] = _summary(estimate_components(cube, weights), cube.shape[1])
    return drawn


def _table(cube: np.ndarray, replicates: dict[int, np.ndarray], confidence: float) -> pd.DataFrame:
    """The rows of one cell and contrast."""
    n, n_seeds, levels = cube.shape
    names = [*COMPONENTS, "ICC of one seed", "ICC of the seed mean"]
    table = pd.DataFrame({"component": names, "n": n, "n_seeds": n_seeds, "note": _hindrance(cube)})
    table[["estimate", "low", "high", "share"]] = np.nan
    if table["note"][0]:
        return table
    if levels == 1:
        table.loc[2, "note"] = CONFOUNDED
    point = _summary(estimate_components(cube, np.ones((1, n))), n_seeds)[0]
    jackknife = _summary(estimate_components(cube, 1 - np.eye(n)), n_seeds)
    table["estimate"] = point
    table["share"] = [*point[:4] / np.nansum(point[:4]), np.nan, np.nan]
    known = np.isfinite(point) & np.isfinite(jackknife).all(0)
    drawn = replicates[id(cube)][:, known]
    # A resample with fewer than two distinct activities has no components; it is as rare as n ** (1 - n).
    drawn = drawn[np.isfinite(drawn).all(1)]
    if len(drawn):
        influence = (jackknife.mean(0) - jackknife)[:, known]
        limits = bca_limits(point[known], drawn.T, influence, confidence)
        table.loc[known, "low"], table.loc[known, "high"] = limits
    table.loc[table["low"].isna() & (table["note"] == ""), "note"] = "too few images: no interval"
    return table


def _cube(frame: pd.DataFrame) -> np.ndarray:
    """Activities x seeds x columns of a frame indexed by (activity_id, seed), without empty ones."""
    wide = frame.unstack("seed").sort_index(axis=0)
    cube = wide.to_numpy(dtype=float).reshape(len(wide), frame.shape[1], -1).transpose(0, 2, 1)
    present = np.isfinite(cube)
    return cube[np.ix_(present.any((1, 2)), present.any((0, 2)), present.any((0, 1)))]


def _plans(row: pd.Series, confidence: float) -> list[dict[str, object]]:
    n, now, width = row["n"], row["n_seeds"], row["width"]
    activity, shared, residual = row[ACTIVITY], row[SEED], row[RESIDUAL]
    blank = {"width_now": np.nan, "seeds": pd.NA, "activities": pd.NA}
    if not np.isfinite([activity, shared, residual, width]).all():
        why = "no floor-to-ceiling range" if np.isfinite(activity) else "no variance components"
        return [{"target": target, **blank, "note": why} for target in ("mean over activities", "one activity")]
    quantile = stats.t.ppf((1 + confidence) / 2, n - 1)
    mean = blank | {
        "target": "mean over activities",
        "width_now": 2 * quantile * np.sqrt((activity + residual / now) / n + shared / now),
        "note": "",
    }
    room = (width / (2 * quantile)) ** 2 - activity / n
    if room > 0:
        mean["seeds"] = max(1, int(np.ceil((residual / n + shared) / room)))
    else:
        mean["activities"] = int(np.ceil(activity * (2 * quantile / width) ** 2))
        mean["note"] = "activities limit the width: no number of seeds is enough"
    seeds = np.arange(2, MOST_SEEDS + 1)
    widths = 2 * stats.t.ppf((1 + confidence) / 2, seeds - 1) * np.sqrt((shared + residual) / seeds)
    enough = np.flatnonzero(widths <= width)
    one = blank | {"target": "one activity", "width_now": widths[min(now, MOST_SEEDS) - 2]}
    one["note"] = "" if enough.size else f"more than {MOST_SEEDS} seeds"
    if enough.size:
        one["seeds"] = int(seeds[enough[0]])
    return [mean, one]
