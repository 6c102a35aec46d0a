"""Estimate the share of each group among neutral images by every judge, and check every judge on marked images."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import NamedFiles, run
from untold.data.csv import leading, write_tables
from untold.data.parquet import read_table
from untold.judges.judgement import Judgement, judgement_of, pictures_of
from untold.judges.probe import why_not
from untold.judges.self_check import unexplained
from untold.judges.study import share_tables
from untold.statistics.resampling import Resampling

AXIS = "group"  # the column of the manifest with the groups of the axis


class JudgeSettings(BaseModel, frozen=True, extra="forbid"):
    """Groups in order, the space of the zero-shot predictions, whether noise is shared, and parameters of intervals."""

    dataset: str
    groups: list[str]
    space: str | None
    shared_noise: bool
    resampling: Resampling


class Settings(JudgeSettings):
    """And the difference of an overall share from equal ones that is too small to matter."""

    margin: float


def main(
    *, settings: Settings, images: list[Path], predictions: list[Path], probes: NamedFiles, tables: list[Path]
) -> None:
    pictures = pictures_of(read_table(images), settings.groups)
    activities = pictures.drop_duplicates("activity_id").sort_values("activity_id")
    judgements, missing, novel = read_judgements(settings, pictures, predictions, probes)
    ids, categories = activities["activity_id"].tolist(), activities["category"].tolist()
    frames = share_tables(judgements, missing, novel, ids, categories, settings.resampling, settings.margin)
    head = ["dataset", "axis", "judge", "space"]
    named = {name: frame.assign(dataset=settings.dataset, axis=AXIS) for name, frame in frames.items()}
    write_tables(tables, settings.dataset, {name: leading(frame, head) for name, frame in named.items()})


def read_judgements(
    settings: JudgeSettings, pictures: pd.DataFrame, predictions: list[Path], probes: Mapping[str, list[Path]]
) -> tuple[dict[str, Judgement], dict[str, str], dict[str, float]]:
    """What every judge (``probe@dino``) says, why others say nothing, and what no group of a probe explains."""
    files = {f"zero_shot@{settings.space}": predictions} if predictions else {}
    files |= {f"probe@{space}": paths for space, paths in probes.items()}
    judgements, missing, novel = {}, {}, {}
    group = pd.Categorical(pictures["group"], settings.groups).codes
    for judge, paths in files.items():
        table = read_table(paths)
        table = table[table["attribute"] == AXIS]
        if len(table):
            judgements[judge] = judgement_of(table, pictures, settings.groups, settings.shared_noise)
            if "distance" in table:
                novel[judge] = unexplained_share(table, pictures, settings.groups)
        else:
            missing[judge] = why_not(pictures["activity_id"].to_numpy(), pictures["seed"].to_numpy(), group)
    return judgements, missing, novel


def unexplained_share(predictions: pd.DataFrame, pictures: pd.DataFrame, groups: list[str]) -> float:
    """Share of the neutral pictures that are unlike the marked pictures of every group."""
    columns = ("probability", "distance")
    wide = [predictions.pivot(index="key", columns="label", values=column)[groups] for column in columns]
    neutral = wide[0].index.isin(pictures.loc[pictures["role"] == "neutral", "key"])
    parts = [values.to_numpy(float)[rows] for values in wide for rows in (neutral, ~neutral)]
    return unexplained(*parts)


if __name__ == "__main__":
    run(main)
