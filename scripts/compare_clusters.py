"""Compare the clusters of the same images in the spaces of different encoders."""

from itertools import combinations
from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import NamedFiles, run
from untold.data.csv import write_csv
from untold.data.parquet import read_table
from untold.structure.clusters import agreement
from untold.structure.sampling import members


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The name of the dataset, and its spaces in the order of comparison."""

    dataset: str
    spaces: list[str]


def main(*, settings: Settings, clusters: NamedFiles, compared: Path) -> None:
    tables = {space: read_table(clusters[space]) for space in settings.spaces}
    rows = []
    for first, second in combinations(settings.spaces, 2):
        keys = sorted(set(tables[first]["key"]))
        for method in sorted(set(tables[first]["method"])):
            about = {"dataset": settings.dataset, "algorithm": method, "space": first, "other_space": second}
            found = agreement(*(members(tables[space], method, keys) for space in (first, second)))
            rows.append(about | {"statistic": "adjusted_rand"} | found)
    write_csv(compared, pd.DataFrame(rows))


if __name__ == "__main__":
    run(main)
