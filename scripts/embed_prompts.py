"""Embed the prompts of one shard with the text tower of one encoder."""

from pathlib import Path

import torch
from pydantic import BaseModel

from scripts.cli import run
from untold.base.devices import own_gpu
from untold.data.parquet import read_table, write_arrays
from untold.models.encoders import load_text_encoder
from untold.study.schema_encoders import OpenClip


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Everything the vectors depend on apart from the prompts."""

    encoder: OpenClip
    weights: str


def main(*, settings: Settings, prompts: list[Path], vectors: Path) -> None:
    torch.set_flush_denormal(True)
    texts = read_table(prompts, columns=["prompt", "prompt_key"]).drop_duplicates().sort_values("prompt_key")
    encoder = load_text_encoder(settings.encoder)
    write_arrays(vectors, texts["prompt_key"], {"vector": encoder.encode(list(texts["prompt"]))}, encoder.metadata)


if __name__ == "__main__":
    with own_gpu():
        run(main)
