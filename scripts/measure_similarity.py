"""Measure how close each marked image (and prompt) of one shard is to its neutral one, in every space."""

from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from untold.data.parquet import column_names, read_arrays, read_table, write_table
from untold.similarity.paired import paired_cosine, paired_patches, pairs

SEEDLESS = -1  # seed of a space that has none: a prompt's vector is the same for every image of it


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Which encoder each file belongs to, in the order of the files."""

    dataset: str
    vectors: dict[str, str]
    texts: list[str]
    tokens: list[str]


def main(
    *,
    settings: Settings,
    images: list[Path],
    latents: list[Path],
    vectors: list[Path],
    texts: list[Path],
    tokens: list[Path],
    similarity: Path,
) -> None:
    matched = pairs(read_table(images))
    frames = [measured(matched, "latents", {"cosine": paired_cosine(*read_arrays(latents, "latents"), *keys(matched))})]
    for (_, space), path in zip(settings.vectors.items(), vectors, strict=True):
        for column, name in (("vector", space), ("mean", f"{space}_mean")):
            if column in column_names(path):
                frames.append(
                    measured(matched, name, {"cosine": paired_cosine(*read_arrays(path, column), *keys(matched))})
                )
    for encoder, path in zip(settings.texts, texts, strict=True):
        wordings = matched.drop_duplicates(["activity_id", "group"]).assign(seed=SEEDLESS)
        cosine = paired_cosine(*read_arrays(path), wordings["prompt_key"], wordings["neutral_prompt_key"])
        frames.append(measured(wordings, f"{encoder}_text", {"cosine": cosine}))
    for encoder, path in zip(settings.tokens, tokens, strict=True):
        frames.append(measured(matched, encoder, paired_patches(*read_arrays(path, "tokens"), *keys(matched))))
    table = pd.concat(frames, ignore_index=True)
    table.insert(0, "dataset", settings.dataset)
    write_table(similarity, table, sort_by=["space", "metric", "activity_id", "seed", "group"])


def keys(matched: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    return matched["key"], matched["neutral_key"]


def measured(matched: pd.DataFrame, space: str, values: dict) -> pd.DataFrame:
    """Long rows of one space, one block per metric."""
    columns = ["activity_id", "category", "seed", "group", "role", "age"]
    blocks = [matched[columns].assign(space=space, metric=metric, value=value) for metric, value in values.items()]
    return pd.concat(blocks, ignore_index=True)


if __name__ == "__main__":
    run(main)
