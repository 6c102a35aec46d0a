"""The similarity that a model with equal shares would show, from marked images (docs/method.md section 3)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from untold.statistics.tidy import CELL

IMAGE = [*CELL, "activity_id", "seed", "group"]


def with_balanced(similarity: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """Similarities to neutral, each beside its expectation if neutral images showed all groups equally often.

    A neutral image that shows group h is as similar to an image of group g as the marked image of h with the same
    activity and seed is. An image's similarity to its own group is taken as the same for all groups and left out: it
    cancels in every gap.

    Parameters
    ----------
    similarity : DataFrame
        The long similarity table, with the pairs of two marked images (role ``same seed``, partner).
    groups : sequence of str
        The groups of the axis.

    Returns
    -------
    DataFrame
        The rows of role ``group`` without partner, and ``balanced``: the sum of the similarities to the marked images
        of the other groups, divided by the number of groups. NaN where one of them is missing.

    References
    ----------
    docs/method.md section 3.

    Examples
    --------
    >>> rows = [("group", "young", "neutral", 0.9), ("group", "older", "neutral", 0.7)]
    >>> rows += [("same seed", "young", "older", 0.6), ("same seed", "older", "young", 0.6)]
    >>> table = pd.DataFrame(rows, columns=["role", "group", "partner", "value"])
    >>> table = table.assign(dataset="people", space="dino", metric="cosine", activity_id="cook", seed=0)
    >>> with_balanced(table, ["young", "older"])[["group", "value", "balanced"]]
       group  value  balanced
    0  young    0.9       0.3
    1  older    0.7       0.3
    """
    own = similarity[(similarity["role"] == "group")].drop(columns="partner")
    marked = similarity[(similarity["role"] == "same seed") & similarity["partner"].isin(list(groups))]
    found = marked.groupby(IMAGE, observed=True)["value"].agg(["sum", "count"])
    whole = (found["sum"] / len(groups)).where(found["count"] == len(groups) - 1)
    return own.join(whole.rename("balanced"), on=IMAGE)


def gap_range(similarity: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """The largest gap that a space can show: all neutral images show the first group, minus all show the second.

    Parameters
    ----------
    similarity : DataFrame
        The long similarity table, with the pairs of two marked images at two seeds (role ``other seed``). Images of
        one seed share their noise, which would hide how far apart the groups are.

    Returns
    -------
    DataFrame
        dataset, space, metric, contrast, range (mean over activities; NaN with one seed).

    Examples
    --------
    >>> cells = [("young", "young"), ("young", "older"), ("older", "young"), ("older", "older")]
    >>> table = pd.DataFrame(cells, columns=["group", "partner"]).assign(value=[0.9, 0.5, 0.6, 0.8], role="other seed")
    >>> table = table.assign(dataset="people", space="dino", metric="cosine", activity_id="cook", seed=0)
    >>> gap_range(table, [("young", "older")])["range"].round(3).tolist()
    [0.6]
    """
    crossed = similarity[similarity["role"] == "other seed"]
    wide = crossed.set_index([*CELL, "activity_id", "group", "partner"])["value"].unstack(["group", "partner"])
    cells = similarity[CELL].drop_duplicates().sort_values(CELL)
    parts = []
    for a, b in pairs:
        needed = [(a, a), (b, a), (a, b), (b, b)]
        values = wide.reindex(columns=pd.MultiIndex.from_tuples(needed)).to_numpy() if len(wide) else np.empty((0, 4))
        span = pd.Series(values @ [1, -1, -1, 1], index=wide.index)
        mean = span.groupby(CELL).mean() if len(span) else pd.Series(dtype=float)
        index = pd.MultiIndex.from_frame(cells)
        parts.append(cells.assign(contrast=f"{a}-{b}", range=mean.reindex(index).to_numpy(dtype=float)))
    return pd.concat(parts, ignore_index=True)
