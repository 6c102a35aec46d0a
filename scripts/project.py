"""Map every space of a dataset to two dimensions, in one process: compiling UMAP takes longer than running it."""

from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from scripts.lib.config import Projections
from scripts.lib.progress import track
from scripts.lib.projections import project, projection_table
from scripts.lib.tables import read_arrays, write_table


class Settings(BaseModel, frozen=True, extra="forbid"):
    """How to project, and which space and column the files of a folder hold."""

    projections: Projections
    spaces: dict[str, tuple[str, str]]


def main(*, settings: Settings, vectors: list[Path], projections: Path) -> None:
    tables = []
    for space, (folder, column) in track(settings.spaces.items(), "project", len(settings.spaces), "space"):
        files = [path for path in vectors if path.parent.as_posix().endswith(folder)]
        keys, values = read_arrays(files, column)
        maps = project(values, **settings.projections.model_dump())
        tables.append(projection_table(keys, maps).assign(space=space))
    write_table(projections, pd.concat(tables, ignore_index=True), sort_by=["space", "method", "key"])


if __name__ == "__main__":
    run(main)
