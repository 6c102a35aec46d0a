"""Find the groups whose images are nearest to the neutral ones, and how well the classifier knows marked images."""

from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from untold.data.csv import write_tables
from untold.data.parquet import read_table
from untold.data.predictions import beside_groups
from untold.judges.age_grid import implied_age
from untold.judges.groups import adherence, calibration, confusion
from untold.similarity.nearest import nearest_group, nearest_group_by_activity
from untold.statistics.resampling import Resampling

# Tables for when there is nothing to measure: no rows, and only columns that are in the catalogue.
NO_SIMILARITY = pd.DataFrame(columns=["dataset", "space", "metric", "n", "estimate", "low", "high", "method", "note"])
NO_PREDICTION = NO_SIMILARITY.drop(columns="metric")
NO_BIN = pd.DataFrame(columns=["dataset", "space", "bin", "images", "confidence", "accuracy", "gap"])


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Groups in order, the space of the classifier, and parameters of the intervals."""

    dataset: str
    groups: list[str]
    space: str | None
    resampling: Resampling


def main(
    *, settings: Settings, similarity: list[Path], images: list[Path], predictions: list[Path], tables: list[Path]
) -> None:
    groups = settings.groups
    resampling = settings.resampling
    everything = read_table(similarity)
    marked = everything[(everything["role"] == "group") & (everything["seed"] >= 0)]
    frames = {
        "nearest": nearest_group(marked, groups, resampling),
        "nearest_activities": nearest_group_by_activity(marked, groups, confidence=resampling.confidence),
        "implied_age": NO_SIMILARITY,
        **dict.fromkeys(("adherence", "confusion"), NO_PREDICTION),
        "calibration": NO_BIN,
    }
    grid = everything[everything["role"] == "age_grid"]
    if len(grid):
        grid = grid.assign(template=grid["group"].str.rsplit("_", n=1).str[0])
        frames["implied_age"] = implied_age(grid, resampling, by=["template"])
    if settings.space and predictions:
        known = beside_groups(read_table(predictions), read_table(images), settings.dataset, settings.space)
        frames["adherence"] = adherence(known, groups, resampling)
        frames["confusion"] = confusion(known, groups, resampling)
        frames["calibration"] = calibration(known, groups)
    write_tables(tables, settings.dataset, frames)


if __name__ == "__main__":
    run(main)
