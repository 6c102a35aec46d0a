"""Map every space of a dataset to two dimensions, in one process: compiling UMAP takes longer than running it."""

from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import NamedFiles, run
from untold.base.progress import track
from untold.data.parquet import read_table, write_table
from untold.data.spaces import LARGEST, read_sample, sample
from untold.structure.maps import project, projection_table
from untold.study.schema_analysis import Projections


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the maps, and the columns of vectors and keys for each space."""

    projections: Projections
    spaces: dict[str, tuple[str, str]]


def main(*, settings: Settings, images: list[Path], vectors: NamedFiles, projections: Path) -> None:
    manifest = read_table(images)
    manifest = manifest[manifest["accepted"]]
    how = settings.projections
    tables = []
    for space, (column, key) in track(settings.spaces.items(), "project", len(settings.spaces), "space"):
        keys, values = read_sample(vectors[space], column, sample(manifest, key, how.points), largest=LARGEST)
        maps = project(values, **how.model_dump(exclude={"points"}))
        tables.append(projection_table(keys, maps).assign(space=space))
    write_table(projections, pd.concat(tables, ignore_index=True), sort_by=["space", "method", "key"])


if __name__ == "__main__":
    run(main)
