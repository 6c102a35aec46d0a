"""Compare judged shares with planted ones, beside what perfect labels of the same images would recover."""

from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from untold.data.csv import leading, read_csvs, write_tables
from untold.data.parquet import read_table
from untold.judges.depicted import depicted_shares
from untold.judges.judgement import pictures_of
from untold.judges.recovery import PERFECT, recovery, share_gap
from untold.statistics.resampling import Resampling

KEYS = ["judge", "space", "estimator", "group", "activity_id"]


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Groups in order, a digest of the planted shares, and parameters of the intervals."""

    dataset: str
    groups: list[str]
    planted: list[str]
    resampling: Resampling


def main(
    *,
    settings: Settings,
    images: list[Path],
    depicted: list[Path],
    shares: Path,
    planted: Path,
    tables: list[Path],
) -> None:
    groups = settings.groups
    truth = pd.read_csv(planted).rename(columns={"id": "activity_id"})
    truth = truth.melt("activity_id", groups, var_name="group", value_name="planted")
    judged = read_csvs([shares], settings.dataset)["shares"]
    found = judged[judged["level"] == "activity"][[*KEYS, "estimate", "low", "high"]]
    if depicted:
        neutral = pictures_of(read_table(images), groups).query("role == 'neutral'")
        seen = read_table(depicted).drop(columns="activity_id").merge(neutral[["key", "activity_id"]], on="key")
        ceiling = depicted_shares(seen, "age", groups).rename_axis("activity_id").reset_index()
        ceiling = ceiling.melt("activity_id", var_name="group", value_name="estimate")
        found = pd.concat(
            [found, ceiling.assign(judge="depicted", space="artwork", estimator=PERFECT)], ignore_index=True
        )
    pair = (groups[0], groups[-1])
    truth = pd.concat([truth, share_gap(truth, pair, "planted")], ignore_index=True)
    found = pd.concat([found, share_gap(found, pair, "estimate")], ignore_index=True)
    points = found.merge(truth, on=["activity_id", "group"])[[*KEYS, "planted", "estimate", "low", "high"]]
    frames = {"recovery": recovery(truth, found, settings.resampling), "recovery_points": points}
    named = {name: leading(frame.assign(dataset=settings.dataset), ["dataset"]) for name, frame in frames.items()}
    write_tables(tables, settings.dataset, named)


if __name__ == "__main__":
    run(main)
