"""Simulated vectors of studies whose shares are known, and the judgement of a probe in them."""

from dataclasses import dataclass

import numpy as np

from untold.judges.correction import unmix
from untold.judges.groups import hot
from untold.judges.judgement import Judgement
from untold.judges.probe import NEUTRAL, Probe
from untold.judges.self_check import ActivityShares

GROUPS = ("young", "middle", "older")
ACTIVITIES, MARKED_SEEDS, SEEDS, DIMENSIONS = 24, 4, 16, 16


@dataclass(frozen=True)
class Vectors:
    """Pictures (n of them) of a study; ``depicted`` is the group each shows, -1 for one that no prompt named."""

    vectors: np.ndarray
    activity: np.ndarray
    seed: np.ndarray
    group: np.ndarray
    depicted: np.ndarray

    @property
    def asked(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What a probe may see."""
        return self.vectors, self.activity, self.seed, self.group

    def judgement(self, judged: Probe) -> Judgement:
        neutral = self.group == NEUTRAL
        return Judgement(
            GROUPS,
            judged.probabilities[neutral],
            self.activity[neutral],
            judged.probabilities[~neutral],
            self.activity[~neutral],
            self.seed[~neutral],
            self.group[~neutral],
        )

    def shares(self) -> np.ndarray:
        """Shares (A, G) that neutral pictures depict."""
        neutral = self.group == NEUTRAL
        shown = np.zeros((ACTIVITIES, len(GROUPS)))
        np.add.at(shown, (self.activity[neutral], self.depicted[neutral]), 1)
        return shown / shown.sum(1, keepdims=True)


def simulate(seed: int, *, effect: float = 2.0, own: float = 0.0, novel: float = 0.0) -> Vectors:
    """Unit noise around what an activity and a group add, in activities that lean strongly to different groups.

    Parameters
    ----------
    effect : float
        Length of what a group adds in every activity.
    own : float
        Length of what a group adds in one activity, in a direction of its own there.
    novel : float
        Share of neutral pictures of a group that is never marked.
    """
    rng = np.random.default_rng(seed)
    marked = np.array(list(np.ndindex(ACTIVITIES, MARKED_SEEDS, len(GROUPS))))
    neutral = np.array(list(np.ndindex(ACTIVITIES, SEEDS)))
    shares = rng.dirichlet(np.ones(len(GROUPS)), ACTIVITIES)
    drawn = (rng.random((len(neutral), 1)) > shares[neutral[:, 0]].cumsum(1)[:, :-1]).sum(1)
    drawn = np.where(rng.random(len(neutral)) < novel, NEUTRAL, drawn)
    activity = np.concatenate([marked[:, 0], neutral[:, 0]])
    depicted = np.concatenate([marked[:, 2], drawn])
    # Directions are orthogonal; the last one is that of the group without a prompt.
    directions = np.linalg.qr(rng.normal(size=(DIMENSIONS, len(GROUPS) + 1)))[0].T
    local = rng.normal(size=(ACTIVITIES, len(GROUPS) + 1, DIMENSIONS)) / np.sqrt(DIMENSIONS)
    vectors = (
        8 * directions.sum(0)
        + rng.normal(size=(ACTIVITIES, DIMENSIONS))[activity]
        + 2 * effect * directions[depicted]
        + own * local[activity, depicted]
        + rng.normal(size=(len(activity), DIMENSIONS)) / 2
    )
    return Vectors(
        vectors.astype(np.float32),
        activity,
        np.concatenate([marked[:, 1], neutral[:, 1]]),
        np.concatenate([marked[:, 2], np.full(len(neutral), NEUTRAL)]),
        depicted,
    )


def mean_by_activity(values: np.ndarray, activity: np.ndarray, activities: int) -> np.ndarray:
    """Means (A, G) of the rows of each activity; NaN where it has none."""
    total = np.zeros((activities, values.shape[1]))
    np.add.at(total, activity, values)
    count = np.bincount(activity, minlength=activities)[:, None]
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def shares(judgement: Judgement, *, corrected: bool) -> ActivityShares:
    """Counts of the most probable group, corrected by their confusion on marked pictures or not; no intervals."""
    counted = mean_by_activity(hot(judgement.neutral), judgement.neutral_activity, judgement.activities)
    if corrected:
        counted = unmix(mean_by_activity(hot(judgement.marked), judgement.truth, len(judgement.groups)), counted)
    nothing = np.full_like(counted, np.nan)
    return ActivityShares(counted, nothing, nothing)


def uncorrected(judgement: Judgement) -> ActivityShares:
    return shares(judgement, corrected=False)


def inverted(judgement: Judgement) -> ActivityShares:
    return shares(judgement, corrected=True)
