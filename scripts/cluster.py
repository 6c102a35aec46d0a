"""Cluster the images or prompts of one space, and assess how far the clusters can be trusted."""

from functools import partial
from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from untold.data.csv import leading, write_csv
from untold.data.parquet import write_table
from untold.data.spaces import LARGEST, read_space
from untold.structure.clusters import choose_k, dbscan, evaluate, hdbscan, kmeans, prepare, representatives, search_k
from untold.study.schema_analysis import Clusters

COMPONENTS = 50  # HDBSCAN is 12 times faster there than in 512 dimensions, and dozens of null sets are clustered too


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Parameters of clustering, and the columns of the files."""

    clusters: Clusters
    space: str
    column: str
    key: str


def main(
    *,
    settings: Settings,
    vectors: list[Path],
    subjects: list[Path],
    clusters: Path,
    representative: Path,
    evaluation: Path,
    choice: Path,
) -> None:
    values, table = read_space(vectors, settings.column, subjects, settings.key, largest=LARGEST)
    points = prepare(values, COMPONENTS)
    chosen = settings.clusters
    ks = [chosen.k] if chosen.k else range(2, chosen.k_max + 1)
    candidates = choose_k(points, ks, seed=chosen.seed)
    k = int(candidates.loc[candidates["chosen"], "k"].iloc[0]) if candidates["chosen"].any() else 1
    members, centres, judged = [], [], []
    for name, fit, search in (
        ("kmeans", partial(kmeans, k=k, seed=chosen.seed), partial(search_k, ks=ks, seed=chosen.seed)),
        ("dbscan", partial(dbscan, seed=chosen.seed), None),
        ("hdbscan", partial(hdbscan, seed=chosen.seed), None),
    ):
        clustering = fit(points)
        members.append(pd.DataFrame({"key": table["key"], "method": name, "cluster": clustering.labels}))
        shown = representatives(points, clustering.labels)
        shown["key"] = table["key"].to_numpy()[shown.pop("position")]
        centres.append(shown.assign(method=name))
        judged.append(
            evaluate(
                points,
                clustering,
                fit,
                search=search,
                seed=chosen.seed,
                bootstraps=chosen.bootstraps,
                null_sets=chosen.null_sets,
            ).assign(space=settings.space, algorithm=name)
        )
    write_table(clusters, pd.concat(members, ignore_index=True), sort_by=["method", "key"])
    write_table(representative, pd.concat(centres, ignore_index=True), sort_by=["method", "cluster", "role", "rank"])
    write_csv(evaluation, leading(pd.concat(judged, ignore_index=True), ["space", "algorithm"]))
    write_csv(choice, leading(candidates.assign(space=settings.space), ["space"]))


if __name__ == "__main__":
    run(main)
