"""Describe who is in the clusters of one space: composition, association and diversity."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pydantic import BaseModel

from scripts.cli import run
from untold.data.categories import common_values
from untold.data.csv import leading, write_csv
from untold.data.parquet import read_table
from untold.data.predictions import with_predicted
from untold.data.spaces import LARGEST, read_space
from untold.structure.composition import association, composition
from untold.structure.diversity import diversity
from untold.structure.sampling import members


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Columns and predicted attributes to count, whether images are nested in activities, and the files' columns."""

    space: str
    column: str
    key: str
    attributes: list[str]
    predicted: dict[str, tuple[str, str]]
    nested: bool
    seed: int
    draws: int
    confidence: float


def main(
    *,
    settings: Settings,
    vectors: list[Path],
    subjects: list[Path],
    clusters: Path,
    predictions: list[Path],
    composed: Path,
    associated: Path,
    diverse: Path,
) -> None:
    values, table = read_space(vectors, settings.column, subjects, settings.key, largest=LARGEST)
    if settings.predicted:
        table = with_predicted(table, read_table(predictions), settings.predicted)
    attributes = [*settings.attributes, *settings.predicted]
    table = table.assign(**{attribute: common_values(table[attribute]) for attribute in attributes})
    found = read_table(clusters)
    units = table["activity_id"] if settings.nested else None
    nesting = [] if units is None else [units, units + "/" + table["seed"].astype(str)]
    counts, links = [], []
    for method in sorted(set(found["method"])):
        labels = members(found, method, table["key"])
        for attribute in attributes:
            about = {"space": settings.space, "algorithm": method, "attribute": attribute}
            part = composition(
                table[attribute],
                labels,
                nesting=nesting,
                seed=settings.seed,
                draws=settings.draws,
                confidence=settings.confidence,
            )
            link = association(
                table[attribute], labels, nesting=nesting, seed=settings.seed, permutations=settings.draws
            )
            counts.append(part.assign(**about))
            links.append(link.assign(**about))
    if not attributes:  # the tables must exist all the same
        nothing, nowhere = {"space": "", "algorithm": "", "attribute": ""}, np.empty(0, dtype=int)
        counts, links = (
            [composition([], nowhere).assign(**nothing)],
            [association([], nowhere).assign(**nothing).iloc[:0]],
        )
    sets: dict[str, ArrayLike] = {attribute: table[attribute] for attribute in attributes}
    sets["kmeans cluster"] = members(found, "kmeans", table["key"])
    spread = [
        diversity(values, groups, units=units, seed=settings.seed, confidence=settings.confidence).assign(
            space=settings.space, attribute=attribute
        )
        for attribute, groups in sets.items()
    ]
    write_csv(composed, leading(pd.concat(counts, ignore_index=True), ["space", "algorithm", "attribute"]))
    write_csv(associated, leading(pd.concat(links, ignore_index=True), ["space", "algorithm", "attribute"]))
    write_csv(diverse, leading(pd.concat(spread, ignore_index=True), ["space", "attribute"]))


if __name__ == "__main__":
    run(main)
