"""List the images of a dataset that could not be used, and why."""

from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from untold.data.csv import leading, write_csv
from untold.data.parquet import read_table


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The dataset's name."""

    dataset: str


def main(*, settings: Settings, images: list[Path], rejects: list[Path], listed: Path) -> None:
    manifest = read_table(images, columns=["path", "reason", "accepted"])
    refused = [manifest.loc[~manifest["accepted"], ["path", "reason"]]]
    if rejects:
        refused.append(read_table(rejects))
    table = pd.concat(refused, ignore_index=True).sort_values(["path", "reason"])
    if not manifest["accepted"].any():
        raise ValueError(nothing_left(settings.dataset, table))
    write_csv(listed, leading(table.assign(dataset=settings.dataset), ["dataset"]))


def nothing_left(dataset: str, refused: pd.DataFrame) -> str:
    """What to say if no image can be used."""
    shown = "; ".join(f"{path}: {reason}" for path, reason in refused[["path", "reason"]].head(3).to_numpy())
    return f"none of the {len(refused)} images of {dataset} can be used, so there is nothing to analyse ({shown})"


if __name__ == "__main__":
    run(main)
