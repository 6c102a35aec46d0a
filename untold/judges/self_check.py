"""How wrong the shares of a judge are on this study's own pictures (docs/method.md section 7).

Marked pictures with hidden labels stand in for neutral ones, in mixtures whose shares are known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np

from untold.judges.judgement import Judgement

# Mixtures are drawn until there are about this many activities of them.
MIXED_ACTIVITIES = 1000
FEWEST_REPEATS, MOST_REPEATS = 5, 40
# Activities are hidden in turn, so that a mixture is corrected by errors on the pictures of other activities.
HIDDEN = 5
BOOTSTRAPS = 2000
# A judge fails if its error may exceed this share of the error of equal shares said of every activity: it then tells
# less than half of how activities differ.
WORST_ERROR = 0.5
# A 95 % interval that misses three times as often as it says is wrong, not imprecise.
LEAST_COVERAGE = 0.85
# A marked picture is farther than this from its group once in a hundred times.
ORDINARY = 0.99


class ActivityShares(NamedTuple):
    """Shares of each activity, and the limits of their intervals: three arrays of shape (A, G)."""

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray


Name = TypeVar("Name")
Estimator = Callable[[Judgement], ActivityShares]


@dataclass(frozen=True)
class SelfCheck:
    """What the self-check of one judge and one estimator finds; errors are in shares of 1.

    Attributes
    ----------
    mae : float
        Mean absolute error of an activity's shares in mixtures with the shares that the judge reads from the neutral
        pictures: errors depend on the shares.
    upper : float
        Upper limit of it (95 %, over resampled activities), times `shift` where that is above 1.
    mae_any : float
        The same error in mixtures of any shares, which a judge that always says the same group cannot pass.
    mae_blind : float
        The error of equal shares in those mixtures of any shares: what it costs to look at no picture.
    bias : ndarray of shape (G,)
        Estimated less true shares, mean over activities and all mixtures.
    coverage : float
        How often an interval of an activity's share holds the share the mixture was drawn with; NaN without intervals.
    confidence_marked, confidence_neutral : float
        Mean probability of the predicted group.
    shift : float
        Doubt (1 - confidence) about neutral pictures relative to marked ones. Above 1 neutral pictures are not quite
        like the marked ones of their group, and the check is too kind.
    note : str
        Why the judge fails, or cannot be checked; empty if it passes.
    """

    mae: float
    upper: float
    mae_any: float
    mae_blind: float
    bias: np.ndarray
    coverage: float
    confidence_marked: float
    confidence_neutral: float
    shift: float
    note: str

    @property
    def passes(self) -> bool:
        """Whether the judge may lead the answer."""
        return not self.note

    @property
    def verdict(self) -> str:
        """In a word."""
        return "passes" if self.passes else "fails"


def self_check(judgement: Judgement, estimator: Estimator, *, seed: int) -> SelfCheck:
    """Let a judge estimate mixtures of marked pictures whose shares are known.

    Mixtures are drawn within activities, as many pictures as the activity has neutral ones: across activities the
    judge's errors would average out. A fifth of the activities is hidden at a time, and the estimator knows the errors
    on the others only.

    Parameters
    ----------
    judgement : Judgement
        With marked pictures of models that did not learn from them.
    estimator : callable
        From a judgement to the shares of its activities, the same as the study uses; NaN for activities without
        neutral pictures.
    seed : int
        Of the mixtures and the bootstrap.

    References
    ----------
    docs/method.md section 7.
    """
    marked, neutral = judgement.marked.max(1).mean(), judgement.neutral.max(1).mean()
    shift = float((1 - neutral) / max(1 - marked, 1e-6))
    pools = _Pools.of(judgement)
    missing = [name for name, count in zip(judgement.groups, pools.counts.sum(0), strict=True) if not count]
    if missing:
        nothing = np.full(len(judgement.groups), np.nan)
        note = f"no marked picture of {', '.join(missing)}: it cannot be checked"
        return SelfCheck(np.nan, np.nan, np.nan, np.nan, nothing, np.nan, float(marked), float(neutral), shift, note)
    rng = np.random.default_rng([seed, judgement.activities])
    read = np.clip(estimator(judgement).estimate, 0, None)
    repeats = int(np.clip(np.ceil(MIXED_ACTIVITIES / judgement.activities), FEWEST_REPEATS, MOST_REPEATS))
    as_read = [_mixtures(judgement, pools, estimator, read, rng) for _ in range(repeats)]
    any_shares = [
        _mixtures(judgement, pools, estimator, rng.dirichlet(np.ones(read.shape[1]), len(read)), rng)
        for _ in range(repeats)
    ]
    per_activity = _per_activity([mixed.error for mixed in as_read])
    resampled = per_activity[rng.integers(0, len(per_activity), (BOOTSTRAPS, len(per_activity)))].mean(1)
    inside = np.concatenate([mixed.inside for mixed in (*as_read, *any_shares)])
    check = SelfCheck(
        mae=float(per_activity.mean()),
        upper=float(np.quantile(resampled, 0.95) * max(1, shift)),
        mae_any=float(_per_activity([mixed.error for mixed in any_shares]).mean()),
        mae_blind=float(_per_activity([1 / read.shape[1] - mixed.composition for mixed in any_shares]).mean()),
        bias=np.nanmean([mixed.error for mixed in (*as_read, *any_shares)], axis=(0, 1)),
        coverage=float(np.nanmean(inside)) if np.isfinite(inside).any() else np.nan,
        confidence_marked=float(marked),
        confidence_neutral=float(neutral),
        shift=shift,
        note="",
    )
    return replace(check, note=_failure(check))


def _failure(check: SelfCheck) -> str:
    worst = max(check.upper, check.mae_any)
    if not worst <= WORST_ERROR * check.mae_blind:  # also where an error is not a number
        return (
            f"its shares are wrong by up to {worst:.2f}, equal shares for every activity by {check.mae_blind:.2f}: "
            "it hardly tells the groups apart"
        )
    if check.coverage < LEAST_COVERAGE:
        return f"its 95 % intervals hold the true share in {check.coverage:.0%} of the mixtures only"
    return ""


class _Mixed(NamedTuple):
    """Mixtures of all activities: error and composition (A, G), and whether intervals hold the shares (1, 0 or NaN)."""

    error: np.ndarray
    composition: np.ndarray
    inside: np.ndarray


class _Pools(NamedTuple):
    """Marked pictures by activity and group: their positions in order, where each pool starts and how many it has."""

    order: np.ndarray
    starts: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, judgement: Judgement) -> "_Pools":
        counts = np.zeros((judgement.activities, len(judgement.groups)), dtype=int)
        np.add.at(counts, (judgement.marked_activity, judgement.truth), 1)
        order = np.lexsort((judgement.truth, judgement.marked_activity))
        return cls(order, np.cumsum(counts).reshape(counts.shape) - counts, counts)


def _mixtures(
    judgement: Judgement, pools: _Pools, estimator: Estimator, shares: np.ndarray, rng: np.random.Generator
) -> _Mixed:
    """Draw a mixture of every activity and estimate it.

    Groups of which an activity has no marked picture cannot be drawn; the others keep their proportions.
    """
    available = np.nan_to_num(shares) * (pools.counts > 0)
    available = np.where(available.sum(1, keepdims=True) > 0, available, pools.counts > 0)
    drawn_with = available / np.maximum(available.sum(1, keepdims=True), 1e-12)
    size = drawn_with.shape
    composition, error, inside = (np.full(size, np.nan) for _ in range(3))
    mixable = (pools.counts > 0).any(1)
    part = rng.permutation(len(shares)) % min(HIDDEN, len(shares))
    for number in range(part.max() + 1):
        hidden = (part == number) & mixable
        where = judgement.neutral_activity[hidden[judgement.neutral_activity]]
        here, known = np.unique(where), ~hidden[judgement.marked_activity]
        if not len(here) or not known.any():
            continue
        edges = drawn_with.cumsum(1)[where]
        group = (rng.random(len(where))[:, None] * edges[:, -1:] >= edges).sum(1)
        count = pools.counts[where, group]
        picture = pools.order[pools.starts[where, group] + (rng.random(len(where)) * count).astype(int)]
        mixture = replace(
            judgement,
            neutral=judgement.marked[picture],
            neutral_activity=where,
            marked=judgement.marked[known],
            marked_activity=judgement.marked_activity[known],
            marked_seed=judgement.marked_seed[known],
            truth=judgement.truth[known],
        )
        drawn = np.zeros(size)
        np.add.at(drawn, (where, group), 1)
        composition[here] = drawn[here] / drawn[here].sum(1, keepdims=True)
        estimate, low, high = (values[here] for values in _whole(estimator(mixture), len(shares)))
        error[here] = estimate - composition[here]
        holds = (low <= drawn_with[here]) & (drawn_with[here] <= high)
        inside[here] = np.where(np.isfinite(low) & np.isfinite(high), holds, np.nan)
    return _Mixed(error, composition, inside)


def _whole(shares: ActivityShares, activities: int) -> ActivityShares:
    """Rows for all activities: hiding the last ones makes a judgement of fewer."""
    padding = ((0, activities - len(shares.estimate)), (0, 0))
    return ActivityShares(*(np.pad(values, padding, constant_values=np.nan) for values in shares))


def _per_activity(errors: list[np.ndarray]) -> np.ndarray:
    """Mean absolute error of each activity that was mixed."""
    each = np.abs(errors).mean((0, 2))
    return each[np.isfinite(each)]


def best_judge(checks: Mapping[Name, SelfCheck]) -> Name | None:
    """The judge that leads the answer: of those that pass, the one with the smallest upper limit of its error.

    Returns
    -------
    the key of that judge, or None
        None if all fail: then no judge leads. Of equally good judges the first.
    """
    passing = [name for name, check in checks.items() if check.passes]
    return min(passing, key=lambda name: checks[name].upper) if passing else None


def unexplained(
    neutral: np.ndarray, marked: np.ndarray, neutral_distances: np.ndarray, marked_distances: np.ndarray
) -> float:
    """Share of neutral pictures that no group explains, beyond those expected of marked pictures.

    A picture is not explained if it is farther from its predicted group than 99 % of the marked pictures are from
    theirs.

    Parameters
    ----------
    neutral, marked : ndarray of shape (n, G), (m, G)
        Probabilities.
    neutral_distances, marked_distances : ndarray of shape (n, G), (m, G)
        Distances from the groups, as a probe gives them.

    References
    ----------
    docs/method.md section 7.
    """
    limit = np.quantile(_own(marked, marked_distances), ORDINARY)
    beyond = (_own(neutral, neutral_distances) > limit).mean()
    return float(max(0.0, (beyond - (1 - ORDINARY)) / ORDINARY))


def _own(probabilities: np.ndarray, distances: np.ndarray) -> np.ndarray:
    return np.take_along_axis(distances, probabilities.argmax(1)[:, None], axis=1)[:, 0]
