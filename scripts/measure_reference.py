"""Measure the floor and ceiling of every image space, and the similarity across seeds, shard by shard."""

from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import NamedFiles, run
from untold.data.csv import leading, write_csv
from untold.data.parquet import read_arrays, read_table
from untold.similarity.reference import ReferenceSums
from untold.statistics.resampling import Resampling

ROLES = ["neutral", "group"]


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the intervals, and the column of each space."""

    dataset: str
    spaces: dict[str, str]
    resampling: Resampling


def main(*, settings: Settings, images: list[Path], vectors: NamedFiles, reference: Path, crossed: Path) -> None:
    manifest = read_table(images, columns=["key", "activity_id", "group", "role", "seed", "accepted"])
    manifest = manifest[manifest["accepted"] & manifest["role"].isin(ROLES)].set_index("key")
    resampling = settings.resampling
    references, crosses = [], []
    for space, column in settings.spaces.items():
        sums = ReferenceSums("neutral")
        for path in vectors[space]:
            keys, values = read_arrays(path, column)
            found = manifest.index.get_indexer(pd.Index(keys))
            rows, values = manifest.iloc[found[found >= 0]], values[found >= 0]
            sums.add(values.reshape(len(rows), -1), rows["activity_id"], rows["group"], rows["seed"])
        references.append(sums.table(space, resampling))
        crosses.append(sums.cross_seed(space, resampling))
    for path, tables in ((reference, references), (crossed, crosses)):
        write_csv(path, leading(pd.concat(tables, ignore_index=True).assign(dataset=settings.dataset), ["dataset"]))


if __name__ == "__main__":
    run(main)
