"""Time the statistical inference: against a Python double loop, and at the size of a full study.

Run ``OMP_NUM_THREADS=2 python -m benchmarks.inference`` in the root of the repository. There are two goals: 100 times
the speed of the double loop for 2 000 images and 10 000 resamples, and a study of 512 activities x 4 groups x 16 seeds
x 8 spaces with 10 000 resamples in less than 60 s and 2 GB.
"""

import resource
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from untold.judges import age_grid
from untold.similarity import nearest
from untold.similarity.reference import ReferenceSums
from untold.statistics import contrasts, specification, variance
from untold.statistics.resampling import Resampling

RESAMPLES = 10_000
GROUPS = ["young", "middle", "older"]
PAIRS = [("young", "older"), ("young", "middle"), ("middle", "older")]
RESAMPLING = Resampling(RESAMPLES, RESAMPLES, 0.95, seed=0)


def cosine(x: np.ndarray, y: np.ndarray) -> float:
    """Compute the cosine of two vectors."""
    return float(np.dot(x, y) / (np.linalg.norm(x) * np.linalg.norm(y)))


def by_loops(vectors: np.ndarray, activities: list[str]) -> tuple[float, ...]:
    """Compute floor, ceiling and the percentile interval of the ceiling, one pair and one resample at a time."""
    same: dict[str, list[float]] = {}
    different, pairs = 0.0, 0
    for i, first in enumerate(vectors):
        for j in range(i + 1, len(vectors)):
            value = cosine(first, vectors[j])
            if activities[i] == activities[j]:
                same.setdefault(activities[i], []).append(value)
            else:
                different += value
                pairs += 1
    ceilings = [sum(values) / len(values) for values in same.values()]
    rng = np.random.default_rng(0)
    means = []
    for _ in range(RESAMPLES):
        total = 0.0
        for pick in rng.integers(0, len(ceilings), len(ceilings)).tolist():
            total += ceilings[pick]
        means.append(total / len(ceilings))
    low, high = np.quantile(means, [0.025, 0.975])
    return different / pairs, sum(ceilings) / len(ceilings), low, high


def by_sums(vectors: np.ndarray, activities: list[str]) -> tuple[float, ...]:
    """Compute floor, ceiling and the BCa interval of the ceiling from group sums and one matrix product."""
    sums = ReferenceSums("neutral")
    seeds = pd.Series(activities).groupby(activities).cumcount().to_numpy()
    sums.add(vectors, activities, ["neutral"] * len(activities), seeds)
    row = sums.table("clip_image", RESAMPLING).iloc[0]
    return row["floor"], row["ceiling"], row["ceiling_low"], row["ceiling_high"]


def compare_with_loops() -> None:
    """Compare both implementations on 2 000 images: 500 activities x 4 seeds, with 512-dimensional vectors."""
    rng = np.random.default_rng(0)
    activities = np.repeat([f"a{i:03d}" for i in range(500)], 4).tolist()
    vectors = 1 + np.repeat(rng.normal(size=(500, 512)), 4, axis=0) + rng.normal(size=(2000, 512))
    print(f"{'2 000 images':24s} {'wall s':>8s} {'CPU s':>8s}   floor, ceiling, low, high")
    best = {}
    for function, repeats in ((by_loops, 1), (by_sums, 5)):
        times = []
        for _ in range(repeats):
            wall, cpu = time.perf_counter(), time.process_time()
            found = function(vectors, activities)
            times.append((time.perf_counter() - wall, time.process_time() - cpu))
        best[function] = np.min(times, axis=0)
        numbers = " ".join(f"{value:.4f}" for value in found)
        print(f"{function.__name__:24s} {best[function][0]:8.3f} {best[function][1]:8.3f}   {numbers}")
    ratio = best[by_loops] / best[by_sums]
    print(f"{'ratio':24s} {ratio[0]:8.0f} {ratio[1]:8.0f}   (goal: 100)\n")


def study(activities: int = 512, seeds: int = 16, spaces: int = 8) -> pd.DataFrame:
    """Simulate a similarity table with a gap, differences between activities and seeds, and a placebo."""
    rng = np.random.default_rng(1)
    groups = [*GROUPS, "placebo_a"]
    shape = (spaces, activities, seeds, len(groups))
    own = rng.normal(0, 0.03, (spaces, activities, 1, len(groups)))
    values = np.array([0.80, 0.79, 0.77, 0.85]) + own + rng.normal(0, 0.05, shape)
    names = ["space", "activity_id", "seed", "group"]
    activity = [f"a{i:03d}" for i in range(activities)]
    levels = [[f"s{i}" for i in range(spaces)], activity, range(seeds), groups]
    index = pd.MultiIndex.from_product(levels, names=names)
    frame = pd.Series(values.ravel(), index, name="value").reset_index()
    frame["category"] = "c" + (frame["activity_id"].str[1:].astype(int) % 16).astype(str)
    return frame.assign(dataset="study", metric="cosine")


def age_similarity(activities: int = 512, seeds: int = 16) -> pd.DataFrame:
    """Simulate the similarity of the neutral image to seven ages."""
    rng = np.random.default_rng(3)
    names = ["activity_id", "seed", "age"]
    levels = [[f"a{i:03d}" for i in range(activities)], range(seeds), range(20, 81, 10)]
    frame = pd.MultiIndex.from_product(levels, names=names).to_frame(index=False)
    frame["value"] = 0.8 - 1e-4 * (frame["age"] - 37) ** 2 + rng.normal(0, 0.02, len(frame))
    return frame.assign(dataset="study", space="clip_image", metric="cosine")


def full_study() -> None:
    """Compute every table of a full study."""
    similarity, ages = study(), age_similarity()
    print(f"{len(similarity)} similarities, {RESAMPLES} resamples and permutations")
    steps: dict[str, Callable[[], object]] = {
        "group_means": lambda: contrasts.group_means(similarity, RESAMPLING),
        "contrasts": lambda: contrasts.contrasts(similarity, PAIRS, RESAMPLING),
        "net_of_placebo": lambda: contrasts.net_of_placebo(similarity, GROUPS, ["placebo_a"], RESAMPLING),
        "by_category": lambda: contrasts.by_category(similarity, PAIRS, RESAMPLING),
        "by_activity": lambda: contrasts.by_activity(similarity, PAIRS, confidence=0.95),
        "page_trend": lambda: contrasts.page_trend(similarity, GROUPS, RESAMPLING),
        "equivalence": lambda: contrasts.equivalence(similarity, PAIRS, margin=0.01, confidence=0.95),
        "variance_components": lambda: variance.variance_components(similarity, PAIRS, RESAMPLING),
        "specification_curve": lambda: specification.specification_curve(similarity, PAIRS[0], RESAMPLING),
        "nearest_group": lambda: nearest.nearest_group(similarity, GROUPS, RESAMPLING),
        "chi_square": lambda: nearest.chi_square(similarity, GROUPS),
        "implied_age": lambda: age_grid.implied_age(ages, RESAMPLING),
    }
    begin = np.array([time.perf_counter(), time.process_time()])
    print(f"{'':24s} {'wall s':>8s} {'CPU s':>8s} {'peak GB':>8s}")
    for name, step in steps.items():
        wall, cpu = time.perf_counter(), time.process_time()
        step()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{name:24s} {wall:8.2f} {cpu:8.2f} {peak:8.2f}")
    wall, cpu = np.array([time.perf_counter(), time.process_time()]) - begin
    print(f"{'total':24s} {wall:8.2f} {cpu:8.2f}            (goals: 60 s, 2 GB)")


if __name__ == "__main__":
    compare_with_loops()
    full_study()
