"""Time embedding on a CPU: this workflow against one image at a time and against the method of the original study.

Run ``python -m benchmarks.embedding`` in the root of the repository. It embeds 768-pixel PNG files with full-size CLIP
ViT-B/32, DINO ViT-S/16 and ResNet-50 with random weights, which take the same time as trained ones and need no
download. It then compares this workflow's Parquet files of vectors with ``list<float>`` columns written with the
default settings. The goals are in docs/performance.md.

The method of the original study follows its published notebook (hunsao/embeddings-age-bias-analysis). It uses
transformers and processes one image at a time. It loads DINO and its preprocessing for every image, and again for every
pair of the split product. It runs ResNet-50 and the DINO of the split product on both images of each of the three pairs
of a quadruplet. It obtains latents by resizing the image to 224 pixels and encoding it with SDXL's VAE.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
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
from torchvision.transforms.functional import to_tensor
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    ConvNextImageProcessor,
    ResNetConfig,
    ResNetModel,
    ViTConfig,
    ViTImageProcessor,
    ViTModel,
)
from transformers.utils.logging import disable_progress_bar

from benchmarks.synthesis import full_vae, processor
from tests.tiny_encoders import save_clip, save_timm
from untold.data.parquet import read_arrays, write_arrays
from untold.data.vectors import unit
from untold.images.decode import decode
from untold.models.encoders import ImageEncoder, fast_bfloat16, load_encoder
from untold.study.schema_encoders import OpenClip, Timm

PIXELS = 768
BATCH = 128


def load(folder: Path, dtype: str) -> dict[str, ImageEncoder]:
    """Load the three full-size encoders, and create their weights if they do not exist."""
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
    """Write images that cost a PNG decoder as much as photographs: smooth shapes with a little noise."""
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
    """Embed as the workflow's jobs do: one encoder after the other, in batches, with threads that decode ahead."""
    look = partial(decode, max_pixels=2**26)
    return {
        name: np.concatenate([batch["vector"] for batch in encoder.embed(paths, look)])
        for name, encoder in encoders.items()
    }


def one_at_a_time(encoders: dict[str, ImageEncoder], paths: list[Path]) -> None:
    """Embed every image separately, decoding it again for every model."""
    for path in paths:
        for encoder in encoders.values():
            with Image.open(path) as image, torch.inference_mode():
                encoder.forward(encoder.transform(image.convert("RGB"))[None].to(encoder.device))


class Original:
    """The models of the original study and its processing of a quadruplet of images."""

    def __init__(self, folder: Path) -> None:
        self.dino = folder / "dino-vits16"
        small = ViTConfig(hidden_size=384, num_attention_heads=6, intermediate_size=1536)
        ViTModel(small, add_pooling_layer=False).save_pretrained(self.dino)
        ViTImageProcessor().save_pretrained(self.dino)
        self.clip = CLIPModel(CLIPConfig()).eval()
        self.clip_processor = CLIPImageProcessor()
        self.resnet = ResNetModel(ResNetConfig()).eval()
        self.resnet_processor = ConvNextImageProcessor(size={"shortest_edge": 224}, crop_pct=0.875)
        self.vae = full_vae().eval()

    def tokens(self, *images: Image.Image) -> list[torch.Tensor]:
        """Compute DINO's tokens of one image or of a pair, loading the model for each call."""
        processor = ViTImageProcessor.from_pretrained(self.dino)
        pixels = [processor(images=image, return_tensors="pt").pixel_values for image in images]
        model = ViTModel.from_pretrained(self.dino, add_pooling_layer=False).eval()
        return [model(each).last_hidden_state for each in pixels]

    def embed(self, paths: list[Path], *, latents: bool) -> None:
        """Compute everything that the similarities of quadruplets need; the neutral image comes first in each."""
        for start in range(0, len(paths), 4):
            images = [Image.open(path).convert("RGB") for path in paths[start : start + 4]]
            pairs = [(images[0], other) for other in images[1:]]
            with torch.inference_mode():
                for image in images:
                    self.clip.get_image_features(**self.clip_processor(images=image, return_tensors="pt"))
                for image in chain.from_iterable(pairs):
                    self.resnet(**self.resnet_processor(image.resize((224, 224)), return_tensors="pt"))
                for image in images:
                    self.tokens(image)
                for image in images if latents else ():
                    pixels = to_tensor(image.resize((224, 224)))[None]
                    self.vae.encode(pixels).latent_dist.sample()
                for pair in pairs:
                    self.tokens(*pair)


def seconds(work: Callable[[], object], repeats: int = 1) -> Iterator[float]:
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        yield time.perf_counter() - begun


def parquet(folder: Path) -> None:
    """Compare the size and the reading time of a study's vectors in both formats."""
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


def main(*, images: int = 96, quadruplets: int = 2, rounds: int = 3) -> None:
    """Print the tables.

    Parameters
    ----------
    images
        Number of images embedded as in the workflow; a quarter of them are also embedded one at a time.
    quadruplets
        Number of quadruplets embedded with the method of the original study.
    rounds
        Number of timings of every variant, in turn; the fastest counts.
    """
    torch.set_flush_denormal(True)
    disable_progress_bar()
    kinds = ["float32", "bfloat16"] if fast_bfloat16() else ["float32"]
    with tempfile.TemporaryDirectory() as scratch:
        paths = pictures(Path(scratch) / "pictures", images)
        models = Path(scratch) / "models"
        loaded = {kind: load(models, kind) for kind in kinds}
        original = Original(models)
        single, few = paths[: max(1, images // 4)], paths[: 4 * quadruplets]
        vectors: dict[str, dict[str, np.ndarray]] = {}
        whole, study = "float32, the original study's way", "float32, the original study's way but for the latents"
        one = "float32, one image at a time, each model decodes"
        ways = {
            whole: (len(few), lambda: original.embed(few, latents=True)),
            study: (len(few), lambda: original.embed(few, latents=False)),
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
        print("| way | s/image | times as fast as one at a time | the original but for latents | the original |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for way, found in times.items():
            ratios = [min(times[other]) / min(found) for other in (one, study, whole)]
            print(f"| {way} | {min(found):.3f} | {ratios[0]:.2f} | {ratios[1]:.1f} | {ratios[2]:.1f} |")
        for name in loaded["float32"] if "bfloat16" in vectors else ():
            cosines = (unit(vectors["float32"][name]) * unit(vectors["bfloat16"][name])).sum(1)
            print(f"\n{name}: cosine between float32 and bfloat16 at least 1 - {1 - cosines.min():.1e}", end="")
        print()
        parquet(Path(scratch))


if __name__ == "__main__":
    cyclopts.run(main)
