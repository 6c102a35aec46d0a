"""Shares of the groups that neutral pictures depict, uncorrected and corrected (docs/method.md section 7)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from untold.judges.correction import SINGULAR, unmix
from untold.judges.groups import hot
from untold.judges.inversion import (
    SAMPLE,
    THESE,
    Inversion,
    moments,
    set_intervals,
    sharing_noise,
    uncorrected,
    weights,
)
from untold.judges.judgement import Judgement
from untold.statistics.resampling import Resampling

COUNTS, PROBABILITIES, INVERSION, EMQ = "counts", "probabilities", "inversion", "EMQ"
ESTIMATORS = (COUNTS, PROBABILITIES, INVERSION, EMQ)
OVERALL, CATEGORY, ACTIVITY = "overall", "category", "activity"
# A dozen activities of a lopsided world can be alike by chance: nothing would tell that others differ.
LEAST_ACTIVITIES = 20
# Fewer pictures say nothing useful about their activity.
LEAST_PICTURES = 4

NO_PICTURE = "no neutral picture"
NO_MARKED = "a group has no marked picture: no correction"
INDISTINCT = "the judge hardly tells the groups apart: no correction"
FEW_ACTIVITIES = f"fewer than {LEAST_ACTIVITIES} activities say too little about others: no interval"
FEW_PICTURES = f"fewer than {LEAST_PICTURES} pictures say too little about an activity: no interval"
ONE_NOISE = "all activities share one noise: chance cannot be told from the model, no interval"
ONE_SEED = "one picture per activity: chance cannot be told from differences between activities, no interval"

COLUMNS = ("estimator", "level", "activity_id", "group", "n", "estimate", "low", "high", "population", "note")


def shares(
    judgement: Judgement, activities: Sequence[str], categories: Sequence[str], resampling: Resampling
) -> pd.DataFrame:
    """Shares of the groups in neutral pictures: of all activities, each category and each activity.

    ``counts`` are the shares of the most probable group and ``probabilities`` mean probabilities, both uncorrected:
    their intervals speak of what the judge says, mistakes included. ``inversion`` and ``EMQ`` are corrected with the
    confusion matrix of the marked pictures, and their intervals include its error.

    Parameters
    ----------
    judgement : Judgement
    activities, categories : sequence of str of length A
        The id and the category of each activity.
    resampling : Resampling
        Gives the confidence of the intervals.

    Returns
    -------
    DataFrame
        estimator, level (overall, category or activity), activity_id (the category's name for a category, empty
        overall), group, n (neutral pictures), estimate, low, high, population (``activities``: as a sample of others
        that could have been chosen; ``these``: other seeds of these activities), note (why there is no interval).
        Activities have equal weight.

    Raises
    ------
    ValueError
        If there are more or fewer names than activities.

    References
    ----------
    docs/method.md section 7.
    """
    if not len(activities) == len(categories) == judgement.activities:
        raise ValueError(
            f"{judgement.activities} activities have {len(activities)} names and {len(categories)} categories"
        )
    names, sizes = np.asarray(categories, dtype=str), np.bincount(judgement.neutral_activity, minlength=len(activities))
    kinds = np.unique(names)
    several = np.vstack([np.ones((1, len(names)), bool), kinds[:, None] == names])
    domains = np.vstack([several, np.eye(len(names), dtype=bool)])
    head = pd.DataFrame(
        {
            "level": [OVERALL] + [CATEGORY] * len(kinds) + [ACTIVITY] * len(names),
            "activity_id": ["", *kinds, *activities],
            "n": domains @ sizes,
        }
    )
    parts = []
    for estimator in ESTIMATORS:
        inversion, hindrance = correction(judgement, estimator)
        for population, rows in ((SAMPLE, several), (THESE, domains)):
            drawn = rows & (sizes > 0)
            estimate, low, high, notes = intervals(inversion, hindrance, drawn, population, resampling.confidence)
            part = head.loc[np.repeat(np.arange(len(rows)), len(judgement.groups))]
            columns = {"group": np.tile(judgement.groups, len(rows)), "estimate": estimate.ravel(), "low": low.ravel()}
            columns |= {"high": high.ravel(), "note": np.repeat(notes, len(judgement.groups))}
            parts.append(part.assign(estimator=estimator, population=population, **columns))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def correction(judgement: Judgement, estimator: str) -> tuple[Inversion, str]:
    """Scores and confusion matrix of an estimator, and why it cannot correct (empty if it can).

    Parameters
    ----------
    judgement : Judgement
    estimator : str
        One of `ESTIMATORS`.
    """
    plain = _inversion(judgement, INVERSION)
    if estimator in (COUNTS, PROBABILITIES):
        scores = estimator_scores(judgement, estimator)
        return sharing_noise(uncorrected(moments(judgement, *scores)[0]), judgement, scores[0]), ""
    hindrance = NO_MARKED if (plain.seen == 0).any() else INDISTINCT if plain.condition > SINGULAR else ""
    if estimator == INVERSION or hindrance:
        return plain, hindrance
    return _inversion(judgement, EMQ), ""


def _inversion(judgement: Judgement, estimator: str) -> Inversion:
    scores = estimator_scores(judgement, estimator)
    return sharing_noise(Inversion(*moments(judgement, *scores)), judgement, scores[0])


def estimator_scores(judgement: Judgement, estimator: str) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the neutral (n, G) and marked (m, G) pictures that an estimator averages.

    `EMQ` has the judge's probabilities under the shares of highest likelihood instead of equal ones. Where they are
    calibrated, their mean is that share again, with the least possible error; where they are not, inverting their
    confusion matrix removes the bias.
    """
    neutral, marked = judgement.neutral, judgement.marked
    if estimator == COUNTS:
        return hot(neutral), hot(marked)
    if estimator == EMQ:
        pictures = np.bincount(judgement.neutral_activity)
        prior = expectation_maximization(neutral, 1 / pictures[judgement.neutral_activity])
        # A group that seems absent must keep a score of its own.
        prior = 0.9 * prior + 0.1 / len(prior)
        return reweighted(neutral, prior), reweighted(marked, prior)
    return neutral, marked


def expectation_maximization(
    probabilities: np.ndarray, weight: np.ndarray, iterations: int = 200, tolerance: float = 1e-6
) -> np.ndarray:
    """Shares with the highest likelihood where probabilities are calibrated for equal shares (Saerens et al. 2002).

    Parameters
    ----------
    probabilities : ndarray of shape (n, G)
    weight : ndarray of shape (n,)
        How much each picture counts.

    Returns
    -------
    ndarray of shape (G,)

    Examples
    --------
    >>> probabilities = np.array([[0.9, 0.1]] * 7 + [[0.1, 0.9]] * 3)
    >>> expectation_maximization(probabilities, np.ones(10)).round(3)  # (0.7 - 0.1) / (0.9 - 0.1)
    array([0.75, 0.25])
    """
    shares = np.full(probabilities.shape[1], 1 / probabilities.shape[1])
    weight = weight / weight.sum()
    for _ in range(iterations):
        previous, shares = shares, weight @ reweighted(probabilities, shares)
        if np.abs(shares - previous).max() < tolerance:
            break
    return shares


def reweighted(probabilities: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Probabilities (n, G) under equal shares, moved to other prior shares (G,) by Bayes' rule."""
    joint = probabilities * prior
    return joint / joint.sum(1, keepdims=True)


def intervals(
    inversion: Inversion, hindrance: str, domains: np.ndarray, population: str, confidence: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean shares of domains with their intervals, where there are any.

    Parameters
    ----------
    inversion, hindrance
        See `correction`.
    domains : boolean ndarray of shape (D, A)
        Activities with neutral pictures.
    population : {SAMPLE, THESE}
    confidence : float

    Returns
    -------
    estimate, low, high : ndarray of shape (D, G)
        Within [0, 1]; estimates of a domain add up to 1.
    note : ndarray of str of shape (D,)
        Why there is no interval.
    """
    pictures = inversion.neutral.pictures
    n, repeated = domains.sum(1), (domains & (pictures > 1)).any(1)
    estimate, low, high = np.full((3, len(domains), inversion.groups), np.nan)
    few = (population == SAMPLE) & (n < LEAST_ACTIVITIES)
    short = (population == THESE) & (n == 1) & (domains @ pictures < LEAST_PICTURES)
    once = (population == THESE) & ~repeated
    one_noise = (inversion.seeds == 1) & (n > 1)
    notes = np.select(
        [n == 0, np.full(len(n), bool(hindrance)), few, short, one_noise, once],
        [NO_PICTURE, hindrance, FEW_ACTIVITIES, FEW_PICTURES, ONE_NOISE, ONE_SEED],
        "",
    )
    if not hindrance:
        means = weights(domains[n > 0]) @ inversion.neutral.mean
        estimate[n > 0] = unmix(inversion.confusion, means)
    shown = notes == ""
    if shown.any():
        limits = set_intervals(inversion, domains[shown], np.eye(inversion.groups), population, confidence)
        # Where the correction leaves [0, 1], the constrained estimate may lie just outside the interval.
        low[shown] = np.minimum(limits[0], estimate[shown])
        high[shown] = np.maximum(limits[1], estimate[shown])
    return estimate, low, high, notes
