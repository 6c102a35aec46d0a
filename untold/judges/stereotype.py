"""Lean, how far the overall shares are from a reference, and stereotype, how far activities differ from each other.

Both are needed: a model may be balanced on average because it draws only the young skateboarding and only the old
knitting (docs/method.md section 7). A table's last row speaks of all groups together.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from untold.judges.inversion import (
    SAMPLE,
    Inversion,
    Moments,
    Variance,
    equivalence_tests,
    excess_squares,
    joint_test,
    picture_variance,
    possible,
    set_intervals,
    set_tests,
    weights,
)
from untold.judges.judgement import Judgement
from untold.judges.shares import COUNTS, PROBABILITIES, correction, estimator_scores, intervals
from untold.statistics.resampling import ROUNDING, Resampling
from untold.statistics.tidy import holm

ALL_GROUPS = "all groups"
NOT_SETTLED = "not settled"
EQUIVALENT = "no difference that matters"
ONE_SEED = "one picture per activity: chance cannot be told from differences between activities"
ONE_MARKED = "one marked picture per activity and group: the judge's errors may differ between activities"
SHARED_NOISE = "all activities share their noise: their pictures are not independent, no test"
ONE_ACTIVITY = "one activity: nothing to compare"
# Blocks of an activity's pictures that the test of a stereotype compares; more gain next to nothing.
MOST_BLOCKS = 8
# Variance of the shares over activities, relative to the largest possible at these overall shares: values that are
# tested for the interval, and simulated studies for each.
GRID = np.array([0, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 0.95])
SIMULATIONS = 400


def lean(
    judgement: Judgement,
    estimator: str,
    resampling: Resampling,
    reference: Sequence[float] | None = None,
    population: str = SAMPLE,
    margin: float = 0.1,
) -> pd.DataFrame:
    """How far the mean shares over activities are from a reference, with score intervals and tests.

    Parameters
    ----------
    judgement : Judgement
    estimator : str
        One of `untold.judges.shares.ESTIMATORS`.
    resampling : Resampling
        Gives the confidence of the intervals.
    reference : sequence of float of length G, optional
        Shares to compare with; equal ones by default.
    population : {SAMPLE, THESE}
        Whether activities are a sample of others that could have been chosen, or only the seeds are random.
    margin : float
        Difference of a share from the reference that is too small to matter.

    Returns
    -------
    DataFrame
        group, estimate (share minus reference), low, high, p (not adjusted for the number of groups), p_equivalent
        (that the share differs by the margin or more, adjusted by Holm), n (activities), note. In the row
        ``all groups`` the estimate is the total variation distance, half the sum of the absolute differences, and p
        belongs to the joint test of all shares. Its lower limit is 0 where that test keeps the reference. Its
        p_equivalent is that any share differs by the margin or more, which needs no adjustment.

    Raises
    ------
    ValueError
        If the reference does not add up to 1.

    References
    ----------
    docs/method.md section 7.
    """
    k, alpha = len(judgement.groups), 1 - resampling.confidence
    target = np.full(k, 1 / k) if reference is None else np.asarray(reference, dtype=float)
    if len(target) != k or not np.isclose(target.sum(), 1):
        raise ValueError(f"reference: expected {k} shares that add up to 1, got {target.tolist()}")
    inversion, hindrance = correction(judgement, estimator)
    domain = (inversion.neutral.pictures > 0)[None]
    estimate, low, high, note = intervals(inversion, hindrance, domain, population, resampling.confidence)
    table = pd.DataFrame(
        {
            "group": [*judgement.groups, ALL_GROUPS],
            "estimate": [*(estimate[0] - target), np.abs(estimate[0] - target).sum() / 2],
            "low": [*(low[0] - target), np.nan],
            "high": [*(high[0] - target), np.nan],
            "p": np.nan,
            "p_equivalent": np.nan,
            "n": domain.sum(),
            "note": note[0],
        }
    )
    if note[0]:
        return table
    p = [*set_tests(inversion, domain, np.eye(k), target, population)[0], joint_test(inversion, target, population)]
    differs = equivalence_tests(inversion, domain, np.eye(k), target, margin, population)[0]
    distance = _total_variation_limits(inversion, domain, target, population, resampling.confidence)
    last = table.index[-1]
    table.loc[last, "low"] = 0 if p[-1] > alpha else min(distance[0], table["estimate"][last])
    table.loc[last, "high"] = max(distance[1], table["estimate"][last])
    same = [*holm(differs), differs.max()]
    note = np.select([np.array(p) <= alpha, np.array(same) <= alpha], ["", EQUIVALENT], NOT_SETTLED)
    return table.assign(p=p, p_equivalent=same, note=note)


def _total_variation_limits(
    inversion: Inversion, domain: np.ndarray, reference: np.ndarray, population: str, confidence: float
) -> tuple[float, float]:
    """Limits of the total variation distance, which is the largest difference over sets of groups.

    The upper limit is the largest one over sets: the set that is largest in truth is among them. The lower limit is
    that of the set that is largest in the data. Limits from a bootstrap would never hold a distance of 0.
    """
    k = len(reference)
    members = np.arange(1, 2**k - 1)[:, None] >> np.arange(k) & 1
    low, high = set_intervals(inversion, domain, members.astype(float), population, confidence)
    differences = (possible(inversion.shares(domain))[0] - reference) @ members.T
    below, above = low[0] - members @ reference, high[0] - members @ reference
    return max(float(below[differences.argmax()]), 0.0), max(float(above.max()), 0.0)


def stereotype(judgement: Judgement, estimator: str, resampling: Resampling) -> pd.DataFrame:
    """Standard deviation of the shares over activities beyond chance and beyond the judge's errors.

    Parameters
    ----------
    judgement : Judgement
    estimator : str
        One of `untold.judges.shares.ESTIMATORS`.
    resampling : Resampling

    Returns
    -------
    DataFrame
        group, sd, low, high, p, n (activities with two neutral pictures or more), note. In the row ``all groups`` the
        standard deviation is the root mean square over groups.

    Notes
    -----
    The interval holds the values under which a statistic as large, and as small, as the observed one is not rare among
    simulated studies. The test flips signs: each activity's pictures are dealt into blocks, and a block's residual is
    the mean score of its neutral pictures less the expected one, if shares were the overall ones, by its own marked
    pictures. If all activities have the same shares, residuals have mean 0 and are independent whatever the judge does
    in this activity, and their signs are as good as random; otherwise those of one activity agree.

    References
    ----------
    docs/method.md section 7. Dehling and Mikosch 1994, J. Multivariate Anal. 51:392 (random signs for degenerate
    U-statistics).
    """
    inversion, hindrance = correction(judgement, estimator)
    corrected = estimator not in (COUNTS, PROBABILITIES)
    compared = inversion.neutral.pictures > 1
    replicated = compared & (inversion.marked.pictures > 1).all(1)
    n = int(compared.sum())
    names = [*judgement.groups, ALL_GROUPS]
    table = pd.DataFrame({"group": names, "sd": np.nan, "low": np.nan, "high": np.nan, "p": np.nan, "n": n})
    few = ONE_ACTIVITY if (inversion.neutral.pictures > 0).sum() < 2 else ONE_SEED if n < 2 else ""
    note = hindrance or few or (ONE_MARKED if corrected and replicated.sum() < 2 else "")
    note = note or (SHARED_NOISE if judgement.shared_seed is not None else "")
    if note:
        return table.assign(note=note)
    residuals = _block_residuals(judgement, estimator, inversion, corrected)
    p = sign_test(residuals, resampling)
    limits = _deviation_limits(inversion, compared, p, resampling)
    settled = p <= 1 - resampling.confidence
    return table.assign(
        **dict(zip(("sd", "low", "high"), limits, strict=True)), p=p, note=np.where(settled, "", NOT_SETTLED)
    )


def _block_residuals(judgement: Judgement, estimator: str, inversion: Inversion, corrected: bool) -> np.ndarray:
    """Residuals of the blocks of each activity, in units of shares: (A', J, G); 0 where an activity has fewer blocks.

    Activities with fewer than two blocks are left out. The residuals of an activity with b blocks are divided by b, so
    that their sum is its mean residual.
    """
    neutral, marked = estimator_scores(judgement, estimator)
    count, k = judgement.activities, len(judgement.groups)
    blocks = inversion.neutral.pictures
    if corrected:
        blocks = np.minimum(blocks, inversion.marked.pictures.min(1))
    blocks = np.minimum(blocks, MOST_BLOCKS).astype(int)
    activity, cell = judgement.neutral_activity, judgement.marked_activity * k + judgement.truth
    shape, dealt = (count, MOST_BLOCKS), np.maximum(blocks, 1)
    place = activity * MOST_BLOCKS + _order(activity) % dealt[activity]
    residual = Moments.of(neutral, place, shape).mean
    shares = possible(inversion.shares((inversion.neutral.pictures > 0)[None]))[0]
    if corrected:
        order = _order(cell) % dealt[judgement.marked_activity]
        place = (judgement.marked_activity * MOST_BLOCKS + order) * k + judgement.truth
        expected = np.einsum("g,ajgi->aji", shares, Moments.of(marked, place, (*shape, k)).mean)
    else:
        expected = shares
    real = np.arange(MOST_BLOCKS) < blocks[:, None]
    residual = (residual - expected) @ inversion.inverse.T * (real / dealt[:, None])[..., None]
    return residual[blocks > 1, : blocks.max()]


def _order(cell: np.ndarray) -> np.ndarray:
    """Running number of each element within its cell."""
    by_cell = np.argsort(cell, kind="stable")
    ordered = cell[by_cell]
    order = np.empty(len(cell), dtype=int)
    order[by_cell] = np.arange(len(cell)) - np.searchsorted(ordered, ordered)
    return order


def sign_test(residuals: np.ndarray, resampling: Resampling) -> np.ndarray:
    """p-values that the blocks of an activity agree no more than chance, per group and for all: (G + 1,).

    Parameters
    ----------
    residuals : ndarray of shape (A, J, G)
    resampling : Resampling
        Gives the number of random flips of blocks.
    """
    count, blocks, k = residuals.shape
    flat = residuals.reshape(-1, k)

    def statistic(signs: np.ndarray) -> np.ndarray:
        sums = np.stack([(signs * column).reshape(-1, count, blocks).sum(2) for column in flat.T], axis=-1)
        squares = ((sums - sums.mean(1, keepdims=True)) ** 2).sum(1)
        return np.column_stack([squares, squares.sum(1)])

    observed = statistic(np.ones((1, len(flat))))[0]
    extreme = np.zeros(k + 1)
    for signs in resampling.signs(len(flat)):
        extreme += (statistic(signs) >= observed * (1 - ROUNDING)).sum(0)
    return resampling.p_value(extreme, len(flat))


def _deviation_limits(
    inversion: Inversion, compared: np.ndarray, p: np.ndarray, resampling: Resampling
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Standard deviation over activities and its limits, each (G + 1,), by inverting a simulated test."""
    rng = np.random.default_rng([resampling.seed, 3])
    count, k = int(compared.sum()), inversion.groups
    shares = Variance(inversion, compared[None], np.eye(k)).plausible[0]
    largest = shares * (1 - shares)
    # The largest possible variance is as uncertain as the mean shares: in few activities a rare group may not be seen.
    first, last = set_intervals(inversion, compared[None], np.eye(k), SAMPLE, resampling.confidence)
    ends = np.stack([first[0] * (1 - first[0]), last[0] * (1 - last[0])])
    highest = np.where((first[0] <= 0.5) & (last[0] >= 0.5), 0.25, ends.max(0))
    excess = excess_squares(inversion)[compared]
    observed = excess.mean(0)
    # Of activities: what pictures and the judge add to the squares. Normal, because each is a mean over pictures.
    noise = np.sqrt(sampling_variance(inversion)[compared])
    simulated = np.empty((len(GRID), SIMULATIONS, k))
    block = max(1, 200_000 // (count * k))
    for start in range(0, SIMULATIONS, block):
        size = (min(block, SIMULATIONS - start), count, k)
        error = rng.standard_normal(size) * noise
        for number, relative in enumerate(GRID):
            drawn = shares if relative == 0 else rng.beta(*_beta(shares, 1 / relative - 1), size)
            values = (drawn + error).var(1, ddof=1) - (noise**2).mean(0)
            simulated[number, start : start + size[0]] = values
    # All groups together: the mean over groups, in the same relative units.
    simulated = np.concatenate([simulated, simulated.mean(-1, keepdims=True)], axis=-1)
    observed = np.append(observed, observed.mean())
    scale, least, most = (np.append(value, value.mean()) for value in (largest, ends.min(0), highest))
    above, below = (simulated >= observed).mean(1), (simulated <= observed).mean(1)
    tail = (1 - resampling.confidence) / 2
    low = np.array([_first_above(np.maximum.accumulate(column), tail) for column in above.T])
    high = np.array([1 - _first_above(np.maximum.accumulate(column[::-1]), tail, 1 - GRID[::-1]) for column in below.T])
    low = np.where(p > 1 - resampling.confidence, 0, low)
    estimate = np.clip(observed, 0, scale)
    return (
        np.sqrt(estimate),
        np.sqrt(np.minimum(low * least, estimate)),
        np.sqrt(np.maximum(high * most, estimate)),
    )


def _prior(
    shares: np.ndarray,
    excess: np.ndarray,
    drawn: np.ndarray,
    resampled: np.ndarray,
    readout: np.ndarray | None,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the prior of each activity's share in every resample of the activities: (D, A).

    Parameters
    ----------
    shares : ndarray of shape (A,)
    excess : ndarray of shape (A drawn,)
        Squared deviations beyond chance.
    drawn : boolean ndarray of shape (A,)
        Activities with pictures.
    resampled : ndarray of shape (D, A drawn)
        Weights of the activities, which add up to 1.
    readout : ndarray of shape (A,), optional
    """
    level, between = resampled @ shares[drawn], resampled @ excess
    mean = np.repeat(level[:, None], len(shares), 1)
    if readout is not None and np.isfinite(readout[drawn]).any():
        readout = np.where(np.isfinite(readout), readout, np.nanmean(readout[drawn]))
        x = readout - (resampled @ readout[drawn])[:, None]
        spread = (resampled * x[:, drawn] ** 2).sum(1)
        slope = (resampled * x[:, drawn]) @ shares[drawn] / np.maximum(spread, 1e-12)
        mean = mean + slope[:, None] * x
        left = (resampled * (shares[drawn] - mean[:, drawn]) ** 2).sum(1)
        # What the line explains, less what a line through chance would.
        between = between - slope**2 * spread + left / max(drawn.sum() - 2, 1)
        # A variance that seems negative may still be positive: without this, shares would lie on the line for certain.
        centre, error = between.mean(), between.std() + 1e-12
        between = centre + error * stats.truncnorm.ppf(rng.random(len(between)), -centre / error, np.inf)
    mean = np.clip(mean, 1e-3, 1 - 1e-3)
    most = mean * (1 - mean)
    relative = np.clip(between / most[:, drawn].mean(1), 1e-4, 0.99)
    return mean, relative[:, None] * most


def _beta(mean: np.ndarray, concentration: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Parameters of the beta distribution."""
    return mean * concentration, (1 - mean) * concentration


def _first_above(tail: np.ndarray, level: float, grid: np.ndarray = GRID) -> float:
    """Where a rising curve over the grid crosses a level; the end of the grid, 1, if it never does."""
    first = int((tail > level).argmax())
    if tail[first] <= level:
        return 1.0
    if first == 0:
        return 0.0
    before = tail[first - 1]
    return float(np.interp(level, [before, tail[first]], grid[first - 1 : first + 1]))


def sampling_variance(inversion: Inversion) -> np.ndarray:
    """Variance of each activity's shares by its pictures and by what the judge does differently there: (A, G).

    Pictures vary as in the mean activity: the own variance of few pictures is too noisy. Infinite without pictures.
    """
    pictures = inversion.neutral.pictures
    drawn, repeated = (pictures > 0)[None], (pictures > 1)[None]
    variance = Variance(inversion, drawn, np.eye(inversion.groups))
    shares = possible(inversion.shares(drawn))[0]
    within = (weights(repeated) @ picture_variance(inversion.neutral, inversion.inverse))[0]
    # One picture of prior for the whole study: a group that was not seen may still exist.
    prior = variance.picture(variance.plausible[:, None, None, :].repeat(inversion.groups, 1))[0, :, 0]
    total = pictures.sum()
    within = (within * total + prior) / (total + 1)
    judge = (shares**2 + variance.share_variance[0]) @ variance.judge_between
    with np.errstate(divide="ignore"):
        return within / pictures[:, None] + judge


def ranks(
    judgement: Judgement,
    activities: Sequence[str],
    estimator: str,
    resampling: Resampling,
    readout: np.ndarray | None = None,
) -> pd.DataFrame:
    """Activities ranked by shrunken shares (empirical Bayes), with intervals of shares and ranks.

    Parameters
    ----------
    judgement : Judgement
    activities : sequence of str of length A
    estimator : str
        One of `untold.judges.shares.ESTIMATORS`.
    resampling : Resampling
        Of the activities, for the uncertainty of the prior.
    readout : ndarray of shape (A, G), optional
        What else is known of each activity's shares, on any scale: shares are shrunken towards a line in it, whose
        level, slope and reliability are learned from the pictures. NaN where nothing is known.

    Returns
    -------
    DataFrame
        activity_id, group, shrunken (posterior mean of the share), low, high, rank (1 has the largest share), rank_low,
        rank_high. All are NaN with one neutral picture per activity, or where no correction is possible.

    Notes
    -----
    Shares of activities have a beta prior whose mean and variance are estimated; with a perfect judge the posterior is
    that of the beta-binomial model. Each draw takes the prior from a resample of the activities, so that intervals
    include its uncertainty (Laird and Louis 1987, JASA 82:739).

    References
    ----------
    docs/method.md section 7.
    """
    inversion, hindrance = correction(judgement, estimator)
    k, count = len(judgement.groups), len(activities)
    head = pd.DataFrame({"activity_id": np.repeat(activities, k), "group": np.tile(judgement.groups, count)})
    columns = ["shrunken", "low", "high", "rank", "rank_low", "rank_high"]
    drawn = inversion.neutral.pictures > 0
    if hindrance or (inversion.neutral.pictures > 1).sum() < 2:
        return head.assign(**dict.fromkeys(columns, np.nan))
    tail = (1 - resampling.confidence) / 2
    levels = [tail, 1 - tail]
    values = np.empty((count, k, len(columns)))
    rng = np.random.default_rng([resampling.seed, 4])
    shares, noise = inversion.neutral.mean @ inversion.inverse.T, sampling_variance(inversion)
    excess = excess_squares(inversion)[drawn]
    variance = Variance(inversion, drawn[None], np.eye(k))
    common = np.sqrt(possible(inversion.shares(drawn[None]))[0] ** 2 @ variance.confusion_variance)
    resampled = np.concatenate([weight for _, weight in resampling.weights(int(drawn.sum()))]) / drawn.sum()
    for group in range(k):
        known = None if readout is None else readout[:, group]
        mean, between = _prior(shares[:, group], excess[:, group], drawn, resampled, known, rng)
        most = mean * (1 - mean)
        prior = most / between - 1
        # Pictures vary as in the mean activity, or as in one with the expected share where there is more than one.
        worth = (most - between) / (noise[:, group] * most / most[:, drawn].mean(1, keepdims=True))
        middle = np.clip((prior * mean + worth * shares[:, group]) / (prior + worth), 1e-4, 1 - 1e-4)
        posterior = rng.beta(*_beta(middle, prior + worth))
        order = (-posterior).argsort(1).argsort(1) + 1
        # The mean confusion matrix is as wrong for all activities: it moves shares and leaves ranks.
        moved = np.clip(posterior + rng.standard_normal((len(posterior), 1)) * common[group], 0, 1)
        shrunken = posterior.mean(0)
        low, high = np.quantile(moved, levels, axis=0)
        low, high = np.minimum(low, shrunken), np.maximum(high, shrunken)
        rank = stats.rankdata(-shrunken)
        rank_low, rank_high = np.quantile(order, levels, axis=0, method="inverted_cdf")
        values[:, group] = np.column_stack(
            [shrunken, low, high, rank, np.minimum(rank_low, rank), np.maximum(rank_high, rank)]
        )
    return head.join(pd.DataFrame(values.reshape(-1, len(columns)), columns=columns))
