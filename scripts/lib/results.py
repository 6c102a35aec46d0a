"""Read the tables of a study back."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd


def read_csvs(paths: Iterable[Path], dataset: str) -> dict[str, pd.DataFrame]:
    """The tables of a dataset by name: ``people-dino-composition.csv`` is ``dino-composition`` of ``people``.

    Only an empty cell is missing, so that a group called "None" or "NA" stays a group.
    """
    prefix = f"{dataset}-"
    found = {}
    for path in paths:
        if path.name.startswith(prefix):
            frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
            found[path.stem.removeprefix(prefix)] = frame
    return found
