"""Time embedding on a CPU: ours against one image at a time, and against loading DINO anew for every image.

Run ``python -m benchmarks.embedding`` in the root of the repository: CLIP ViT-B/32, DINO ViT-S/16 and ResNet-50 in full
size with random weights (they time like trained ones; nothing is downloaded), from 768-pixel PNG files. Then vectors in
Parquet, ours against ``list<float>`` with the defaults. Goals 4, 5 and 7 of performance.md.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cyclopts
import numpy as np
import open_clip
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import timm
import torch
from PIL import Image

from scripts.lib.config import OpenClip, Timm
from scripts.lib.encoders import ImageEncoder, fast_bfloat16, load_encoder
from scripts.lib.images import decode
from scripts.lib.tables import read_arrays, unit, write_arrays
from tests.tiny_encoders import save_clip, save_timm

PIXELS = 768
BATCH = 32


def load(folder: Path, dtype: str) -> dict[str, ImageEncoder]:
    """The three full-size encoders; their weights are made when they are not there."""
    if not folder.exists():
        save_clip(folder / "clip", open_clip.get_model_config("ViT-B-32-quickgelu"))
        save_timm(folder / "dino", "vit_small_patch16_224", 224, {})
        save_timm(folder / "resnet", "resnet50", 224, {})
    common = {"batch_size": BATCH, "dtype": dtype}
    source = {name: {"path": str(folder / name)} for name in ("clip", "dino", "resnet")}
    settings = {
        "clip": OpenClip(library="open_clip", source=source["clip"], quick_gelu=True, **common),
        "dino": Timm(library="timm", source=source["dino"], pooling="cls", tokens=True, **common),
        "resnet": Timm(library="timm", source=source["resnet"], pooling="average", tokens=False, **common),
    }
    return {name: load_encoder(chosen) for name, chosen in settings.items()}


def pictures(folder: Path, count: int) -> list[Path]:
    """Images like photographs to a PNG decoder: smooth shapes under a little noise."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 255, (12, 12, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((PIXELS, PIXELS), Image.Resampling.BICUBIC), np.int16)
        noisy = (smooth + rng.normal(0, 3, smooth.shape)).clip(0, 255).astype(np.uint8)
        paths.append(folder / f"{number:04d}.png")
        Image.fromarray(noisy).save(paths[-1])
    return paths


def ours(encoders: dict[str, ImageEncoder], paths: list[Path]) -> dict[str, np.ndarray]:
    """What the jobs of the workflow do: one after the other, in batches, decoded by threads ahead of the model."""
    look = partial(decode, max_pixels=2**26)
    return {
        name: np.concatenate([batch["vector"] for batch in encoder.embed(paths, look)])
        for name, encoder in encoders.items()
    }


def one_at_a_time(encoders: dict[str, ImageEncoder], paths: list[Path], reload: Path | None = None) -> None:
    """Every image on its own, decoded by every model for itself; the model in ``reload`` is loaded for each."""
    for path in paths:
        for encoder in encoders.values():
            if reload and encoder is encoders["dino"]:
                timm.create_model(f"local-dir:{reload}", pretrained=True, num_classes=0).eval()
            with Image.open(path) as image, torch.inference_mode():
                encoder.forward(encoder.transform(image.convert("RGB"))[None].to(encoder.device))


def seconds(work: Callable[[], object], repeats: int = 1) -> Iterator[float]:
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        yield time.perf_counter() - begun


def parquet(folder: Path) -> None:
    """Size and time to read of a study's vectors, both ways."""
    vectors = unit(np.random.default_rng(0).normal(size=(50_000, 512)).astype(np.float32))
    keys = [f"{number:064x}" for number in range(len(vectors))]
    plain, own = folder / "plain.parquet", folder / "ours.parquet"
    pq.write_table(pa.table({"key": keys, "vector": list(vectors)}), plain)
    write_arrays(own, keys, {"vector": vectors}, {})

    def flattened() -> np.ndarray:
        table = pq.read_table(plain)
        assert table["key"].to_numpy().shape == (len(vectors),)
        return table["vector"].combine_chunks().flatten().to_numpy().reshape(len(vectors), -1)

    readers = {
        "list<float>, defaults, through pandas": (plain, lambda: np.stack(pd.read_parquet(plain)["vector"])),
        "list<float>, defaults, flattened by pyarrow": (plain, flattened),
        "ours": (own, lambda: read_arrays(own)[1]),
    }
    rows = {}
    for name, (file, read) in readers.items():
        assert np.array_equal(read(), vectors)
        rows[name] = min(seconds(read, 7)), file.stat().st_size / vectors.nbytes
    slowest = max(read for read, _ in rows.values())
    print(f"\nParquet, {len(vectors)} x {vectors.shape[1]} float32:\n\n| format | read, s | faster | size / raw |")
    print("| --- | ---: | ---: | ---: |")
    for name, (read, size) in rows.items():
        print(f"| {name} | {read:.3f} | {slowest / read:.1f} | {size:.2f} |")


def processor() -> str:
    """The CPU's name, where the system tells."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "a CPU")


def main(*, images: int = 96, reloads: int = 6, rounds: int = 3) -> None:
    """Print the tables.

    Parameters
    ----------
    images
        Images embedded in our way and one at a time.
    reloads
        Images embedded in the way that loads DINO for each.
    rounds
        How often every way is timed, in turn; the best round counts.
    """
    torch.set_flush_denormal(True)
    kinds = ["float32", "bfloat16"] if fast_bfloat16() else ["float32"]
    with tempfile.TemporaryDirectory() as scratch:
        paths = pictures(Path(scratch) / "pictures", images)
        models = Path(scratch) / "models"
        loaded = {kind: load(models, kind) for kind in kinds}
        single, few = paths[: max(1, images // 4)], paths[:reloads]
        vectors: dict[str, dict[str, np.ndarray]] = {}
        anew, one = "float32, DINO loaded for every image", "float32, one image at a time, each model decodes"
        ways = {
            anew: (len(few), lambda: one_at_a_time(loaded["float32"], few, models / "dino")),
            one: (len(single), lambda: one_at_a_time(loaded["float32"], single)),
        }
        for kind in kinds:
            ways[f"ours, {kind}"] = images, lambda kind=kind: vectors.update({kind: ours(loaded[kind], paths)})
        times = {way: [] for way in ways}
        for _ in range(rounds):
            for way, (count, work) in ways.items():
                times[way] += [second / count for second in seconds(work)]
        load_now = f"load {os.getloadavg()[0]:.1f}"
        print(f"{processor()}, {torch.get_num_threads()} threads, {load_now}; torch {torch.__version__}, open_clip")
        print(f"{open_clip.__version__}, timm {timm.__version__}; {images} PNGs of {PIXELS} px; best of {rounds}\n")
        base, slowest = min(times[one]), min(times[anew])
        print("| way | s/image | images/s | against one at a time | against loading DINO anew |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for way, found in times.items():
            best = min(found)
            print(f"| {way} | {best:.3f} | {1 / best:.1f} | {base / best:.2f} | {slowest / best:.1f} |")
        for name in loaded["float32"] if "bfloat16" in vectors else ():
            cosines = (unit(vectors["float32"][name]) * unit(vectors["bfloat16"][name])).sum(1)
            print(f"\n{name}: cosine between float32 and bfloat16 at least 1 - {1 - cosines.min():.1e}", end="")
        print()
        parquet(Path(scratch))


if __name__ == "__main__":
    cyclopts.run(main)
