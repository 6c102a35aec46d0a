"""Classify images with a probe: a linear classifier that is trained on the study's marked images in one space."""

import logging
from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from untold.data.parquet import read_table, write_table
from untold.data.spaces import LARGEST, read_sample
from untold.judges.judgement import pictures_of
from untold.judges.probe import probe, why_not

COLUMNS = ["key", "attribute", "classifier", "label", "probability", "distance", "fold"]
log = logging.getLogger(__name__)


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The marked groups in order, the column with the vectors, and the seed of the folds."""

    groups: list[str]
    column: str
    seed: int


def main(*, settings: Settings, images: list[Path], vectors: list[Path], predictions: Path) -> None:
    groups = settings.groups
    pictures = pictures_of(read_table(images), groups).set_index("key")
    keys, values = read_sample(vectors, settings.column, set(pictures.index), largest=LARGEST)
    pictures = pictures.loc[keys]
    group = pd.Categorical(pictures["group"], groups).codes  # -1 for neutral
    activity, seed = pictures["activity_id"].to_numpy(), pictures["seed"].to_numpy()
    if note := why_not(activity, seed, group):
        log.warning("%s", note)
        write_table(predictions, pd.DataFrame({name: [] for name in COLUMNS}).astype({"key": str, "label": str}))
        return
    found = probe(values, activity, seed, group, random_seed=settings.seed)
    tables = [
        pd.DataFrame({"key": keys, "label": label, "probability": p, "distance": d, "fold": found.fold})
        for label, p, d in zip(groups, found.probabilities.T, found.distances.T, strict=True)
    ]
    table = pd.concat(tables, ignore_index=True).dropna(subset=["probability"])
    table = table.assign(attribute="group", classifier="probe")[COLUMNS]
    write_table(predictions, table, sort_by=["key", "label"])


if __name__ == "__main__":
    run(main)
