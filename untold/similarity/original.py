"""The results table of the original study: similarity of neutral to each group, by space (docs/method.md)."""

from collections.abc import Sequence

import pandas as pd


def original_table(
    means: pd.DataFrame, counts: pd.DataFrame, groups: Sequence[str], named: Sequence[tuple[str, str, str, str]]
) -> pd.DataFrame:
    """Similarity of neutral to each group by space, with intervals and the chi-square test.

    Parameters
    ----------
    means : DataFrame
        From `untold.statistics.contrasts.group_means`.
    counts : DataFrame
        From `untold.similarity.nearest.chi_square`.
    groups : sequence of str
    named : sequence of (label, space, metric, difference)
        The rows, in order, and how each relates to the published code.

    Returns
    -------
    DataFrame
        row, space, metric, n (activities), n_seeds; for each group its mean, ``_low`` and ``_high``; chi_square, df, p
        (adjusted), note.
    """
    table = pd.DataFrame(named, columns=["row", "space", "metric", "note"])
    keys = ["space", "metric"]
    for group in groups:
        part = means[means["group"] == group].set_index(keys)[["n", "n_seeds", "estimate", "low", "high"]]
        if "n" in table:
            part = part.drop(columns=["n", "n_seeds"])
        table = table.join(part, on=keys)
        table = table.rename(columns={"estimate": group, "low": f"{group}_low", "high": f"{group}_high"})
    tests = counts.set_index(keys)[["statistic", "df", "p_adjusted"]]
    tests = tests.rename(columns={"statistic": "chi_square", "p_adjusted": "p"})
    table = table.join(tests, on=keys)
    return table[[*(name for name in table if name != "note"), "note"]]
