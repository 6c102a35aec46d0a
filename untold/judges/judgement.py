"""The readings of one judge: what shares, their self-check and the answer are computed from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Judgement:
    """How one judge reads the pictures of a study on one axis (docs/method.md section 7).

    Attributes
    ----------
    groups : tuple of str
        The G groups of the axis, in the order of the columns of probabilities.
    neutral : ndarray of shape (n, G)
        Probabilities that the judge gives the neutral pictures; rows add up to 1.
    neutral_activity : integer ndarray of shape (n,)
        Activity of each neutral picture, 0 to A - 1.
    marked : ndarray of shape (m, G)
        Probabilities of the marked pictures, cross-fitted by activity where the judge learned from them.
    marked_activity, marked_seed : integer ndarray of shape (m,)
        Activity and seed of each marked picture.
    truth : integer ndarray of shape (m,)
        Index of the group named in each marked picture's prompt.
    shared_seed : integer ndarray of shape (n,), optional
        Seed of each neutral picture, if all activities share its noise (``noise: shared``).

    Raises
    ------
    ValueError
        If shapes disagree, probabilities do not add up to 1, or an index is out of range.
    """

    groups: tuple[str, ...]
    neutral: np.ndarray
    neutral_activity: np.ndarray
    marked: np.ndarray
    marked_activity: np.ndarray
    marked_seed: np.ndarray
    truth: np.ndarray
    shared_seed: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name, indices in (("neutral", [self.neutral_activity]), ("marked", [self.marked_activity, self.truth])):
            probabilities = getattr(self, name)
            if probabilities.ndim != 2 or probabilities.shape[1] != len(self.groups):
                raise ValueError(f"{name} has shape {probabilities.shape}, expected (pictures, {len(self.groups)})")
            if not np.allclose(probabilities.sum(1), 1, atol=1e-4):
                raise ValueError(f"probabilities of {name} pictures do not add up to 1")
            if any(len(index) != len(probabilities) or (index < 0).any() for index in indices):
                raise ValueError(f"{name} pictures and their indices do not match")
        if len(self.marked_seed) != len(self.marked):
            raise ValueError("marked pictures and their seeds do not match")
        if self.shared_seed is not None and len(self.shared_seed) != len(self.neutral):
            raise ValueError("neutral pictures and their seeds do not match")
        if (self.truth >= len(self.groups)).any():
            raise ValueError("truth names a group that the axis does not have")

    @property
    def activities(self) -> int:
        """Number of activities A."""
        return int(max(self.neutral_activity.max(initial=-1), self.marked_activity.max(initial=-1))) + 1


def pictures_of(images: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """The accepted neutral and marked pictures of a manifest, sorted by key.

    Parameters
    ----------
    images : DataFrame
        Manifest with key, activity_id, category, seed, group, role, accepted.
    groups : sequence of str
        The marked groups of the axis.
    """
    wanted = images["accepted"] & ((images["role"] == "neutral") | images["group"].isin(list(groups)))
    return images[wanted].sort_values("key", ignore_index=True)


def judgement_of(
    predictions: pd.DataFrame, pictures: pd.DataFrame, groups: Sequence[str], shared_noise: bool = False
) -> Judgement:
    """What one judge says of the pictures of a study.

    Parameters
    ----------
    predictions : DataFrame
        key, label, probability of one classifier; pictures without them are left out.
    pictures : DataFrame
        From :func:`pictures_of`. Activities are numbered in the order of their ids.
    groups : sequence of str
        The marked groups, in order.
    shared_noise : bool
        Whether all activities share the noise of a seed.
    """
    wide = predictions.pivot(index="key", columns="label", values="probability").reindex(columns=list(groups))
    activity = pd.Series(pd.factorize(pictures["activity_id"], sort=True)[0], pictures["key"])
    pictures = pictures[pictures["key"].isin(wide.index)]
    probabilities = wide.loc[pictures["key"]].to_numpy(dtype=float)
    probabilities = probabilities / probabilities.sum(1, keepdims=True)
    truth = pd.Categorical(pictures["group"], list(groups)).codes.astype(int)
    number, seed, marked = activity.loc[pictures["key"]].to_numpy(), pictures["seed"].to_numpy(), truth >= 0
    return Judgement(
        groups=tuple(groups),
        neutral=probabilities[~marked],
        neutral_activity=number[~marked],
        marked=probabilities[marked],
        marked_activity=number[marked],
        marked_seed=seed[marked],
        truth=truth[marked],
        shared_seed=seed[~marked] if shared_noise else None,
    )
