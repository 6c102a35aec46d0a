"""The specification curve: does the finding depend on choices that could have been made otherwise?"""

import numpy as np
import pandas as pd

from untold.statistics.resampling import Resampling, mean_intervals
from untold.statistics.tidy import CELL, differences, notes, seed_average, tabulate

ALL_SEEDS = "all"


def specification_curve(
    similarity: pd.DataFrame,
    pair: tuple[str, str],
    resampling: Resampling,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One contrast for every space x metric x template x seed subset, and the agreement between them.

    Parameters
    ----------
    similarity : DataFrame
        The long similarity table; a column ``template``, if present, is one more choice.
    pair : (group, group)
        The contrast.
    resampling : Resampling
        Parameters of the bootstrap of each specification and of the sign flips of the joint test.

    Returns
    -------
    curve : DataFrame
        dataset, space, metric, contrast, template (where given), seeds (``all``, ``first half``, ``second
        half``, or one seed), n, estimate, low, high, d_z (the size that spaces have in common), sign, agrees
        (has the sign of the median d_z), rank (by d_z, from the smallest), method, note.
    summary : DataFrame
        One row per dataset: contrast, n (specifications with a d_z), estimate (median d_z), share_agree,
        share_significant (interval excludes zero, with the median's sign), share_opposite (excludes zero with
        the other sign), p (joint sign-flip test of the median), method, note.

    References
    ----------
    Simonsohn, Simmons and Nelson 2020, Nature Human Behaviour 4:1208; docs/method.md section 6.
    """
    choices = [*CELL, "contrast", *(["template"] if "template" in similarity else []), "seeds"]
    gaps = differences(similarity, [pair])
    matrix, counts = seed_average(_seed_subsets(gaps), choices)
    values = matrix.to_numpy()
    means = mean_intervals(values, resampling)
    curve = tabulate(matrix, counts, means).drop(columns="n_seeds")
    spread = np.where(means.constant, np.nan, pd.DataFrame(values).std(ddof=1).to_numpy())
    curve["d_z"] = means.estimate / spread
    curve["sign"] = np.sign(means.estimate)
    curve["method"] = "BCa bootstrap over activities"
    curve["note"] = notes(means)
    rows = []
    for dataset, part in curve.groupby("dataset"):
        members = part.index[part["d_z"].notna()]
        scaled = values[:, members] / spread[members]
        p = _joint_test(scaled, resampling) if len(members) else np.nan
        median = part["d_z"].median()
        toward = np.sign(median)
        found = ((part["low"] > 0) | (part["high"] < 0)).loc[members]
        sign = part.loc[members, "sign"]
        shares = {
            "share_agree": (sign == toward).mean(),
            "share_significant": (found & (sign == toward)).mean(),
            "share_opposite": (found & (sign == -toward)).mean(),
        }
        row = {"dataset": dataset, "contrast": "-".join(pair), "n": len(members), "estimate": median}
        note = "" if len(members) else "no specification has an effect size"
        rows.append(row | shares | {"p": p, "method": "joint sign-flip permutation", "note": note})
        curve.loc[part.index, "agrees"] = (part["sign"] == toward).where(part["d_z"].notna())
    curve["agrees"] = curve["agrees"].astype("boolean")
    curve["rank"] = curve.groupby("dataset")["d_z"].rank(method="first").astype("Int64")
    columns = ["n", "estimate", "low", "high", "d_z", "sign", "agrees", "rank", "method", "note"]
    return curve[[*choices, *columns]], pd.DataFrame(rows)


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


def _joint_test(scaled: np.ndarray, resampling: Resampling) -> float:
    """Two-sided p of the median effect when an activity's sign flips in all specifications at once."""
    finite = np.isfinite(scaled)
    filled, n = np.where(finite, scaled, 0.0), finite.sum(0)
    observed = abs(np.median(filled.sum(0) / n))
    extreme = 0
    for signs in resampling.signs(len(filled)):
        extreme += (np.abs(np.median(signs @ filled / n, axis=1)) >= observed * (1 - 1e-12)).sum()
    return (extreme + 1) / (resampling.permutations + 1)
