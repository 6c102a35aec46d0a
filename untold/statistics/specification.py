"""The specification curve: does the finding depend on choices that could have been made otherwise?"""

import numpy as np
import pandas as pd

from untold.statistics.resampling import ROUNDING, Resampling, mean_intervals
from untold.statistics.tidy import CELL, differences, interval_methods, notes, seed_average, tabulate

ALL_SEEDS = "all"


def specification_curve(
    similarity: pd.DataFrame,
    pair: tuple[str, str],
    resampling: Resampling,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One contrast for every space x metric x template x seed subset, and the agreement between them.

    Every space has one vote, which its specifications share: a space with many metrics would otherwise outvote the
    others.

    Parameters
    ----------
    similarity : DataFrame
        The long similarity table; a column ``template``, if present, is one more choice, and with ``balanced`` the net
        gap is told as well.
    pair : (group, group)
        The contrast.
    resampling : Resampling
        Parameters of the bootstrap of each specification and of the sign flips of the joint test.

    Returns
    -------
    curve : DataFrame
        dataset, space, metric, contrast, template (where given), seeds (``all``, ``first half``, ``second
        half``, or one seed), n, estimate, low, high, d_z (the size that spaces have in common), sign, agrees
        (has the sign of the summary's d_z), rank (by d_z, from the smallest), net, net_low, net_high, method, note.
    summary : DataFrame
        One row per dataset and quantity (gap, or net: the gap minus the balanced one): contrast, n (specifications
        with a d_z), spaces, estimate (median over spaces of the median d_z of each), share_agree, share_significant
        (interval excludes zero, with that sign), share_opposite (excludes zero with the other sign), all three as means
        over spaces, p (joint sign-flip test of the estimate), method, note.

    References
    ----------
    Simonsohn, Simmons and Nelson 2020, Nature Human Behaviour 4:1208; docs/method.md section 6.
    """
    raw = similarity.drop(columns="balanced", errors="ignore")
    curve, summary = _specified(raw, pair, resampling)
    summary.insert(1, "quantity", "gap")
    if "balanced" in similarity:
        net, verdict = _specified(raw.assign(value=similarity["value"] - similarity["balanced"]), pair, resampling)
        curve = curve.assign(net=net["estimate"], net_low=net["low"], net_high=net["high"])
        verdict.insert(1, "quantity", "net")
        summary = pd.concat([summary, verdict], ignore_index=True)
    about = ["method", "note"]
    return curve[[*(name for name in curve if name not in about), *about]], summary


def _specified(
    similarity: pd.DataFrame, pair: tuple[str, str], resampling: Resampling
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The curve and the summary of one quantity."""
    choices = [*CELL, "contrast", *(["template"] if "template" in similarity else []), "seeds"]
    gaps = differences(similarity, [pair])
    matrix, counts = seed_average(_seed_subsets(gaps), choices)
    values = matrix.to_numpy()
    means = mean_intervals(values, resampling)
    curve = tabulate(matrix, counts, means).drop(columns="n_seeds")
    spread = np.where(means.constant, np.nan, pd.DataFrame(values).std(ddof=1).to_numpy())
    curve["d_z"] = means.estimate / spread
    curve["sign"] = np.sign(means.estimate)
    rows = []
    for dataset, part in curve.groupby("dataset"):
        known = part[part["d_z"].notna()]
        spaces = known["space"].to_numpy()
        effect = _vote(known["d_z"].to_numpy()[None, :], spaces)[0]
        toward = np.sign(effect)
        sign = known["sign"]
        found = (known["low"] > 0) | (known["high"] < 0)
        votes = {
            "share_agree": sign == toward,
            "share_significant": found & (sign == toward),
            "share_opposite": found & (sign == -toward),
        }
        shares = {name: vote.groupby(known["space"]).mean().mean() for name, vote in votes.items()}
        scaled = values[:, known.index] / spread[known.index]
        row = {"dataset": dataset, "contrast": "-".join(pair), "n": len(known), "spaces": known["space"].nunique()}
        p = _joint_test(scaled, spaces, resampling) if len(known) else np.nan
        note = "" if len(known) else "no specification has an effect size"
        rows.append(
            row | {"estimate": effect} | shares | {"p": p, "method": "joint sign-flip permutation", "note": note}
        )
        curve.loc[part.index, "agrees"] = (part["sign"] == toward).where(part["d_z"].notna())
    curve["agrees"] = curve["agrees"].astype("boolean")
    curve["rank"] = curve["d_z"].round(9).groupby(curve["dataset"]).rank(method="first").astype("Int64")
    curve["method"] = interval_methods(means)
    curve["note"] = notes(means)
    columns = ["n", "estimate", "low", "high", "d_z", "sign", "agrees", "rank", "method", "note"]
    return curve[[*choices, *columns]], pd.DataFrame(rows)


def _vote(effects: np.ndarray, spaces: np.ndarray) -> np.ndarray:
    """Median over spaces of the median effect within each, for every row; NaN without any effect."""
    if not len(spaces):
        return np.full(len(effects), np.nan)
    return np.median([np.median(effects[:, spaces == space], axis=1) for space in np.unique(spaces)], axis=0)


def _seed_subsets(gaps: pd.DataFrame) -> pd.DataFrame:
    """The rows of each seed subset, labelled: all, the two halves, and every single seed.

    Prompts have no seeds (-1 in the table), so ``all`` is their only subset.
    """
    seeded = gaps[gaps["seed"] >= 0]
    seeds = sorted(seeded["seed"].unique())
    parts = [gaps.assign(seeds=ALL_SEEDS)]
    if len(seeds) > 1:
        parts.append(seeded.assign(seeds=seeded["seed"].astype(str)))
    if len(seeds) > 3:
        half = seeded["seed"].isin(seeds[: len(seeds) // 2])
        parts.append(seeded.assign(seeds=np.where(half, "first half", "second half")))
    return pd.concat(parts, ignore_index=True)


def _joint_test(scaled: np.ndarray, spaces: np.ndarray, resampling: Resampling) -> float:
    """Two-sided p of the effect when an activity's sign flips in all specifications at once."""
    finite = np.isfinite(scaled)
    filled, n = np.where(finite, scaled, 0.0), finite.sum(0)
    observed = abs(_vote(filled.sum(0)[None, :] / n, spaces)[0])
    extreme = sum(
        (np.abs(_vote(signs @ filled / n, spaces)) >= observed * (1 - ROUNDING)).sum()
        for signs in resampling.signs(len(filled))
    )
    return float(resampling.p_value(extreme, len(filled)))
