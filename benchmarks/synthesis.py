"""Time synthesis: the method of the original study against both profiles, side by side in one run.

Run ``python -m benchmarks.synthesis --device cuda`` in the root of the repository. It uses SDXL's full architecture
with random weights, which take the same time as trained ones, need no download and take 7 GB of disk. ``--device cpu``
uses the embedded miniature, or full-size SDXL with ``--architecture sdxl`` (slow, and needs 20 GB of memory). Times are
for the steady state: the model is loaded, compiled and warm, and the prompts are embedded. They include denoising,
decoding and writing. The share of the time in which the GPU computes nothing comes from its own record of a few batches
more. The goals are in docs/performance.md.
"""

import gc
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import cyclopts
import numpy as np
import pandas as pd
import torch
from diffusers import (
    AutoencoderKL,
    DiffusionPipeline,
    EulerAncestralDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from PIL import Image
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from tests.tiny import BETAS, tokenizer
from untold.study.activities import Activity
from untold.study.schema_prompts import Prompts
from untold.study.schema_synthesis import Synthesis
from untold.synthesis import sampler
from untold.synthesis.cost import matmul_rate
from untold.synthesis.prompts import write_prompts
from untold.synthesis.requests import Request
from untold.synthesis.shard import Shard, fill_shard, recipe
from untold.synthesis.store import Store

MINIATURE = Path("resources/miniature/sdxl")
IDENTITY = {"model": "benchmark", "vae": None}
# The prompts of the study; the words do not matter with random weights.
PROMPTS = Prompts(
    neutral="An ultra realistic portrait photo of a person {activity}",
    groups={
        "young": "An ultra realistic portrait photo of a 25 years-old young person {activity}",
        "middle": "An ultra realistic portrait photo of a 45 year-old middle-aged person {activity}",
        "older": "An ultra realistic portrait photo of a 75 years-old older person {activity}",
    },
    negative="painting, cartoon, anime",
)


@dataclass
class Timing:
    """Timing of one method of synthesis."""

    way: str
    images: int
    seconds: float  # to generate, decode and write ``images`` in the steady state
    start: float  # seconds of preparation: loading, compiling, embedding the prompts and the first batch
    idle: float | None  # share of the time in which the GPU computed nothing, while batches followed one another
    memory: float | None  # peak GPU memory in GiB
    pictures: dict[Request, np.ndarray]

    @property
    def rate(self) -> float:
        """Images per second."""
        return self.images / self.seconds


def full_vae() -> AutoencoderKL:
    """Build SDXL's full-size VAE with random weights."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        sample_size=1024,
        scaling_factor=0.13025,
    )


def full_size(folder: Path) -> Path:
    """Save SDXL base with random float16 weights; ``vae_fast`` holds a VAE that can decode in float16."""
    if (folder / "model_index.json").is_file():
        return folder
    torch.manual_seed(0)
    # Created on the device that uses them: on a CPU, drawing the random numbers alone takes minutes.
    with sampler.device():
        unet = UNet2DConditionModel(
            sample_size=128,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            block_out_channels=(320, 640, 1280),
            transformer_layers_per_block=(1, 2, 10),
            attention_head_dim=(5, 10, 20),
            cross_attention_dim=2048,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816,
        )
        vae = full_vae()
        vocabulary = {"bos_token_id": 512, "eos_token_id": 513, "pad_token_id": 513}
        small = CLIPTextConfig(
            hidden_size=768,
            intermediate_size=3072,
            num_hidden_layers=12,
            num_attention_heads=12,
            projection_dim=768,
            **vocabulary,
        )
        large = CLIPTextConfig(
            hidden_size=1280,
            intermediate_size=5120,
            num_hidden_layers=32,
            num_attention_heads=20,
            projection_dim=1280,
            hidden_act="gelu",
            **vocabulary,
        )
        encoders = CLIPTextModel(small), CLIPTextModelWithProjection(large)
    for part in (unet, vae, *encoders):
        part.half()
    vae.register_to_config(force_upcast=False)
    vae.save_pretrained(folder / "vae_fast")
    vae.register_to_config(force_upcast=True)
    StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=encoders[0],
        text_encoder_2=encoders[1],
        tokenizer=tokenizer(folder / "tokenizer", 77),
        tokenizer_2=tokenizer(folder / "tokenizer_2", 77),
        unet=unet,
        scheduler=EulerAncestralDiscreteScheduler(**BETAS),
        add_watermarker=False,
    ).save_pretrained(folder)
    del unet, vae, encoders
    torch.cuda.empty_cache()
    return folder


def original(folder: Path, settings: Synthesis, requests: list[Request], out: Path) -> Timing:
    """Time the method of the original study: float32, one prompt at a time, all memory savings, saving in the loop."""
    begun = time.perf_counter()
    pipe = DiffusionPipeline.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
    pipe.scheduler = EulerAncestralDiscreteScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    way = "original study: float32, one prompt at a time, attention slicing"
    try:
        pipe.enable_xformers_memory_efficient_attention()
        way += ", xformers"
    except (ModuleNotFoundError, ValueError):
        way += ", no xformers here"
    pipe.enable_attention_slicing("auto")
    if torch.cuda.is_available():
        pipe.enable_sequential_cpu_offload()
        way += ", sequential offload"

    def make(request: Request) -> np.ndarray:
        image = pipe(
            prompt=request.prompt,
            negative_prompt=request.negative,
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance,
            width=settings.width,
            height=settings.height,
            generator=torch.Generator("cpu").manual_seed(request.noise_seed),
        ).images[0]
        image.save(out / f"{len(list(out.iterdir()))}.png")
        return np.asarray(image)

    out.mkdir(parents=True)
    start = time.perf_counter() - begun
    make(requests[0])
    _reset()
    begun = time.perf_counter()
    pictures = {request: make(request) for request in requests}
    return Timing(way, len(requests), _since(begun), start, None, _memory(), pictures)


def ours(
    folder: Path, vae: Path | None, settings: Synthesis, prompts: pd.DataFrame, out: Path
) -> tuple[Timing, sampler.Sampler]:
    """Time one of the workflow's profiles with the code that a shard job runs."""
    requests = requests_of(prompts)
    begun = time.perf_counter()
    model = sampler.Sampler(folder, vae, settings, None)
    model.prepare(requests)
    warm = [sample for batch in model.run(requests[: model.batch_size]) for sample in batch]  # compiles
    start = _since(begun)
    recipes = partial(recipe, synthesis=settings, identity=IDENTITY, dtype=model.facts["dtype"])

    def fill(folder: str, some: pd.DataFrame) -> Shard:
        return fill_shard(some, Store(out / folder), recipes, warm[0].latents.shape, lambda: model)

    _reset()
    begun = time.perf_counter()
    shard = fill("timed", prompts)
    seconds = _since(begun)
    memory = _memory()
    if rejected := shard.counts["rejected"]:
        print(f"{rejected} images of {settings.profile} were rejected (random weights); the timing includes them")
    idle = gpu_idle(lambda: fill("profiled", prompts[: 3 * model.batch_size])) if torch.cuda.is_available() else None
    made = shard.manifest[shard.manifest["accepted"]].merge(prompts[["prompt", "seed", "noise_seed"]])
    pictures = {
        Request(row.prompt, row.negative, row.noise_seed): np.asarray(Image.open(row.path)) for row in made.itertuples()
    }
    way = f"{settings.profile}: {model.facts['dtype']}, batch {model.batch_size}"
    way += ", compiled" if model.facts["compiled"] else ""
    return Timing(way, len(requests), seconds, start, idle, memory, pictures), model


def gpu_idle(work: Callable[[], object]) -> float:
    """Share of the time between the first and the last kernel of some work in which no kernel ran."""
    with profile(activities=[ProfilerActivity.CUDA]) as record:
        work()
        torch.cuda.synchronize()
    spans = sorted((event.time_range.start, event.time_range.end) for event in record.events())
    busy, last = 0.0, spans[0][0]
    for start, end in spans:
        busy += max(0.0, end - max(start, last))
        last = max(last, end)
    return 1 - busy / (last - spans[0][0])


def flops(model: sampler.Sampler, request: Request) -> float:
    """Count the floating-point operations of one image, denoising and decoding, on the eager modules."""
    model.batch_size = 1
    model._restore()
    with FlopCounterMode(display=False) as counter:
        list(model.run([request]))
    return counter.get_total_flops()


def cooking(wording: Prompts, images: int) -> pd.DataFrame:
    """Write prompts of one activity for a number of images, with a quadruplet for each seed."""
    activity = [Activity(id="cooking", activity="cooking", category="x", miniature=True)]
    return write_prompts(activity, wording, range(-(-images // 4)), [], "paired").to_pandas().iloc[:images]


def requests_of(prompts: pd.DataFrame) -> list[Request]:
    """Return the image requests of a table of prompts."""
    return [Request(*row) for row in prompts[["prompt", "negative", "noise_seed"]].itertuples(index=False)]


def _since(begun: float) -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def _free() -> None:
    gc.collect()
    torch.cuda.empty_cache()


def _reset() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def _memory() -> float | None:
    return torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else None


def machine() -> str:
    """Return the name of the GPU, or the name of the CPU and its number of threads."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{processor()}, {torch.get_num_threads()} threads"


def processor() -> str:
    """Return the name of the CPU if the system reports it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "a CPU")


def _difference(a: dict[Request, np.ndarray], b: dict[Request, np.ndarray]) -> str:
    common = [np.abs(a[request].astype(int) - b[request]) for request in a.keys() & b.keys()]
    return f"mean {np.mean(common):.2f}, largest {np.max(common)} of 255" if common else "no image in common"


def main(
    *,
    device: Literal["cuda", "cpu"],
    images: int = 64,
    references: int = 8,
    originals: int = 2,
    steps: int = 20,
    size: int | None = None,
    batch: int | None = None,
    architecture: Literal["sdxl", "miniature"] | None = None,
    model: Path | None = None,
    keep: Path | None = None,
) -> None:
    """Print the table.

    Parameters
    ----------
    images, references, originals
        Number of images timed with ``half`` and ``fast``, with ``reference``, and in the way of the original study.
    size
        Side in pixels; 768 for SDXL and 64 for the miniature by default.
    batch
        Batch size; chosen from the free memory by default.
    architecture
        Full-size SDXL with random weights, or the embedded miniature; chosen by the device by default.
    model
        Folder of another model, such as the trained one.
    keep
        Folder in which to keep the random weights for reuse; a temporary folder by default.
    """
    if (device == "cuda") != torch.cuda.is_available():
        raise SystemExit("--device cuda needs a GPU; for --device cpu, hide the GPU with CUDA_VISIBLE_DEVICES= ")
    scratch = Path(tempfile.mkdtemp())
    full = (architecture or ("sdxl" if device == "cuda" else "miniature")) == "sdxl"
    folder = model or (full_size(keep or scratch / "sdxl") if full else MINIATURE)
    vae = folder / "vae_fast" if (folder / "vae_fast").is_dir() else None
    pixels = size or (768 if full else 64)
    settings = Synthesis(
        steps=steps,
        guidance=7.5,
        width=pixels,
        height=pixels,
        scheduler="euler_ancestral",
        profile="reference",
        noise="paired",
        batch_size=batch,
    )
    # What a study would compile for is compiled for here, however few images are timed.
    sampler.COMPILING_PAYS = 0
    counts = {"reference": references, "half": images, "fast": images}
    first = requests_of(cooking(PROMPTS, images))[:originals]
    try:
        timings = [original(folder, settings, first, scratch / "original")]
        for name, count in counts.items():
            _free()
            changed = settings.model_copy(update={"profile": name})
            own = vae if name != "reference" else None
            timing, made = ours(folder, own, changed, cooking(PROMPTS, count), scratch / name)
            timings.append(timing)
            if name != "fast":
                del made
        work, limit = flops(made, first[0]), matmul_rate(made.device, made.dtype)
        exact, name_of_type = matmul_rate(made.device, torch.float32), sampler.type_name(made.dtype)
    finally:
        shutil.rmtree(scratch)
    print(f"\n{machine()}; torch {torch.__version__}; {folder}, {pixels} px, {steps} steps, guidance 7.5")
    rates = f"{limit / 1e12:.3g} TFLOP/s in {name_of_type} and {exact / 1e12:.3g} in float32"
    print(f"{work / 1e12:.3g} TFLOP per image; a matrix product reaches {rates}\n")
    print("| way | s/image | images/s | ratio | of the limit | GPU idle | start, s | GPU memory, GiB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for timing in timings:
        idle = "" if timing.idle is None else f"{timing.idle:.1%}"
        memory = "" if timing.memory is None else f"{timing.memory:.1f}"
        share = timing.rate * work / (exact if "float32" in timing.way else limit)
        print(
            f"| {timing.way} | {1 / timing.rate:.3f} | {timing.rate:.2f} | {timing.rate / timings[0].rate:.1f} "
            f"| {share:.0%} | {idle} | {timing.start:.0f} | {memory} |"
        )
    print(f"\nPixels of reference against the original way: {_difference(timings[1].pictures, timings[0].pictures)}")
    # With random weights, float16 and float32 soon part; pixels of fast and half agree as far as kernels do.
    print(f"Pixels of fast against half: {_difference(timings[3].pictures, timings[2].pictures)}")
    print(json.dumps({"facts": made.facts}, sort_keys=True))


if __name__ == "__main__":
    cyclopts.run(main)
