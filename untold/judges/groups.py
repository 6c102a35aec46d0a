"""Zero-shot age: classification of marked images, whose group is known.

`predictions` tables have one row per image: dataset, space, activity_id, seed, group (as requested: neutral or a
marked group) and one column of probabilities per age group, named after the group.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from untold.statistics.resampling import Resampling
from untold.statistics.tidy import seed_average, tabulate_shares

KEYS = ["dataset", "space"]


def confusion(predictions: pd.DataFrame, groups: Sequence[str], resampling: Resampling) -> pd.DataFrame:
    """Confusion matrix of the marked images, whose group is known.

    Returns
    -------
    DataFrame
        dataset, space, group (requested), predicted, n (activities), n_seeds, estimate (share of the requested
        group's images with this prediction, mean over activities), low, high, probability (mean probability
        of the predicted group), method, note.

    References
    ----------
    docs/method.md section 7.

    Examples
    --------
    >>> asked = {"activity_id": ["cook", "cook", "run", "run"], "group": ["young", "older"] * 2}
    >>> predictions = pd.DataFrame(asked | {"young": [0.9, 0.4, 0.8, 0.7], "older": [0.1, 0.6, 0.2, 0.3]})
    >>> predictions = predictions.assign(dataset="people", space="clip_image", seed=0)
    >>> table = confusion(predictions, ["young", "older"], Resampling(999, 999, 0.95, seed=0))
    >>> table.pivot(index="group", columns="predicted", values="estimate")
    predicted  older  young
    group
    older        0.5    0.5
    young        0.0    1.0
    """
    marked = predictions[predictions["group"].isin(list(groups))]
    by = [*KEYS, "group", "predicted"]
    matrix, counts = seed_average(_long(marked, groups, hard=True), by)
    soft, _ = seed_average(_long(marked, groups, hard=False), by)
    frame = tabulate_shares(matrix, counts, resampling)
    frame.insert(list(frame).index("method"), "probability", soft.mean().to_numpy())
    return frame


def calibration(predictions: pd.DataFrame, groups: Sequence[str], bins: int = 10) -> pd.DataFrame:
    """Calibration on marked images: the probability of the predicted group compared with its accuracy.

    Returns
    -------
    DataFrame
        dataset, space, bin (lower edge of equal-width bins; NaN in the row for all images), images,
        confidence (mean probability of the predicted group), accuracy, gap (confidence - accuracy; for all
        images the expected calibration error).

    Examples
    --------
    >>> rows = [("young", 0.9, 0.1), ("young", 0.95, 0.05), ("older", 0.93, 0.07), ("older", 0.3, 0.7)]
    >>> predictions = pd.DataFrame(rows, columns=["group", "young", "older"])
    >>> predictions = predictions.assign(dataset="people", space="clip_image")
    >>> calibration(predictions, ["young", "older"])[["bin", "images", "confidence", "accuracy", "gap"]].round(2)
       bin  images  confidence  accuracy   gap
    0  0.7       1        0.70      1.00 -0.30
    1  0.9       3        0.93      0.67  0.26
    2  NaN       4        0.87      0.75  0.27
    """
    marked = predictions[predictions["group"].isin(list(groups))]
    p = marked[list(groups)].to_numpy()
    table = marked[KEYS].assign(bin=np.minimum((p.max(1) * bins).astype(int), bins - 1) / bins, confidence=p.max(1))
    table["accuracy"] = (np.array(groups)[p.argmax(1)] == marked["group"].to_numpy()).astype(float)
    columns = {name: (name, "mean") for name in ("confidence", "accuracy")}
    columns = {"images": ("accuracy", "size")} | columns
    each = table.groupby([*KEYS, "bin"]).agg(**columns).reset_index()
    each["gap"] = each["confidence"] - each["accuracy"]
    error = (each["gap"].abs() * each["images"]).groupby([each[name] for name in KEYS]).sum()
    every = table.groupby(KEYS).agg(**columns)
    every["gap"] = error / every["images"]
    return pd.concat([each, every.reset_index().assign(bin=np.nan)], ignore_index=True)


def adherence(predictions: pd.DataFrame, groups: Sequence[str], resampling: Resampling) -> pd.DataFrame:
    """Share of marked images whose predicted group is the requested one.

    Returns
    -------
    DataFrame
        dataset, space, group (and ``all marked``), n (activities), n_seeds, estimate, low, high, method,
        note.

    References
    ----------
    docs/method.md section 7.
    """
    marked = predictions[predictions["group"].isin(list(groups))]
    value = adheres(marked, groups).astype(float)
    long = marked[[*KEYS, "activity_id", "seed", "group"]].assign(value=value)
    both = pd.concat([long, long.assign(group="all marked")])
    matrix, counts = seed_average(both, [*KEYS, "group"])
    return tabulate_shares(matrix, counts, resampling)


def adheres(marked: pd.DataFrame, groups: Sequence[str]) -> pd.Series:
    """True for images whose most probable group is the requested one."""
    best = np.array(groups)[marked[list(groups)].to_numpy().argmax(1)]
    return pd.Series(best == marked["group"].to_numpy(), index=marked.index)


def gate(similarity: pd.DataFrame, predictions: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """Remove the marked images that do not show the requested group from a table of similarities.

    Parameters
    ----------
    similarity : DataFrame
        The long similarity table.
    predictions : DataFrame
        Predictions in one space; images without a prediction are kept.
    groups : sequence of str
        The marked groups.

    Returns
    -------
    DataFrame
        The remaining rows of ``similarity``.
    """
    marked = predictions[predictions["group"].isin(list(groups))]
    keys = ["dataset", "activity_id", "seed", "group"]
    failed = pd.MultiIndex.from_frame(marked.loc[~adheres(marked, groups), keys])
    return similarity[~pd.MultiIndex.from_frame(similarity[keys]).isin(failed)]


def _long(marked: pd.DataFrame, groups: Sequence[str], hard: bool) -> pd.DataFrame:
    values = marked[list(groups)].to_numpy(dtype=float)
    table = marked[[*KEYS, "activity_id", "seed", "group"]].copy()
    table[list(groups)] = hot(values) if hard else values
    return table.melt(id_vars=[*KEYS, "activity_id", "seed", "group"], var_name="predicted", value_name="value")


def hot(probabilities: np.ndarray) -> np.ndarray:
    """One in the column of the most probable group, zero elsewhere."""
    return np.eye(probabilities.shape[1])[probabilities.argmax(1)]
