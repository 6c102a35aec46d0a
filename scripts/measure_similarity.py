"""Measure the similarity of each marked image (and prompt) of one shard to its neutral counterpart, in every space.

Marked images are also compared with each other, which gives the gaps that a model with equal shares would show.
"""

from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import NamedFiles, run
from untold.data.parquet import column_names, read_arrays, read_table, write_table
from untold.similarity.paired import marked_pairs, paired_patches, paired_vectors, pairs

SEEDLESS = -1  # in place of a seed for prompts, whose vectors are the same for all seeds


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The dataset's name."""

    dataset: str


def main(
    *,
    settings: Settings,
    images: list[Path],
    latents: list[Path],
    vectors: NamedFiles,
    texts: NamedFiles,
    tokens: NamedFiles,
    similarity: Path,
) -> None:
    manifest = read_table(images)
    matched = pd.concat([pairs(manifest), marked_pairs(manifest)], ignore_index=True)
    frames = [measured(matched, "latents", paired_vectors(*read_arrays(latents, "latents"), *keys(matched)))]
    for space, paths in vectors.items():
        for path in paths:
            for column, name in (("vector", space), ("mean", f"{space}_mean")):
                if column in column_names(path):
                    frames.append(measured(matched, name, paired_vectors(*read_arrays(path, column), *keys(matched))))
    for space, paths in texts.items():
        wordings = matched.drop_duplicates(["activity_id", "group", "role", "partner"]).assign(seed=SEEDLESS)
        for path in paths:
            values = paired_vectors(*read_arrays(path), wordings["prompt_key"], wordings["partner_prompt_key"])
            frames.append(measured(wordings, space, values))
    for space, paths in tokens.items():
        for path in paths:
            frames.append(measured(matched, space, paired_patches(*read_arrays(path, "tokens"), *keys(matched))))
    table = pd.concat(frames, ignore_index=True)
    table.insert(0, "dataset", settings.dataset)
    write_table(similarity, table, sort_by=["space", "metric", "role", "activity_id", "seed", "group", "partner"])


def keys(matched: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    return matched["key"], matched["partner_key"]


def measured(matched: pd.DataFrame, space: str, values: dict) -> pd.DataFrame:
    """Long rows of one space, one block per metric."""
    columns = ["activity_id", "category", "seed", "group", "role", "partner", "age"]
    blocks = [matched[columns].assign(space=space, metric=metric, value=value) for metric, value in values.items()]
    return pd.concat(blocks, ignore_index=True)


if __name__ == "__main__":
    run(main)
