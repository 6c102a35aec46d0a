"""Measure the time and memory of every step of the structure analysis on 200 000 synthetic vectors of 512 dimensions.

Run ``python -m benchmarks.structure`` in the root of the repository. It prints the wall and CPU time of each step, and
fails if the whole takes more than 8 GB or 15 minutes.
"""

import os
import resource
import sys
import time
from collections.abc import Callable

import cyclopts
import numpy as np
import pandas as pd

from untold.structure import captions, clusters, composition, diversity, rebalance

LIMIT_GB, LIMIT_MINUTES = 8, 15


def synthetic(n: int, d: int, seed: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Simulate vectors like those of CLIP: a common direction, 25 unequal low-rank kinds, noise and near-copies."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(25, n, p=rng.dirichlet(np.full(25, 3)))
    basis = rng.normal(size=(60, d)).astype(np.float32) / np.sqrt(d)
    vectors = (rng.normal(size=(25, 60)).astype(np.float32) @ basis)[kind]
    vectors += rng.normal(size=(n, 60)).astype(np.float32) * np.linspace(0.5, 0.1, 60, dtype=np.float32) @ basis
    vectors += rng.normal(size=d).astype(np.float32) / np.sqrt(d) * 3
    for start in range(0, n, 20_000):
        part = vectors[start : start + 20_000]
        part += rng.normal(size=part.shape).astype(np.float32) * 0.3 / np.sqrt(d)
    copies = rng.choice(n, n // 100, replace=False)
    vectors[copies] = vectors[rng.integers(0, n, len(copies))] + 1e-3
    female = rng.random(n) < np.where(kind % 3 == 0, 0.3, 0.55)
    gender = np.where(female, "female", "male")
    age = rng.choice(["young", "middle", "older"], n, p=[0.5, 0.35, 0.15])
    caption = np.where(female, "a woman smiling at a table", "a man with a dog in the street")
    return vectors, pd.DataFrame({"kind": kind.astype(str), "gender": gender, "age": age, "caption": caption})


def peak_gb() -> float:
    """Return the peak resident memory of this process so far, in GB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def main(*, images: int = 200_000, dimensions: int = 512) -> int:
    vectors, people = synthetic(images, dimensions, seed=0)
    load = os.getloadavg()[0]
    print(f"{len(vectors)} x {vectors.shape[1]}, {os.cpu_count()} cores, load {load:.1f}, {peak_gb():.2f} GB at first")
    began, began_cpu = time.perf_counter(), time.process_time()

    def step(name: str, work: Callable, note: Callable = lambda result: ""):
        start, start_cpu = time.perf_counter(), time.process_time()
        result = work()
        wall, cpu = time.perf_counter() - start, time.process_time() - start_cpu
        print(
            f"{name:<27} {wall:6.1f} s, cpu {cpu:6.1f} s, peak {peak_gb():5.2f} GB  {note(result)}",
            flush=True,
        )
        return result

    points = step("unit vectors", lambda: clusters.prepare(vectors))
    short = step("50 principal components", lambda: clusters.prepare(vectors, 50))
    fit = lambda x: clusters.kmeans(x, 20, seed=0, starts=3)  # noqa: E731
    step(
        "k by silhouette, 2..25",
        lambda: clusters.choose_k(short, range(2, 26), seed=0),
        lambda t: t["note"].iloc[0],
    )
    found = step("k-means, 512-d", lambda: clusters.kmeans(points, 20, seed=0), lambda c: c.note)
    other = step("k-means, PCA-50", lambda: clusters.kmeans(short, 20, seed=0), lambda c: c.note)
    step("DBSCAN, PCA-50", lambda: clusters.dbscan(short, seed=0), lambda c: f"{c.count} clusters; {c.note}")
    step("HDBSCAN, PCA-50", lambda: clusters.hdbscan(short, seed=0), lambda c: f"{c.count} clusters; {c.note}")
    step(
        "silhouette, stability, null",
        lambda: clusters.evaluate(points, found, fit, seed=0, bootstraps=10, null_sets=9),
        lambda t: "; ".join(t.loc[t["statistic"].isin(["silhouette_micro", "stability"]), "note"]),
    )
    step(
        "agreement",
        lambda: clusters.agreement(found.labels, other.labels),
        lambda a: f"ARI {a['estimate']:.3f}",
    )
    step("representatives", lambda: clusters.representatives(points, found.labels))
    for name in ("gender", "age", "kind"):
        step(f"composition by {name}", lambda name=name: composition.composition(people[name], found.labels))
        step(f"association with {name}", lambda name=name: composition.association(people[name], found.labels))
    step("captions", lambda: captions.word_log_odds(people["caption"], found.labels))
    step("diversity", lambda: diversity.diversity(vectors, found.labels), lambda t: t["method"].iloc[0])
    files = [f"{i:064x}" for i in range(len(vectors))]
    copies = step(
        "near-duplicates",
        lambda: rebalance.near_duplicates(vectors, files),
        lambda t: f"{len(t)} found, exact search",
    )
    keep = np.ones(len(vectors), dtype=bool)
    keep[copies["position"]] = False
    columns = people[["gender", "age"]]
    weights, _ = step("weights", lambda: rebalance.balancing_weights(columns, found.labels, keep=keep))
    step(
        "keep-list",
        lambda: rebalance.keep_list(columns, found.labels, weights, seed=0),
        lambda k: f"{k.sum()} kept",
    )
    minutes, cpu = (time.perf_counter() - began) / 60, (time.process_time() - began_cpu) / 60
    print(f"all: {minutes:.1f} minutes, {cpu:.1f} of the processor, peak {peak_gb():.2f} GB")
    return int(minutes > LIMIT_MINUTES or peak_gb() > LIMIT_GB)


if __name__ == "__main__":
    sys.exit(cyclopts.run(main))
