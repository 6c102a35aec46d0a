"""Find near-duplicates, and weight or select images so that attributes have equal shares in each cluster."""

from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from untold.data.categories import too_many
from untold.data.csv import leading, write_csv
from untold.data.parquet import read_table
from untold.data.predictions import with_predicted
from untold.data.spaces import read_space
from untold.structure.rebalance import balancing_weights, before_after, keep_list, near_duplicates
from untold.structure.sampling import members


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Columns and predicted attributes to equalise, the threshold for duplicates, and the seed that breaks ties."""

    space: str
    column: str
    attributes: list[str]
    predicted: dict[str, tuple[str, str]]
    duplicate_cosine: float
    seed: int


def main(
    *,
    settings: Settings,
    vectors: list[Path],
    images: list[Path],
    clusters: Path,
    predictions: list[Path],
    duplicates: Path,
    shares: Path,
    keep: Path,
) -> None:
    values, table = read_space(vectors, settings.column, images, "key")
    if settings.predicted:
        table = with_predicted(table, read_table(predictions), settings.predicted)
    attributes = table[[*settings.attributes, *settings.predicted]]
    attributes = attributes[[name for name in attributes if not too_many(attributes[name])]]
    labels = members(read_table(clusters), "kmeans", table["key"])

    copies = near_duplicates(values, table["sha256"], threshold=settings.duplicate_cosine)
    original = np.ones(len(table), dtype=bool)
    original[copies["position"].to_numpy(dtype=int)] = False
    weights, notes = balancing_weights(attributes, labels, keep=original)
    left_out = pd.Series(labels[~original]).value_counts(sort=False)
    counted = [(cluster, "", f"duplicates left out: {count}") for cluster, count in left_out.items()]
    notes = pd.concat([notes, pd.DataFrame(counted, columns=notes.columns)], ignore_index=True)
    kept = keep_list(attributes, labels, weights, seed=settings.seed)

    here = table.iloc[copies["position"].astype(int)].reset_index(drop=True)
    first = table.iloc[copies["duplicate_of"].astype(int)].reset_index(drop=True)
    pairs = pd.DataFrame(
        {"space": settings.space, "key": here["key"], "path": here["path"], "duplicate_of": first["key"]}
    ).assign(duplicate_path=first["path"], kind=copies["kind"], cosine=copies["cosine"])
    write_csv(duplicates, pairs)
    balance = annotate(before_after(attributes, labels, weights, kept), notes)
    write_csv(shares, leading(balance.assign(space=settings.space), ["space"]))
    write_csv(keep, table[["key", "path"]].assign(cluster=labels, weight=weights, kept=kept))


def annotate(balance: pd.DataFrame, notes: pd.DataFrame) -> pd.DataFrame:
    """Notes on each row about what could not be achieved for its attribute in its cluster."""
    said = notes.groupby(["cluster", "attribute"])["note"].agg("; ".join).to_dict()
    places = zip(balance["cluster"], balance["attribute"], strict=True)
    about = [[said.get((cluster, "")), said.get((cluster, attribute))] for cluster, attribute in places]
    return balance.assign(note=["; ".join(filter(None, found)) for found in about])


if __name__ == "__main__":
    run(main)
