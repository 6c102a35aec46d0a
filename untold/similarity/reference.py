"""Floor and ceiling of a space, as references for similarities (docs/method.md section 5).

For unit vectors the mean cosine of all pairs within a set is ``(|sum|^2 - n) / (n (n - 1))``, so sums accumulated
shard by shard replace the N x N matrix.
"""

import zlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from untold.statistics.resampling import Resampling, mean_intervals
from untold.statistics.tidy import CELL, floor_to_ceiling, interval_methods, notes

# Number of sums that activities share in the floor's jackknife, so memory does not grow with the study.
BUCKETS = 256


class ReferenceSums:
    """Sums over the images of a space, from which floor, ceiling and cross-seed similarity follow.

    Memory is ``BUCKETS x dim`` numbers and a few scalars per activity, whatever the number of images.

    Parameters
    ----------
    neutral : str
        Name of the neutral group.

    Examples
    --------
    >>> sums = ReferenceSums("neutral")
    >>> unit = np.eye(4)
    >>> sums.add(unit, ["a", "a", "b", "a"], ["neutral", "young", "neutral", "young"], [0, 1, 0, 0])
    >>> sums.table("dino", Resampling(100, 99, 0.95, seed=0))[["floor", "ceiling"]].to_numpy().tolist()
    [[0.0, 0.0]]
    """

    def __init__(self, neutral: str) -> None:
        self.neutral = neutral
        self.buckets: dict[int, np.ndarray] = {}
        self.bucket_scalars: dict[int, np.ndarray] = {}
        self.ceilings: dict[str, float] = {}
        self.crossed: list[tuple[str, str, float]] = []
        self.seeds: set[object] = set()

    def add(
        self,
        vectors: np.ndarray,
        activities: ArrayLike,
        groups: ArrayLike,
        seeds: ArrayLike,
    ) -> None:
        """Add the images of one shard.

        Parameters
        ----------
        vectors : ndarray of shape (n_images, dim)
            Raw vectors; they are normalised here.
        activities, groups, seeds : sequences of length n_images

        Raises
        ------
        ValueError
            If a vector has no direction, an image is repeated, or an activity was added before (all its images must be
            added at once).
        """
        activity_of, group_of, seed_of = np.asarray(activities), np.asarray(groups), np.asarray(seeds)
        unit = _unit(vectors, activity_of)
        order = np.argsort(activity_of, kind="stable")
        names, starts = np.unique(activity_of[order], return_index=True)
        for activity, rows in zip(names.tolist(), np.split(order, starts[1:]), strict=True):
            if activity in self.ceilings:
                raise ValueError(f"activity {activity!r}: added twice; its images must be in one shard")
            # Sorted, so that sums do not depend on the order of rows.
            rows = rows[np.lexsort((seed_of[rows], group_of[rows]))]
            if len(set(zip(group_of[rows].tolist(), seed_of[rows].tolist(), strict=True))) < len(rows):
                raise ValueError(f"activity {activity!r}: two images of one group and seed; keep one")
            self._add_activity(activity, unit[rows], group_of[rows], seed_of[rows])

    def _add_activity(self, activity: str, unit: np.ndarray, groups: np.ndarray, seeds: np.ndarray) -> None:
        is_neutral = groups == self.neutral
        neutral, neutral_seeds = unit[is_neutral], seeds[is_neutral]
        n = len(neutral)
        self.ceilings[activity] = _within(unit[~is_neutral], groups[~is_neutral])
        if n == 0:
            return
        self.seeds.update(neutral_seeds.tolist())
        total = neutral.sum(0)
        square = total @ total
        bucket = zlib.crc32(activity.encode()) % BUCKETS
        scalars = np.array([square, n, n * n, 1])
        self.buckets[bucket] = self.buckets.get(bucket, 0) + total
        self.bucket_scalars[bucket] = self.bucket_scalars.get(bucket, 0) + scalars
        for group in np.unique(groups[~is_neutral]):
            marked, marked_seeds = unit[groups == group], seeds[groups == group]
            _, i, j = np.intersect1d(neutral_seeds, marked_seeds, return_indices=True)
            pairs = n * len(marked) - len(i)
            same_seed = np.einsum("ij,ij->", neutral[i], marked[j])
            crossed = (total @ marked.sum(0) - same_seed) / pairs if pairs else np.nan
            self.crossed.append((activity, str(group), crossed))

    def table(self, space: str, resampling: Resampling) -> pd.DataFrame:
        """Floor and ceiling of the space.

        Returns
        -------
        DataFrame
            One row: space, metric (cosine), n (activities), n_seeds, floor (mean similarity of neutral images
            of different activities), floor_low, floor_high (jackknife over activities), ceiling (marked images
            of one group and activity at different seeds; neutral ones mix groups, so that theirs would fall as a model
            grows diverse; NaN with one seed), ceiling_low, ceiling_high (over activities),
            method, note.

        References
        ----------
        docs/method.md section 5.
        """
        names = sorted(self.ceilings)
        ceilings = np.array([self.ceilings[name] for name in names])[:, None]
        means = mean_intervals(ceilings, resampling)
        n = int(sum(scalars[3] for scalars in self.bucket_scalars.values()))
        floor, half = self._floor(resampling.confidence)
        why = []
        if not np.isfinite(floor):
            why.append("fewer than two activities: no floor")
        if means.n[0] == 0:
            why.append("no group has two seeds: the ceiling does not exist")
        elif np.isnan(means.low[0]):
            why.append(f"ceiling: {notes(means)[0]}")
        row = {
            **{"space": space, "metric": "cosine", "n": n, "n_seeds": len(self.seeds)},
            **{"floor": floor, "floor_low": floor - half, "floor_high": floor + half},
            **{"ceiling": means.estimate[0], "ceiling_low": means.low[0], "ceiling_high": means.high[0]},
            **{
                "method": f"group sums; jackknife (floor) and {interval_methods(means)[0]} (ceiling)",
                "note": "; ".join(why),
            },
        }
        return pd.DataFrame([row])

    def cross_seed(self, space: str, resampling: Resampling) -> pd.DataFrame:
        """Similarity of neutral images to a group's images across seeds, also on a scale from floor to ceiling.

        Paired noise makes images of the same seed alike whatever their prompts; comparing different seeds removes that.

        Returns
        -------
        DataFrame
            space, metric, group, n (activities), n_seeds, estimate (cosine), low, high, estimate_units,
            low_units, high_units (``(value - floor) / (ceiling - floor)``), method, note.

        References
        ----------
        docs/method.md section 5.
        """
        frame = pd.DataFrame(self.crossed, columns=["activity_id", "group", "value"])
        matrix = frame.pivot(index="activity_id", columns="group", values="value")
        means = mean_intervals(matrix.to_numpy(), resampling)
        table = pd.DataFrame({"space": space, "metric": "cosine", "group": matrix.columns, "n": means.n})
        table = table.assign(n_seeds=len(self.seeds), estimate=means.estimate, low=means.low, high=means.high)
        reference = self.table(space, resampling)
        table = normalise(table, reference).assign(method=interval_methods(means), note=notes(means))
        table.loc[table["n"] == 0, "note"] = "one seed: no image of another seed"
        return table

    def _floor(self, confidence: float) -> tuple[float, float]:
        """Mean similarity between activities and the half width of its interval."""
        order = sorted(self.buckets)
        if not order:
            return np.nan, np.nan
        sums = np.array([self.buckets[bucket] for bucket in order])
        scalars = np.array([self.bucket_scalars[bucket] for bucket in order])
        total, (square, n, n_square, activities) = sums.sum(0), scalars.sum(0)
        pairs = n * n - n_square
        if activities < 2:
            return np.nan, np.nan
        floor = (total @ total - square) / pairs
        own = np.einsum("ij,ij->i", sums, sums)
        left_square = total @ total - 2 * sums @ total + own - (square - scalars[:, 0])
        left_pairs = (n - scalars[:, 1]) ** 2 - (n_square - scalars[:, 2])
        size = len(order)
        if size < 2 or (left_pairs <= 0).any():
            return floor, np.nan
        left_out = left_square / left_pairs
        error = np.sqrt((size - 1) / size * ((left_out - left_out.mean()) ** 2).sum())
        return floor, stats.t.ppf((1 + confidence) / 2, size - 1) * error


def normalise(
    frame: pd.DataFrame, reference: pd.DataFrame, columns: Sequence[str] = ("estimate", "low", "high")
) -> pd.DataFrame:
    """Add ``{column}_units``: similarity on a scale from floor (0) to ceiling (1).

    Parameters
    ----------
    frame : DataFrame
        Similarities with space and metric (and dataset, when ``reference`` has it).
    reference : DataFrame
        Rows of `ReferenceSums.table`.
    columns : sequence of str
        Similarity columns. Gaps need no floor: divide them by `floor_to_ceiling`, as `contrasts` does.

    Returns
    -------
    DataFrame
        A copy; NaN where floor or ceiling do not exist, or the ceiling is not above the floor.

    References
    ----------
    docs/method.md section 5.

    Examples
    --------
    >>> reference = pd.DataFrame({"space": ["dino"], "metric": ["cosine"], "floor": [0.2], "ceiling": [0.7]})
    >>> frame = pd.DataFrame({"space": ["dino"] * 2, "metric": ["cosine"] * 2, "estimate": [0.45, 0.6]})
    >>> normalise(frame, reference, ["estimate"])["estimate_units"].round(6).tolist()
    [0.5, 0.8]
    """
    keys = [name for name in CELL if name in reference.columns]
    floor = frame[keys].merge(reference[[*keys, "floor"]], on=keys, how="left")["floor"].to_numpy()
    scale = floor_to_ceiling(frame, reference)
    return frame.assign(**{f"{name}_units": (frame[name].to_numpy() - floor) / scale for name in columns})


def _within(unit: np.ndarray, groups: np.ndarray) -> float:
    """Mean over groups of the mean similarity of two images of a group; NaN without two images of each group."""
    means = []
    for group in np.unique(groups):
        own = unit[groups == group]
        n, total = len(own), own.sum(0)
        means.append((total @ total - n) / (n * (n - 1)) if n > 1 else np.nan)
    return float(np.mean(means)) if means else np.nan


def _unit(vectors: np.ndarray, activities: np.ndarray) -> np.ndarray:
    vectors = np.array(vectors, dtype=np.float64)  # a copy, so that it can be divided in place
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    good = (np.isfinite(norms) & (norms > 0))[:, 0]
    if not good.all():
        name = str(activities[~good][0])
        raise ValueError(f"activity {name!r}: a vector is zero or not finite; exclude its image")
    vectors /= norms
    return vectors
