"""Estimate the share of each group among neutral images by every judge, check the judges, and find who leads."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel

from scripts.cli import NamedFiles, run
from untold.data.csv import write_tables
from untold.data.parquet import read_table
from untold.judges.answer import check_judges, leading
from untold.judges.judgement import Judgement, judgement_of, pictures_of
from untold.judges.shares import shares
from untold.judges.stereotype import lean, stereotype
from untold.statistics.resampling import Resampling
from untold.study.schema_analysis import Inference

AXIS = "group"
HEAD = ["dataset", "axis", "judge", "space"]


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Groups in order, the space that zero-shot predictions come from, and parameters of the intervals."""

    dataset: str
    groups: list[str]
    space: str | None
    inference: Inference


def main(
    *, settings: Settings, images: list[Path], predictions: list[Path], probes: NamedFiles, tables: list[Path]
) -> None:
    chosen = settings.inference
    resampling = Resampling(chosen.resamples, chosen.permutations, chosen.confidence, chosen.seed)
    pictures = pictures_of(read_table(images), settings.groups)
    activities = pictures.drop_duplicates("activity_id").sort_values("activity_id")
    judgements = read_judgements(settings, pictures, predictions, probes)
    frames = {
        "shares": [shares(j, activities["activity_id"], activities["category"], resampling) for j in judgements.values()],
        "lean": [lean(j, CORRECTED, resampling) for j in judgements.values()],
        "stereotype": [stereotype(j, CORRECTED, resampling) for j in judgements.values()],
    }
