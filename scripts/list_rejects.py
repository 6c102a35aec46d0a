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
    refused = [manifest.loc[~manifest["accepted"].astype(bool), ["path", "reason"]]]
    if rejects:
        refused.append(read_table(rejects))
    table = pd.concat(refused, ignore_index=True).sort_values(["path", "reason"])
    write_csv(listed, leading(table.assign(dataset=settings.dataset), ["dataset"]))


if __name__ == "__main__":
    run(main)
