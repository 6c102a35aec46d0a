"""Embed the prompts of one shard with the text tower of one encoder."""

import json
from pathlib import Path

import torch
from pydantic import BaseModel

from scripts.cli import run
from untold.base.devices import own_gpu
from untold.base.files import atomic
from untold.data.parquet import read_table, write_arrays
from untold.models.encoders import TextEncoder, load_text_encoder
from untold.study.schema_encoders import OpenClip


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Everything the vectors depend on apart from the prompts."""

    encoder: OpenClip
    weights: str


def main(*, settings: Settings, prompts: list[Path], vectors: Path, provenance: Path) -> None:
    torch.set_flush_denormal(True)
    table = read_table(prompts, columns=["prompt", "prompt_key"]).drop_duplicates().sort_values("prompt_key")
    texts = list(table["prompt"])
    encoder = load_text_encoder(settings.encoder)
    write_arrays(vectors, table["prompt_key"], {"vector": encoder.encode(texts)}, encoder.metadata)
    too_long = [text for text, cut in zip(texts, encoder.cut(texts), strict=True) if cut]
    facts = {"prompts": len(texts), "cut": len(too_long), "unread": unread(encoder, too_long[0]) if too_long else ""}
    with atomic(provenance) as part:
        part.write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def unread(encoder: TextEncoder, text: str) -> str:
    """The end of a text that is beyond the context, in whole words."""
    words = text.split()
    read = sum(not cut for cut in encoder.cut([" ".join(words[: n + 1]) for n in range(len(words))]))
    return " ".join(words[read:])


if __name__ == "__main__":
    with own_gpu():
        run(main)
