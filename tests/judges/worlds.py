"""Simulated studies whose shares are known: activities that differ, pictures, and a judge that errs."""

from dataclasses import dataclass

import numpy as np

from untold.judges.judgement import Judgement

MEANS = {
    "balanced": (1 / 3, 1 / 3, 1 / 3),
    "lopsided": (0.85, 0.10, 0.05),
    "absent": (0.6, 0.4, 0.0),
    "two balanced": (0.5, 0.5),
    "two lopsided": (0.9, 0.1),
    "two absent": (1.0, 0.0),
    "old": (0.15, 0.35, 0.50),
}
# Concentration of the shares of activities around their mean: the variance is m (1 - m) / (concentration + 1).
ALIKE, MODERATE, STRONG = np.inf, 8.0, 1.5


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


@dataclass(frozen=True)
class Studies:
    """R simulated studies: true shares (R, A, G), counts of neutral (R, A, G) and marked (R, A, G, G) pictures."""

    shares: np.ndarray
    neutral: np.ndarray
    marked: np.ndarray


def confusion(accuracy: float, groups: int) -> np.ndarray:
    """Probabilities of the judge's calls, true groups in rows."""
    distance = np.abs(np.subtract.outer(np.arange(groups), np.arange(groups)))
    errors = np.where(distance > 0, 1 / np.maximum(distance, 1), 0)
    return np.eye(groups) * accuracy + (1 - accuracy) * errors / errors.sum(1, keepdims=True)


def dirichlet(rng: np.random.Generator, alpha: np.ndarray) -> np.ndarray:
    """One draw per row of ``alpha``."""
    draws = rng.standard_gamma(np.maximum(alpha, 1e-9)) + 1e-290
    return draws / draws.sum(-1, keepdims=True)


def simulate(world: World, studies: int, rng: np.random.Generator) -> Studies:
    """Draw studies of one world."""
    mean = np.array(MEANS[world.mean])
    k, size = len(mean), (studies, world.activities)
    if np.isinf(world.concentration):
        shares = np.broadcast_to(mean, (*size, k)).copy()
    elif world.types:
        own = 1 / np.sqrt(world.concentration + 1)
        shares = (1 - own) * mean + own * np.eye(k)[rng.choice(k, size, p=mean)]
    else:
        alpha = np.broadcast_to(np.where(mean > 0, mean * world.concentration, 0), (*size, k))
        shares = dirichlet(rng, alpha)
    rows = confusion(world.accuracy, k)
    if np.isfinite(world.judge_concentration):
        rows = dirichlet(rng, np.broadcast_to(rows * world.judge_concentration, (*size, k, k)))
    else:
        rows = np.broadcast_to(rows, (*size, k, k))
    calls = np.einsum("rag,ragj->raj", shares, rows)
    neutral = rng.multinomial(world.seeds, calls / calls.sum(-1, keepdims=True))
    return Studies(shares, neutral, rng.multinomial(world.marked_seeds, rows))


def judgement(neutral: np.ndarray, marked: np.ndarray, sharpness: float = 0.9) -> Judgement:
    """A judgement with these counts: every picture has probability ``sharpness`` of the group it is called.

    Parameters
    ----------
    neutral : integer ndarray of shape (A, G)
    marked : integer ndarray of shape (A, G, G)
    """
    k = neutral.shape[-1]
    probabilities = np.full((k, k), (1 - sharpness) / (k - 1))
    np.fill_diagonal(probabilities, sharpness)
    neutral_activity, called = (np.repeat(axis, neutral.ravel()) for axis in _indices(neutral.shape))
    activity, truth, guess = (np.repeat(axis, marked.ravel()) for axis in _indices(marked.shape))
    cell = activity * k + truth
    seed = np.arange(len(cell)) - np.searchsorted(cell, cell)
    groups = tuple("abcdefgh"[:k])
    return Judgement(groups, probabilities[called], neutral_activity, probabilities[guess], activity, seed, truth)


def _indices(shape: tuple[int, ...]) -> list[np.ndarray]:
    return [axis.ravel() for axis in np.indices(shape)]
