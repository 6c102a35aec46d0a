"""Compare the results of keyword pairs on UTKFace with the published ones."""

from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from untold.data.csv import leading, write_csv
from untold.judges.audit import beside_published

PUBLISHED_OF = "OpenAI ViT-B/32 on 24 105 UTKFace images"


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The published keyword pair of each gender classifier."""

    dataset: str
    pairs: dict[str, str]


def main(*, settings: Settings, summary: Path, compared: Path) -> None:
    ours = pd.read_csv(summary, keep_default_na=False, na_values=[""])
    ours = ours[ours["target"] == "gender"]
    columns = ["statistic", "n", "estimate", "note"]
    found = {pair: ours.loc[ours["classifier"] == name, columns] for name, pair in settings.pairs.items()}
    table = beside_published(found).assign(dataset=settings.dataset, published_of=PUBLISHED_OF)
    write_csv(compared, leading(table, ["dataset"]))


if __name__ == "__main__":
    run(main)
