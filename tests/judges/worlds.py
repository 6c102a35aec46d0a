"""Simulated studies whose shares are known: activities that differ, pictures, and a judge that errs."""

from dataclasses import dataclass

import numpy as np

from untold.judges.judgement import Judgement

MEANS = {
    "balanced": (1 / 3, 1 / 3, 1 / 3),
    "lopsided": (0.85, 0.10, 0.05),
    "absent": (0.6, 0.4, 0.0),
    "leaning": (0.15, 0.35, 0.50),
    "two balanced": (0.5, 0.5),
    "two lopsided": (0.9, 0.1),
}
# Concentration of the shares of activities around their mean: the variance is m (1 - m) / (concentration + 1).
ALIKE, MODERATE, STRONG = np.inf, 8.0, 1.5
# How often the judge is confident when right and when wrong, and the probability it then gives its first choice.
# It is overconfident: probabilities say more than its accuracy allows.
CONFIDENT_RIGHT, CONFIDENT_WRONG = 0.8, 0.3
HIGH, LOW = 0.97, 0.6


@dataclass(frozen=True)
class World:
    """What a set of simulated studies have in common.

    Attributes
    ----------
    mean : str
        Expected shares, a key of `MEANS`.
    concentration : float
        How alike activities are; infinite if they all have the mean's shares.
    accuracy : float
        How often the judge is right; errors go to the next group twice as often as to the one after it.
    activities, seeds, marked_seeds : int
    judge_concentration : float
        How alike the judge's errors are in different activities.
    shared : float
        How much a seed's noise, shared by all activities, moves the shares of its pictures; None if not shared.
    types : bool
        Each activity leans towards one group, drawn by the mean, instead of shares from a Dirichlet distribution.
    """

    mean: str = "balanced"
    concentration: float = ALIKE
    accuracy: float = 0.9
    activities: int = 48
    seeds: int = 32
    marked_seeds: int = 4
    judge_concentration: float = 15.0
    types: bool = False
    shared: float | None = None


@dataclass(frozen=True)
class Study:
    """One simulated study: its judgement, the true shares (A, G) and what the judge says on average (A, G), twice.

    ``calls`` are the expected shares of the most probable group, ``probabilities`` the expected mean probabilities.
    """

    judgement: Judgement
    shares: np.ndarray
    calls: np.ndarray
    probabilities: np.ndarray


def confusion(accuracy: float, groups: int) -> np.ndarray:
    """Probabilities of the judge's calls, true groups in rows."""
    distance = np.abs(np.subtract.outer(np.arange(groups), np.arange(groups)))
    errors = np.where(distance > 0, 1 / np.maximum(distance, 1), 0)
    return np.eye(groups) * accuracy + (1 - accuracy) * errors / errors.sum(1, keepdims=True)


def dirichlet(rng: np.random.Generator, alpha: np.ndarray) -> np.ndarray:
    """One draw per row of ``alpha``."""
    draws = rng.standard_gamma(np.maximum(alpha, 1e-9)) + 1e-290
    return draws / draws.sum(-1, keepdims=True)


def activity_shares(world: World, rng: np.random.Generator) -> np.ndarray:
    """True shares of each activity: (A, G)."""
    mean = np.array(MEANS[world.mean])
    k, n = len(mean), world.activities
    if np.isinf(world.concentration):
        return np.tile(mean, (n, 1))
    if world.types:
        own = 1 / np.sqrt(world.concentration + 1)
        return (1 - own) * mean + own * np.eye(k)[rng.choice(k, n, p=mean)]
    return dirichlet(rng, np.tile(np.where(mean > 0, mean * world.concentration, 0), (n, 1)))


def draw(rng: np.random.Generator, probabilities: np.ndarray) -> np.ndarray:
    """One index per row."""
    return (rng.random((len(probabilities), 1)) > probabilities.cumsum(1)[:, :-1]).sum(1)


def probabilities_of(called: np.ndarray, confident: np.ndarray, groups: int) -> np.ndarray:
    first = np.where(confident, HIGH, LOW)[:, None]
    return np.where(np.eye(groups)[called] > 0, first, (1 - first) / (groups - 1))


def simulate(world: World, rng: np.random.Generator) -> Study:
    """Draw a study of this world."""
    shares = activity_shares(world, rng)
    n, k = shares.shape
    rows = confusion(world.accuracy, k)
    rows = dirichlet(rng, np.tile(rows * world.judge_concentration, (n, 1, 1)))

    def judged(activity: np.ndarray, truth: np.ndarray) -> np.ndarray:
        called = draw(rng, rows[activity, truth])
        confident = rng.random(len(called)) < np.where(called == truth, CONFIDENT_RIGHT, CONFIDENT_WRONG)
        return probabilities_of(called, confident, k)

    neutral_activity = np.repeat(np.arange(n), world.seeds)
    drawn, shared_seed = shares[neutral_activity], None
    if world.shared is not None:
        shared_seed = np.tile(np.arange(world.seeds), n)
        # Every seed favours some groups in all its pictures, so that shares over all seeds stay the same.
        mean = np.array(MEANS[world.mean])
        favoured = dirichlet(rng, np.tile(mean, (world.seeds, 1)))
        drawn = (1 - world.shared) * drawn + world.shared * favoured[shared_seed]
    neutral = judged(neutral_activity, draw(rng, drawn))
    activity, truth, seed = (index.ravel() for index in np.indices((n, k, world.marked_seeds)))
    marked = judged(activity, truth)
    groups = tuple("abcdefgh"[:k])
    right = np.eye(k)[None] > 0
    sure = np.where(right, CONFIDENT_RIGHT, CONFIDENT_WRONG)
    first = sure * HIGH + (1 - sure) * LOW
    # Mean probabilities of a call: its own group gets `first`, the others share the rest.
    called = rows * first
    spread = called + ((rows * (1 - first)).sum(-1, keepdims=True) - rows * (1 - first)) / (k - 1)
    return Study(
        Judgement(groups, neutral, neutral_activity, marked, activity, seed, truth, shared_seed),
        shares,
        np.einsum("ag,agj->aj", shares, rows),
        np.einsum("ag,agj->aj", shares, spread),
    )
