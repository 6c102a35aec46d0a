"""Compare finished studies that differ in model, templates or encoders."""

from collections.abc import Mapping
from itertools import combinations

import pandas as pd

from untold.statistics.resampling import Resampling, mean_intervals

KEYS = ["space", "metric", "contrast"]


def differences(activities: Mapping[str, pd.DataFrame], resampling: Resampling) -> pd.DataFrame:
    """Differences between the gaps of two studies, over the activities they share.

    Parameters
    ----------
    activities : mapping of study to DataFrame
        Each study's table ``activities``: the gap of every activity, averaged over its seeds.
    resampling : Resampling
        Parameters of the BCa bootstrap over activities (docs/method.md section 6).

    Returns
    -------
    DataFrame
        study, other_study, space, metric, contrast, n (shared activities), estimate (study minus other), low, high,
        note. Spaces that only one of the two has are left out.
    """
    rows = []
    for (first, one), (second, two) in combinations(activities.items(), 2):
        both = one.merge(two, on=[*KEYS, "activity_id"], suffixes=("", "_other"))
        for place, part in both.groupby(KEYS):
            gap = (part["estimate"] - part["estimate_other"]).to_numpy(float)[:, None]
            found = mean_intervals(gap, resampling)
            row = dict(zip(KEYS, place, strict=True)) | {"study": first, "other_study": second, "n": int(found.n[0])}
            note = "fewer than two shared activities" if found.n[0] < 2 else ""
            note = "the same in every activity" if found.constant[0] and not note else note
            row |= {"estimate": found.estimate[0], "low": found.low[0], "high": found.high[0], "note": note}
            rows.append(row)
    columns = ["study", "other_study", *KEYS, "n", "estimate", "low", "high", "note"]
    return pd.DataFrame(rows, columns=columns)


def side_by_side(contrasts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Concatenate the studies' tables of gaps, with the name of the study as first column."""
    return pd.concat([table.assign(study=name) for name, table in contrasts.items()], ignore_index=True)[
        ["study", *next(iter(contrasts.values())).columns]
    ]
