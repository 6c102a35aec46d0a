"""Estimate which groups the neutral images show, and compare this with the planted shares if there are any."""

from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from untold.data.csv import write_tables
from untold.data.parquet import read_table
from untold.data.predictions import beside_groups
from untold.judges.age_grid import implied_age
from untold.judges.correction import neutral_shares, neutral_shares_by_activity
from untold.judges.groups import adherence, calibration, confusion
from untold.judges.recovery import recovery, share_gap
from untold.similarity.nearest import nearest_group, nearest_group_by_activity
from untold.statistics.resampling import Resampling

# Tables for when there is nothing to measure: no rows, and only columns that are in the catalogue.
NO_SIMILARITY = pd.DataFrame(columns=["dataset", "space", "metric", "n", "estimate", "low", "high", "method", "note"])
NO_PREDICTION = NO_SIMILARITY.drop(columns="metric")
NO_BIN = pd.DataFrame(columns=["dataset", "space", "bin", "images", "confidence", "accuracy", "gap"])
POINTS = ["dataset", "space", "metric", "estimator", "group", "activity_id", "planted", "estimate", "low", "high"]


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Groups in order, the space of the classifier, a digest of the planted shares, and parameters of the intervals."""

    dataset: str
    groups: list[str]
    space: str | None
    planted: list[str]
    resampling: Resampling


def main(
    *,
    settings: Settings,
    similarity: list[Path],
    images: list[Path],
    predictions: list[Path],
    planted: list[Path],
    tables: list[Path],
) -> None:
    groups = settings.groups
    resampling = settings.resampling
    everything = read_table(similarity)
    marked = everything[(everything["role"] == "group") & (everything["seed"] >= 0)]
    nearest = nearest_group_by_activity(marked, groups, confidence=resampling.confidence)
    estimates = [nearest.assign(estimator="nearest group")]
    frames = {
        "nearest": nearest_group(marked, groups, resampling),
        "nearest_activities": nearest,
        "implied_age": NO_SIMILARITY,
        **dict.fromkeys(("age_shares", "age_shares_activities", "adherence", "confusion"), NO_PREDICTION),
        "calibration": NO_BIN,
        "recovery": NO_SIMILARITY,
        "recovery_points": pd.DataFrame(columns=POINTS),
    }
    grid = everything[everything["role"] == "age_grid"]
    if len(grid):
        grid = grid.assign(template=grid["group"].str.rsplit("_", n=1).str[0])
        frames["implied_age"] = implied_age(grid, resampling, by=["template"])
    if settings.space and predictions:
        known = beside_groups(read_table(predictions), read_table(images), settings.dataset, settings.space)
        frames["age_shares"] = neutral_shares(known, groups, "neutral", resampling)
        shares = neutral_shares_by_activity(known, groups, "neutral", resampling)
        frames["age_shares_activities"] = shares
        estimates.append(shares.assign(metric="zero_shot"))
        frames["adherence"] = adherence(known, groups, resampling)
        frames["confusion"] = confusion(known, groups, resampling)
        frames["calibration"] = calibration(known, groups)
    if planted:
        truth = pd.read_csv(planted[0]).rename(columns={"id": "activity_id"})
        truth = truth.melt("activity_id", groups, var_name="group", value_name="planted")
        found = pd.concat(estimates, ignore_index=True)
        pair = (groups[0], groups[-1])
        truth = pd.concat([truth, share_gap(truth, pair, "planted")], ignore_index=True)
        found = pd.concat([found, share_gap(found, pair, "estimate")], ignore_index=True)
        frames["recovery"] = recovery(truth, found, resampling)
        frames["recovery_points"] = found.merge(truth, on=["activity_id", "group"])[POINTS]
    write_tables(tables, settings.dataset, frames)


if __name__ == "__main__":
    run(main)
