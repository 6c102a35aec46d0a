"""Measure how well images match their own prompt: the CLIP score by group."""

from pathlib import Path

import numpy as np
from pydantic import BaseModel

from scripts.cli import run
from untold.data.csv import write_csv
from untold.data.parquet import read_arrays, read_table
from untold.similarity.paired import paired_between
from untold.statistics.contrasts import group_means
from untold.statistics.resampling import Resampling


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The dataset, the encoder, and the parameters of the intervals."""

    dataset: str
    encoder: str
    resampling: Resampling


def main(*, settings: Settings, images: list[Path], vectors: list[Path], texts: list[Path], scores: Path) -> None:
    manifest = read_table(images)
    manifest = manifest[manifest["accepted"]]
    value = paired_between(*read_arrays(vectors), *read_arrays(texts), manifest["key"], manifest["prompt_key"])
    long = manifest[["activity_id", "category", "seed", "group"]].assign(
        dataset=settings.dataset, space=settings.encoder, metric="image_prompt", value=value.astype(np.float64)
    )
    resampling = settings.resampling
    write_csv(scores, group_means(long, resampling))


if __name__ == "__main__":
    run(main)
