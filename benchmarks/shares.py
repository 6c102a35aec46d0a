"""Coverage, level and power of shares, lean and stereotype over simulated studies whose shares are known.

Run ``OMP_NUM_THREADS=1 python -m benchmarks.shares`` in the root of the repository (under ten minutes; ``--studies``
sets how many studies each condition has). It fails if the goals of docs/method.md section 7 are missed by more than
twice the simulation's own error. The judge of these worlds errs differently in every activity, and is overconfident.
"""

import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import product

import cyclopts
import numpy as np
import pandas as pd

from tests.judges.worlds import ALIKE, MEANS, MODERATE, STRONG, World, simulate
from untold.judges import shares as table
from untold.judges import stereotype
from untold.judges.inversion import SAMPLE, THESE, weights
from untold.statistics.resampling import Resampling

CONFIDENCE = 0.95
RESAMPLING = Resampling(500, 199, CONFIDENCE, seed=0)
# Neutral and marked pictures per activity (and group).
DESIGNS = [(1, 1), (2, 4), (4, 4), (8, 2), (32, 4), (4, 1), (32, 8), (16, 1)]
TIME_LIMIT = 600


def worlds(activities: int) -> Iterable[World]:
    """36 conditions; designs and kinds of differences between activities alternate."""
    settings = product(("balanced", "lopsided", "absent"), (ALIKE, MODERATE, STRONG), (0.99, 0.9, 0.7, 0.6))
    for i, (mean, concentration, accuracy) in enumerate(settings):
        seeds, marked = DESIGNS[(5 * i + i // 4 + activities) % len(DESIGNS)]
        yield World(mean, concentration, accuracy, activities, seeds, marked, types=i % 3 == 0)


def coverage(world: World, studies: int, seed: int) -> pd.DataFrame:
    """Coverage, width and error of every interval of one world, as means over its studies and groups.

    Uncorrected estimators are asked for what the judge says on average, not for the true shares.
    """
    rng = np.random.default_rng([1, seed])
    n, k = world.activities, len(MEANS[world.mean])
    category = np.arange(n) % max(2, n // 12)
    several = np.vstack([np.ones(n, dtype=bool), np.unique(category)[:, None] == category])
    domains = np.vstack([several, np.eye(n, dtype=bool)])
    levels = np.repeat([table.OVERALL, table.CATEGORY, table.ACTIVITY], [1, len(several) - 1, n])
    rows = []
    for _ in range(studies):
        study = simulate(world, rng)
        said = {table.COUNTS: study.calls, table.PROBABILITIES: study.probabilities}
        for estimator in table.ESTIMATORS:
            correction = table.correction(study.judgement, estimator)
            for population in (SAMPLE, THESE):
                part = several if population == SAMPLE else domains
                if population == SAMPLE and estimator in said:
                    continue  # what an infinite number of activities would make the judge say is not computed
                truth = weights(part) @ said.get(estimator, study.shares)
                truth = np.broadcast_to(MEANS[world.mean], (len(part), k)) if population == SAMPLE else truth
                estimate, low, high, _ = table.intervals(*correction, part, population, CONFIDENCE)
                covered = np.where(np.isnan(low), np.nan, (low <= truth + 1e-9) & (truth - 1e-9 <= high))
                for level in pd.unique(levels[: len(part)]):
                    at = levels[: len(part)] == level
                    error = np.abs(estimate[at] - truth[at]).mean()
                    values = (covered[at].mean(), (high - low)[at].mean(), error)
                    rows.append((estimator, level, population, *values))
    columns = ["estimator", "level", "population", "covered", "width", "error"]
    frame = pd.DataFrame(rows, columns=columns).dropna(subset="covered")
    by = frame.groupby(columns[:3])
    return by.mean().assign(se=by["covered"].std() / np.sqrt(by.size()), studies=by.size())


def claims(world: World, studies: int, seed: int) -> pd.Series:
    """How often lean and stereotype are found, and how often their intervals and those of ranks cover."""
    rng = np.random.default_rng([2, seed])
    mean = np.array(MEANS[world.mean])
    deviation = np.sqrt(mean * (1 - mean) / (world.concentration + 1))
    names, alpha = [f"a{i:03d}" for i in range(world.activities)], 1 - CONFIDENCE
    rows = []
    for number in range(studies):
        study = simulate(world, rng)
        row = {}
        lean = stereotype.lean(study.judgement, table.INVERSION, RESAMPLING)
        row["lean"] = lean["p"].iloc[-1] <= alpha if lean["p"].notna().all() else np.nan
        spread = stereotype.stereotype(study.judgement, table.INVERSION, RESAMPLING)
        if spread["p"].notna().all():
            row["stereotype"] = spread["p"].iloc[-1] <= alpha
            row["one group's"] = (spread["p"].iloc[:-1] <= alpha).mean()
            row["sd covered"] = _within(spread.iloc[:-1], deviation).mean()
        if number < studies // 4 and world.concentration < ALIKE:
            ranks = stereotype.ranks(study.judgement, names, table.INVERSION, RESAMPLING)
            order = (-study.shares).argsort(0).argsort(0).ravel() + 1
            row["shrunken covered"] = _within(ranks, study.shares.ravel()).mean()
            row["ranks covered"] = ((ranks["rank_low"] <= order) & (order <= ranks["rank_high"])).mean()
        rows.append(row)
    return pd.DataFrame(rows).astype(float).mean()


def _within(frame: pd.DataFrame, truth: np.ndarray) -> np.ndarray:
    return ((frame["low"] <= truth + 1e-9) & (truth - 1e-9 <= frame["high"])).to_numpy()


def print_coverage(studies: int) -> bool:
    """Print coverage by level and number of activities; whether it holds."""
    parts = []
    for activities, share in ((5, 1.0), (12, 1.0), (48, 0.5), (572, 0.1)):
        for number, world in enumerate(worlds(activities)):
            found = coverage(world, max(5, round(studies * share)), 1000 * activities + number).reset_index()
            parts.append(found.assign(condition=number, activities=activities))
    frame = pd.concat(parts)
    # The most that the simulation's own error explains.
    frame["adjusted"] = frame["covered"] + 2 * frame["se"].clip(lower=0.5 / frame["studies"])
    print(f"{len(frame)} coverages of nominal {CONFIDENCE:.0%} intervals, where there is an interval")
    by = ["level", "population", "estimator", "activities"]
    summary = frame.groupby(by).agg(
        conditions=("condition", "size"),
        mean=("covered", "mean"),
        lowest=("covered", "min"),
        below=("adjusted", lambda values: (values < 0.92).sum()),
        width=("width", "mean"),
        error=("error", "mean"),
    )
    print(summary.round(3).to_string())
    average = frame.groupby(by[:3])["covered"].mean()
    print("\nmean over all numbers of activities")
    print(average.unstack("estimator").round(3).to_string())
    below = frame[frame["adjusted"] < 0.92]
    print(f"{len(below)} of {len(frame)} are below 92 % beyond the simulation's error")
    return average.between(0.94, 0.985).all() and len(below) <= 0.01 * len(frame)


def print_claims(studies: int) -> bool:
    """Print levels and power of the claims; whether they hold."""
    balanced = World(seeds=32)
    cases = {
        "balanced, alike": balanced,
        "balanced, alike, accuracy 0.6": replace(balanced, accuracy=0.6),
        "balanced, alike, accuracy 0.99, 4 seeds": replace(balanced, accuracy=0.99, seeds=4),
        "balanced, alike, 12 activities, 8 seeds": replace(balanced, activities=12, seeds=8),
        "balanced, alike, 20 activities, 8 seeds, 2 marked": replace(balanced, activities=20, seeds=8, marked_seeds=2),
        "balanced, moderate": replace(balanced, concentration=MODERATE),
        "balanced, strong": replace(balanced, concentration=STRONG),
        "lopsided, alike": replace(balanced, mean="lopsided"),
        "lopsided, moderate, accuracy 0.7": replace(balanced, mean="lopsided", concentration=MODERATE, accuracy=0.7),
        "absent, strong": replace(balanced, mean="absent", concentration=STRONG),
        "15/35/50, alike": replace(balanced, mean="leaning"),
        "15/35/50, moderate": replace(balanced, mean="leaning", concentration=MODERATE),
        "15/35/50, strong, accuracy 0.7": replace(balanced, mean="leaning", concentration=STRONG, accuracy=0.7),
    }
    found = pd.DataFrame({name: claims(world, studies, i) for i, (name, world) in enumerate(cases.items())}).T
    print("\nshare of studies in which a claim is made, and coverage")
    print(found.round(3).to_string())
    error = 2 * np.sqrt(0.05 * 0.95 / studies)
    alike = found[found.index.str.contains("alike")]
    return bool(
        (found.loc[found.index.str.startswith("balanced"), "lean"].dropna() <= 0.05 + error).all()
        and (alike["stereotype"] <= 0.06 + error).all()
        and (found.loc[["15/35/50, alike", "15/35/50, moderate"], "lean"] >= 0.95).all()
    )


def print_times() -> None:
    """Print the time of each function for 572 activities of 32 pictures, 10 000 resamples."""
    study = simulate(World(activities=572, concentration=MODERATE), np.random.default_rng(0))
    names, full = [f"a{i:03d}" for i in range(572)], Resampling(10_000, 9_999, CONFIDENCE, seed=0)
    judgement = study.judgement
    print("\n572 activities x 32 neutral pictures x 3 groups")
    for name, work in {
        "shares": lambda: table.shares(judgement, names, ["c"] * 572, full),
        "lean": lambda: stereotype.lean(judgement, table.EMQ, full),
        "stereotype": lambda: stereotype.stereotype(judgement, table.EMQ, full),
        "ranks": lambda: stereotype.ranks(judgement, names, table.EMQ, full),
    }.items():
        start = time.process_time()
        work()
        print(f"{name:<12}{time.process_time() - start:6.2f} s")


def main(*, studies: int = 100) -> int:
    start = time.process_time()
    held = [print_coverage(studies), print_claims(studies)]
    print_times()
    spent = time.process_time() - start
    print(f"{spent:.0f} s of processor time; goals {'held' if all(held) else 'missed'}")
    return int(not all(held))


if __name__ == "__main__":
    sys.exit(cyclopts.run(main))
