"""Measure how much images and vectors differ between devices: the tolerance of "the same pictures every time".

Run ``python -m benchmarks.devices`` in the root of the repository. The model of the default study generates the same
images on this CPU, again with one thread, and with the instruction sets of older processors. If there is a GPU, both
profiles also run on it. Each variant runs in its own process, because libraries choose their instructions only once.
The images are embedded on the device that generated them.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cyclopts
import numpy as np
import torch
import yaml
from PIL import Image

from benchmarks.synthesis import cooking, machine, requests_of
from untold.data.vectors import unit
from untold.models.encoders import load_encoder
from untold.study.schema import parse_study
from untold.synthesis.sampler import Sampler

STUDY = Path("config/config.yaml")
CPU = {"CUDA_VISIBLE_DEVICES": ""}
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
SSE4 = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}
# Environment variables and profile of each variant. The first variant is the baseline of the comparison.
WAYS = {
    "CPU": (CPU, "reference"),
    "CPU again": (CPU, "reference"),
    "CPU, one thread": (CPU | {"OMP_NUM_THREADS": "1"}, "reference"),
    "CPU, AVX2 instructions": (CPU | AVX2, "reference"),
    "CPU, SSE4 instructions": (CPU | SSE4, "reference"),
}
ON_GPU = {"GPU, reference": ({}, "reference"), "GPU, fast": ({}, "fast")}

app = cyclopts.App()


@app.command
def make(out: Path, *, images: int, profile: str) -> None:
    """Generate and embed the images, and write the arrays to a file."""
    torch.set_flush_denormal(True)
    study = parse_study(yaml.safe_load(STUDY.read_text()), str(STUDY))
    people = study.datasets["people"]
    settings = people.synthesis.model_copy(update={"profile": profile})
    sampler = Sampler(Path(study.models[people.model].source.folder), None, settings, None)
    samples = [sample for batch in sampler.run(requests_of(cooking(people.prompts, images))) for sample in batch]
    arrays = {name: np.stack([getattr(sample, name) for sample in samples]) for name in ("image", "latents")}
    for name, chosen in study.encoders.items():
        encoder = load_encoder(chosen)
        pictures = [encoder.transform(Image.fromarray(image)) for image in arrays["image"]]
        with torch.inference_mode():
            batches = torch.stack(pictures).to(encoder.device).split(encoder.batch_size)
            arrays[name] = np.concatenate([encoder.forward(batch)["vector"] for batch in batches])
    np.savez(out, **arrays)


@app.default
def compare(*, images: int = 64) -> None:
    """Print the table.

    Parameters
    ----------
    images
        Number of images per variant.
    """
    ways = WAYS | (ON_GPU if torch.cuda.is_available() else {})
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        for way, (changes, profile) in ways.items():
            file = Path(scratch) / "made.npz"
            command = [sys.executable, "-m", "benchmarks.devices", "make", file, "--images", images]
            command += ["--profile", profile]
            subprocess.run([str(word) for word in command], env=os.environ | changes, check=True)
            with np.load(file) as arrays:
                found[way] = dict(arrays)
    base = found.pop("CPU")
    encoders = [name for name in base if name not in ("image", "latents")]
    print(f"{machine()}; torch {torch.__version__}; {len(base['image'])} images of {base['image'].shape[1]} px\n")
    columns = ["way", "equal images", "pixels: mean, largest of 255", "latents, largest"]
    columns += [f"{name}, 1 - cosine" for name in encoders]
    print("| " + " | ".join(columns) + " |")
    print("| --- |" + " ---: |" * len(columns[1:]))
    for way, arrays in found.items():
        pixels = np.abs(arrays["image"].astype(int) - base["image"])
        latents = np.abs(arrays["latents"].astype(np.float32) - base["latents"].astype(np.float32))
        # This equals 1 - cosine; computed directly, it would be lost in float32 rounding.
        apart = [((unit(arrays[name]) - unit(base[name])) ** 2).sum(1).max() / 2 for name in encoders]
        print(
            f"| {way} | {(pixels.max((1, 2, 3)) == 0).mean():.0%} | {pixels.mean():.4f}, {pixels.max()} "
            f"| {latents.max():.4f} | " + " | ".join(f"{distance:.0e}" for distance in apart) + " |"
        )


if __name__ == "__main__":
    app()
