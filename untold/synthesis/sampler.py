"""A text-to-image pipeline whose pictures depend on their seed but not on the rest of their batch.

This module is about how pixels are computed: devices, types, batches, noise, decoding. ``shard.py`` decides what to
generate and where to keep it.
"""

import inspect
import json
import logging
import os
import platform
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    DiffusionPipeline,
    EulerAncestralDiscreteScheduler,
    StableDiffusionXLPipeline,
)
from diffusers.utils import logging as diffusers_logging
from torch import Tensor
from transformers.utils import logging as transformers_logging

from untold.base.devices import device
from untold.study.schema_synthesis import Synthesis
from untold.synthesis.pictures import is_constant
from untold.synthesis.requests import Request, Sample

log = logging.getLogger(__name__)

# A GPU gains little beyond this; a CPU saves only the overhead of the loop.
LARGEST_BATCH = 16
CPU_BATCH = 16
# Prompts per call of the text encoders, fixed so that an embedding does not depend on its neighbours.
TEXT_BATCH = 16
# Conservative estimates of memory per megapixel (2**20 pixels) in float16: a guided sample in the UNet, and the VAE
# decoding one image. Running out of memory halves the batch, so a wrong estimate only costs time.
SAMPLE_BYTES = 1.2 * 2**30
DECODE_BYTES = 4.5 * 2**30
# Pixels that the VAE decodes at once: eight of the miniature's images, which take half the time of single ones.
DECODED_PIXELS = 2**15


def denoiser_type(profile: str, on: torch.device) -> torch.dtype:
    """Data type of the denoiser: float16 for ``fast`` on a GPU, else float32.

    Float16 keeps 11 significant bits of the latents where bfloat16 keeps 8. Neither is used on a CPU, because most CPUs
    emulate them slowly.
    """
    return torch.float16 if profile == "fast" and on.type == "cuda" else torch.float32


def vae_config(folder: Path, vae: Path | None) -> dict:
    """Configuration of the VAE that decodes: the pipeline's own or another.

    Raises
    ------
    ValueError
        If the folder does not contain a diffusers pipeline with a VAE.
    """
    path = (vae or folder / "vae") / "config.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist: the model must be a folder saved by diffusers") from None


def latent_shape(config: Mapping, width: int, height: int) -> tuple[int, int, int]:
    """Channels, rows and columns of the latents of an image, from the VAE's configuration.

    Raises
    ------
    ValueError
        If the size does not fit the VAE.
    """
    factor = 2 ** (len(config["block_out_channels"]) - 1)
    if width % factor or height % factor:
        raise ValueError(f"synthesis.width and synthesis.height must be multiples of {factor} for this model")
    return config["latent_channels"], height // factor, width // factor


def decoder_type(config: Mapping, denoiser: torch.dtype) -> torch.dtype:
    """Data type of the VAE: the denoiser's, or float32 if its configuration says it overflows in float16 (SDXL's)."""
    return torch.float32 if config.get("force_upcast") else denoiser


def choose_batch(free: int, pixels: int, element: int) -> int:
    """Batch size, a power of two up to 16, that fits into the free memory of a GPU.

    Parameters
    ----------
    free : int
        Free memory in bytes, after loading the weights.
    pixels : int
        Width x height of an image.
    element : int
        Bytes per number: 2 for float16, 4 for float32.
    """
    scale = pixels / 2**20 * element / 2
    room = (0.9 * free - DECODE_BYTES * scale) / (SAMPLE_BYTES * scale)
    return 2 ** int(np.log2(np.clip(room, 1, LARGEST_BATCH)))


def choose_threads(batch: int, available: int) -> int:
    """Number of CPU threads that divides a batch into equal parts of a multiple of four images.

    With unequal parts, a matrix product uses different kernels for different rows, and the last bits of an image depend
    on its place in the batch. With equal parts they do not, although they may still depend on the number of threads and
    on the device.
    """
    threads = 1
    while threads * 2 <= available and batch % (threads * 8) == 0:
        threads *= 2
    return threads


class Sampler:
    """A loaded pipeline that generates images from requests.

    Parameters
    ----------
    folder : Path
        Directory that ``DiffusionPipeline.from_pretrained`` loads; safetensors only, nothing is downloaded.
    vae : Path or None
        Replacement VAE for the ``fast`` profile.
    synthesis : Synthesis
        Sampler settings.
    variant : str or None
        Variant of the weights, such as ``fp16``.

    Attributes
    ----------
    batch_size : int
        Rows in every call of the denoiser; the last batch is padded. Halved if memory runs out.
    facts : dict
        Device, types and versions, for the provenance.
    """

    def __init__(self, folder: Path, vae: Path | None, synthesis: Synthesis, variant: str | None) -> None:
        # Denormals make CPU convolutions many times slower and make no difference to a picture.
        torch.set_flush_denormal(True)
        # cuBLAS is deterministic only with a workspace of fixed size, which is read when CUDA starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        diffusers_logging.disable_progress_bar()
        transformers_logging.disable_progress_bar()
        self.settings = synthesis
        self.device = device()
        self.dtype = denoiser_type(synthesis.profile, self.device)
        self._decoder_type = decoder_type(vae_config(folder, vae), self.dtype)
        parts = {}
        if vae:
            parts["vae"] = AutoencoderKL.from_pretrained(vae, dtype=self._decoder_type, use_safetensors=True)
        try:
            self.pipe = DiffusionPipeline.from_pretrained(
                folder,
                dtype={"vae": self._decoder_type, "default": self.dtype},
                use_safetensors=True,
                variant=variant,
                local_files_only=True,
                **parts,
            )
        except OSError as error:
            remedy = "only safetensors are loaded, and models.<name>.variant chooses among weights such as fp16"
            raise OSError(f"{folder}: {error}; {remedy}") from error
        self.pipe.set_progress_bar_config(disable=True)
        if getattr(self.pipe, "safety_checker", None) is not None:
            # The safety checker would replace by black pictures what is to be measured.
            self.pipe.safety_checker = None
        self._accepted = inspect.signature(type(self.pipe).__call__).parameters
        self._set_scheduler()
        self._embeddings: dict[tuple[str, str], dict[str, Tensor]] = {}
        self._compiled = self._offloaded = self._ready = False
        self.batch_size = synthesis.batch_size or CPU_BATCH
        self.facts: dict[str, object] = {
            "device": torch.cuda.get_device_name() if self.device.type == "cuda" else platform.processor() or "cpu",
            "dtype": type_name(self.dtype),
            "decode_dtype": type_name(self._decoder_type),
            "pipeline": type(self.pipe).__name__,
            "scheduler": type(self.pipe.scheduler).__name__,
            "versions": {name: version(name) for name in ("torch", "diffusers", "transformers")},
        }

    def _set_scheduler(self) -> None:
        if self.settings.scheduler == "model":
            return
        config = self.pipe.scheduler.config
        if "FlowMatch" in type(self.pipe.scheduler).__name__:
            raise ValueError("synthesis.scheduler: euler_ancestral does not fit a flow-matching model; set it to model")
        with warnings.catch_warnings(action="ignore"):  # settings that only the other scheduler has
            self.pipe.scheduler = EulerAncestralDiscreteScheduler.from_config(config)

    @contextmanager
    def _exact(self) -> Iterator[None]:
        """Apply settings that are global to PyTorch while computing.

        On a CPU, use a number of threads that divides the batch evenly; in ``reference``, use deterministic kernels and
        no TF32.
        """
        reference = self.settings.profile == "reference"
        threads = torch.get_num_threads()
        deterministic, tf32 = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.allow_tf32
        if self.device.type == "cpu":
            torch.set_num_threads(choose_threads(self.batch_size, threads))
        debugging: Any = torch.utils.deterministic
        filled = debugging.fill_uninitialized_memory
        torch.use_deterministic_algorithms(reference)
        # This debugging aid costs one pass over every new tensor.
        debugging.fill_uninitialized_memory = False
        torch.backends.cudnn.allow_tf32 = tf32 and not reference
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic)
            debugging.fill_uninitialized_memory = filled
            torch.backends.cudnn.allow_tf32 = tf32

    # -- text ---------------------------------------------------------------------------------------------------

    def prepare(self, requests: Sequence[Request]) -> None:
        """Embed the prompts once (SDXL only) and move the denoiser to the device.

        Other pipelines embed the prompts of each batch themselves.
        """
        with self._exact():
            if isinstance(self.pipe, StableDiffusionXLPipeline):
                self._embed(dict.fromkeys((request.prompt, request.negative) for request in requests))
            elif any(request.negative for request in requests) and "negative_prompt" not in self._accepted:
                log.warning("%s takes no negative prompt: it is left out", type(self.pipe).__name__)
            self._settle()

    @torch.no_grad()
    def _embed(self, pairs: dict[tuple[str, str], None]) -> None:
        encoders = [part for part in (self.pipe.text_encoder, self.pipe.text_encoder_2) if part is not None]
        for encoder in encoders:
            encoder.to(self.device)
        negatives: dict[str, tuple[Tensor, Tensor]] = {}
        for batch in _batches(list(pairs), TEXT_BATCH):
            padded = batch + [batch[-1]] * (TEXT_BATCH - len(batch))
            positive, negative, pooled, negative_pooled = self.pipe.encode_prompt(
                prompt=[prompt for prompt, _ in padded],
                # For SDXL, None means no negative prompt (zeros), whereas "" is a text.
                negative_prompt=[text for _, text in padded] if all(text for _, text in padded) else None,
                device=self.device,
            )
            for row, pair in enumerate(batch):
                # Most prompts share one negative prompt, which is kept only once.
                shared = negatives.setdefault(pair[1], (negative[row].cpu(), negative_pooled[row].cpu()))
                self._embeddings[pair] = {
                    "prompt_embeds": positive[row].cpu(),
                    "pooled_prompt_embeds": pooled[row].cpu(),
                    "negative_prompt_embeds": shared[0],
                    "negative_pooled_prompt_embeds": shared[1],
                }
        self.pipe.register_modules(text_encoder=None, text_encoder_2=None)

    # -- memory -------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Move the pipeline to the device, compile it, and choose the batch size."""
        if self.device.type == "cuda":
            fast = self.settings.profile == "fast"
            name = "unet" if getattr(self.pipe, "unet", None) is not None else "transformer"
            denoiser = getattr(self.pipe, name)
            if fast and name == "unet":
                denoiser.to(memory_format=torch.channels_last)
                self.pipe.vae.to(memory_format=torch.channels_last)
            torch.cuda.empty_cache()  # of the text encoders, which are gone
            free, total = torch.cuda.mem_get_info()
            parts = [part for part in self.pipe.components.values() if isinstance(part, torch.nn.Module)]
            weights = sum(tensor.nbytes for part in parts for tensor in part.state_dict().values())
            if weights > 0.8 * free:
                log.warning(
                    "the model needs %.1f GiB and %.1f of %.1f GiB of GPU memory are free: "
                    "its parts are moved to the GPU one after the other, which is slower",
                    weights / 2**30,
                    free / 2**30,
                    total / 2**30,
                )
                self.pipe.enable_model_cpu_offload()
                self._offloaded = True
            else:
                self.pipe.to(self.device)
                if fast:
                    compiled = torch.compile(denoiser, mode="reduce-overhead", fullgraph=True, dynamic=False)
                    setattr(self.pipe, name, compiled)
                    self._compiled = True
            if self.settings.batch_size is None:
                free, _ = torch.cuda.mem_get_info()
                if self._offloaded:
                    free -= max(sum(tensor.nbytes for tensor in part.state_dict().values()) for part in parts)
                pixels = self.settings.width * self.settings.height
                self.batch_size = choose_batch(free, pixels, self.dtype.itemsize)
                log.info("batch size %d, from %.1f GiB of free GPU memory", self.batch_size, free / 2**30)
        self._ready = True
        self.facts |= {"compiled": self._compiled, "offloaded": self._offloaded}

    # -- pictures -----------------------------------------------------------------------------------------------

    def run(self, requests: Sequence[Request]) -> Iterator[list[Sample]]:
        """Generate the images in order, one batch at a time.

        Yields
        ------
        list of Sample
            One per request, without the padding.
        """
        if not self._ready:
            self.prepare(requests)
        start = 0
        while start < len(requests):
            batch = list(requests[start : start + self.batch_size])
            try:
                with self._exact():
                    latents = self.latents(batch)
            except torch.OutOfMemoryError:
                if self.batch_size == 1:
                    raise
                self.batch_size //= 2
                torch.cuda.empty_cache()
                log.warning("out of GPU memory: the batch size is halved to %d", self.batch_size)
                continue
            with self._exact():
                samples = self._finish(latents)
            yield samples
            start += len(batch)

    @torch.no_grad()
    def latents(self, batch: Sequence[Request]) -> Tensor:
        """The sampler's final latents for one batch, shape (len(batch), channels, height, width).

        Each image has its own CPU generator, so its noise depends only on its seed. The batch is padded to its fixed
        size, so rounding does not depend on the number of neighbours (docs/performance.md, "SDXL").
        """
        padded = [*batch, *[batch[-1]] * (self.batch_size - len(batch))]
        arguments = {
            "num_inference_steps": self.settings.steps,
            "guidance_scale": self.settings.guidance,
            "width": self.settings.width,
            "height": self.settings.height,
            "generator": [torch.Generator("cpu").manual_seed(request.noise_seed) for request in padded],
            "output_type": "latent",
            "return_dict": False,
        }
        if self._embeddings:
            rows = [self._embeddings[request.prompt, request.negative] for request in padded]
            arguments |= {name: torch.stack([row[name] for row in rows]).to(self.device) for name in rows[0]}
        else:
            arguments["prompt"] = [request.prompt for request in padded]
            arguments["negative_prompt"] = [request.negative for request in padded]
        latents = self.pipe(**{name: value for name, value in arguments.items() if name in self._accepted})[0]
        if latents.ndim == 3:  # FLUX packs 2 x 2 latents into a token
            latents = self.pipe._unpack_latents(
                latents, self.settings.height, self.settings.width, self.pipe.vae_scale_factor
            )
        return latents[: len(batch)]

    def _finish(self, latents: Tensor) -> list[Sample]:
        """Decode, check the result, and retry failed images once in float32."""
        images, finite = self._decode(latents)
        kept = latents.float().cpu().numpy()
        samples = []
        for row in range(len(latents)):
            reason = _flaw(kept[row], images[row], finite[row])
            if reason and np.isfinite(kept[row]).all() and self._decoder_type != torch.float32:
                log.warning("an image %s: decoding it once more in float32", reason)
                self.pipe.vae.to(dtype=torch.float32)
                again, whole = self._decode(latents[row : row + 1])
                self.pipe.vae.to(dtype=self._decoder_type)
                images[row], reason = again[0], _flaw(kept[row], again[0], whole[0])
            samples.append(Sample(None if reason else images[row], kept[row].astype(np.float16), reason))
        return samples

    @torch.no_grad()
    def _decode(self, latents: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Pixels, uint8 (n, height, width, 3), and whether the decoder's output was finite, bool (n,).

        Large images are decoded one at a time: one fills a GPU, memory stays small, and neighbours cannot matter. Small
        images are decoded together, in batches of a fixed size.
        """
        vae = self.pipe.vae
        config = vae.config
        latents = latents.to(vae.dtype)
        mean, std = (getattr(config, name, None) for name in ("latents_mean", "latents_std"))
        if mean is not None and std is not None:
            shape = (1, len(mean), 1, 1)
            latents = latents * latents.new_tensor(std).view(shape) / config.scaling_factor
            latents = latents + latents.new_tensor(mean).view(shape)
        else:
            latents = latents / config.scaling_factor + (getattr(config, "shift_factor", None) or 0)
        size = max(1, DECODED_PIXELS // (self.settings.width * self.settings.height))
        padded = torch.cat([latents, *[latents[-1:]] * (-len(latents) % size)])
        images, finite = [], []
        for batch in padded.split(size):
            pixels = vae.decode(batch, return_dict=False)[0]
            finite.append(torch.isfinite(pixels).flatten(1).all(dim=1))
            pixels = (pixels.float().nan_to_num() / 2 + 0.5).clamp(0, 1) * 255
            images.append(pixels.round().to(torch.uint8).permute(0, 2, 3, 1))
        wanted = slice(len(latents))
        return torch.cat(images)[wanted].cpu().numpy(), torch.cat(finite)[wanted].cpu().numpy()


def _flaw(latents: np.ndarray, image: np.ndarray, finite: bool) -> str:
    """Reason to reject an image, or an empty string."""
    if not np.isfinite(latents).all():
        return "has latents that are not finite"
    if not finite:
        return "is not finite where it was decoded"
    return "is constant" if is_constant(image) else ""


def _batches(items: list, size: int) -> Iterator[list]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def type_name(kind: torch.dtype) -> str:
    """Name of a data type, such as ``float16``."""
    return str(kind).removeprefix("torch.")
