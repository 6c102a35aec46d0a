"""Classify images with CLIP: the probability of each label from the cosines with its prompts."""

from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from untold.base.devices import own_gpu
from untold.data.parquet import read_arrays, write_table
from untold.judges.zero_shot import zero_shot
from untold.models.encoders import load_text_encoder
from untold.study.schema_encoders import OpenClip


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The text tower and the classifiers of each attribute, with the prompts for each label."""

    encoder: OpenClip
    weights: str
    attributes: dict[str, dict[str, dict[str, list[str]]]]


def main(*, settings: Settings, vectors: list[Path], predictions: Path) -> None:
    keys, images = read_arrays(vectors)
    text = load_text_encoder(settings.encoder)
    tables = []
    for attribute, classifiers in settings.attributes.items():
        for classifier, classes in classifiers.items():
            prompts = {label: text.encode(texts) for label, texts in classes.items()}
            table = zero_shot(images, prompts, logit_scale=text.logit_scale).assign(key=keys)
            long = table.melt("key", var_name="label", value_name="probability")
            tables.append(long.assign(attribute=attribute, classifier=classifier))
    columns = ["key", "attribute", "classifier", "label", "probability"]
    write_table(predictions, pd.concat(tables, ignore_index=True)[columns], sort_by=columns[:-1])


if __name__ == "__main__":
    with own_gpu():
        run(main)
