"""Embed the images of one shard with one encoder, and write the patch tokens if they are kept."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel

from scripts.cli import run
from untold.base.devices import own_gpu
from untold.base.identity import digest
from untold.base.progress import track
from untold.data.parquet import read_table, write_arrays
from untold.images.decode import decode_known
from untold.models.encoders import load_encoder
from untold.study.schema_encoders import Encoder


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Everything the vectors depend on apart from the images."""

    encoder: Encoder
    weights: str
    max_pixels: int


def main(*, settings: Settings, images: list[Path], vectors: Path, tokens: list[Path]) -> None:
    torch.set_flush_denormal(True)
    manifest = read_table(images, columns=["key", "path", "sha256", "accepted"])
    # Two wordings may give the same prompt (the words of the age grid), and so share one image and one vector.
    manifest = manifest[manifest["accepted"]].drop_duplicates("key").sort_values("key")
    encoder = load_encoder(settings.encoder)
    paths = [Path(path) for path in manifest["path"]]
    known = dict(zip(paths, manifest["sha256"], strict=True))
    batches = encoder.embed(paths, partial(decode_known, sha256=known, max_pixels=settings.max_pixels))
    done = list(
        track(batches, f"embed {vectors.parent.name} {vectors.stem}", len(paths), size=lambda b: len(b["vector"]))
    )
    done = done or [encoder.nothing()]
    arrays = {name: np.concatenate([batch[name] for batch in done]) for name in done[0]}
    metadata = {**encoder.metadata, "images_sha256": digest(sorted(manifest["sha256"]))}
    for path in tokens:  # one file, or none
        write_arrays(path, manifest["key"], {"tokens": arrays.pop("tokens")}, metadata)
    write_arrays(vectors, manifest["key"], arrays, metadata)


if __name__ == "__main__":
    with own_gpu():
        run(main)
