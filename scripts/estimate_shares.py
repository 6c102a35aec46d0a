"""Estimate the share of each group among neutral images by every judge, and check every judge on marked images."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel

from scripts.cli import NamedFiles, run
from untold.data.csv import leading, write_tables
from untold.data.parquet import read_table
from untold.judges.judgement import Judgement, judgement_of, pictures_of
from untold.judges.probe import why_not
from untold.judges.self_check import ActivityShares, self_check
from untold.judges.shares import INVERSION, THESE, correction, intervals, shares
from untold.judges.stereotype import lean, ranks, stereotype
from untold.judges.verdicts import verdicts
from untold.statistics.resampling import Resampling
from untold.study.schema_analysis import Inference

Judge = tuple[str, str]  # its name and its space
AXIS = "group"  # the column of the manifest with the groups of the axis


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Groups in order, the space that zero-shot predictions come from, and parameters of the intervals."""

    dataset: str
    groups: list[str]
    space: str | None
    inference: Inference


def main(
    *, settings: Settings, images: list[Path], predictions: list[Path], probes: NamedFiles, tables: list[Path]
) -> None:
    chosen, groups = settings.inference, settings.groups
    resampling = Resampling(chosen.resamples, chosen.permutations, chosen.confidence, chosen.seed)
    pictures = pictures_of(read_table(images), groups)
    activities = pictures.drop_duplicates("activity_id").sort_values("activity_id")
    ids, categories = activities["activity_id"].tolist(), activities["category"].tolist()
    judgements, missing = read_judgements(settings, pictures, predictions, probes)

    def corrected(judgement: Judgement) -> ActivityShares:
        inversion, hindrance = correction(judgement, INVERSION)
        each = np.eye(judgement.activities, dtype=bool) & (inversion.neutral.pictures > 0)
        return ActivityShares(*intervals(inversion, hindrance, each, THESE, chosen.confidence)[:3])

    checks = {judge: self_check(read, corrected, seed=chosen.seed) for judge, read in judgements.items()}
    estimates = {judge: corrected(read).estimate for judge, read in judgements.items()}
    frames = {
        "shares": [shares(read, ids, categories, resampling) for read in judgements.values()],
        "lean": [lean(read, INVERSION, resampling) for read in judgements.values()],
        "stereotype": [stereotype(read, INVERSION, resampling) for read in judgements.values()],
        "share_ranks": [ranks(read, ids, INVERSION, resampling) for read in judgements.values()],
    }
    written = {name: pd.concat(map(labelled, judgements, parts)) for name, parts in frames.items()}
    found = verdicts(checks, estimates)
    found.index = pd.MultiIndex.from_tuples(found.index, names=["judge", "space"])
    unread = pd.DataFrame(missing, columns=["judge", "space", "note"]).assign(verdict="fails", leads=False)
    written["self_check"] = pd.concat([found.reset_index(), unread], ignore_index=True)
    write_tables(tables, settings.dataset, {name: headed(settings.dataset, frame) for name, frame in written.items()})


def read_judgements(
    settings: Settings, pictures: pd.DataFrame, predictions: list[Path], probes: Mapping[str, list[Path]]
) -> tuple[dict[Judge, Judgement], list[tuple[str, str, str]]]:
    """What every judge says, and the judges that say nothing, with the reason."""
    files = {("zero_shot", settings.space): predictions} if predictions else {}
    files |= {("probe", space): paths for space, paths in probes.items()}
    judgements, missing = {}, []
    group = pd.Categorical(pictures["group"], settings.groups).codes
    for judge, paths in files.items():
        table = read_table(paths)
        table = table[table["attribute"] == AXIS]
        if len(table):
            judgements[judge] = judgement_of(table, pictures, settings.groups)
        else:
            note = why_not(pictures["activity_id"].to_numpy(), pictures["seed"].to_numpy(), group)
            missing.append((*judge, note))
    return judgements, missing


def labelled(judge: Judge, frame: pd.DataFrame) -> pd.DataFrame:
    """A table of one judge, with its name and space."""
    return frame.assign(judge=judge[0], space=judge[1])


def headed(dataset: str, frame: pd.DataFrame) -> pd.DataFrame:
    """A table that begins with what it is about."""
    return leading(frame.assign(dataset=dataset, axis=AXIS), ["dataset", "axis", "judge", "space"])


if __name__ == "__main__":
    run(main)
