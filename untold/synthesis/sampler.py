"""A text-to-image pipeline whose pictures depend on their seed but not on the rest of their batch.

This module is about how pixels are computed: devices, types, batches, noise, decoding. ``shard.py`` decides what to
generate and where to keep it.
"""

import gc
import inspect
import json
import logging
import os
import platform
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    DiffusionPipeline,
    StableDiffusionXLPipeline,
)
from diffusers import schedulers as published
from diffusers.utils import logging as diffusers_logging
from torch import Tensor
from transformers.utils import logging as transformers_logging

from untold.base.devices import MachineError, device
from untold.base.files import atomic
from untold.base.pipeline import pipeline_problem
from untold.study.schema_synthesis import SCHEDULERS, Synthesis
from untold.synthesis.requests import Request, Sample

log = logging.getLogger(__name__)
Computed = TypeVar("Computed")

# A GPU gains little beyond this; a CPU saves only the overhead of the loop.
LARGEST_BATCH = 16
CPU_BATCH = 16
# Prompts per call of the text encoders, fixed so that an embedding does not depend on its neighbours.
TEXT_BATCH = 16
# Memory per megapixel (2**20 pixels) in float16: a guided sample in the UNet, and the VAE decoding one image. SDXL was
# measured at 0.31 and 1.5 GiB; the rest is for the workspaces of its libraries. Running out of memory halves the batch,
# so a wrong estimate only costs time.
SAMPLE_BYTES = 0.5 * 2**30
DECODE_BYTES = 2.5 * 2**30
# Denoising steps of a shard from which compiling repays its start: on an H100 it saves 7.6 ms a step, and costs 26 s
# from a cache and 120 s without one (benchmarks/README.md).
COMPILING_PAYS = 8_000
# How PyTorch says that a library ran out of GPU memory, where it is no OutOfMemoryError.
OUT_OF_MEMORY = re.compile(r"CU(DNN|BLAS|SOLVER)_STATUS_(ALLOC_FAILED|NOT_INITIALIZED)|out of memory", re.IGNORECASE)
# Pixels that the VAE decodes at once: eight of the miniature's images, which take half the time of single ones.
DECODED_PIXELS = 2**15


def denoiser_type(profile: str, on: torch.device) -> torch.dtype:
    """Data type of the denoiser: float16 on a GPU unless the profile is ``reference``, else float32.

    Float16 keeps 11 significant bits of the latents where bfloat16 keeps 8. Neither is used on a CPU, because most CPUs
    emulate them slowly.
    """
    return torch.float16 if profile != "reference" and on.type == "cuda" else torch.float32


def vae_config(folder: Path, vae: Path | None) -> dict:
    """Configuration of the VAE that decodes: the pipeline's own or another.

    Raises
    ------
    ValueError
        If the folder does not contain a pipeline that can be used.
    """
    if problem := pipeline_problem(folder):
        raise ValueError(problem)
    return json.loads(((vae or folder / "vae") / "config.json").read_text(encoding="utf-8"))


def latent_shape(config: Mapping, width: int, height: int) -> tuple[int, int, int]:
    """Channels, rows and columns of the latents of an image, from the VAE's configuration.

    Raises
    ------
    ValueError
        If the size does not fit the VAE.
    """
    blocks = config.get("encoder_block_out_channels") or config["block_out_channels"]  # of Sana's, and of all others
    factor = 2 ** (len(blocks) - 1)
    if width % factor or height % factor:
        raise ValueError(f"synthesis.width and synthesis.height must be multiples of {factor} for this model")
    return config["latent_channels"], height // factor, width // factor


def decoder_type(config: Mapping, denoiser: torch.dtype) -> torch.dtype:
    """Data type of the VAE: the denoiser's, or float32 if it may overflow in float16, as SDXL's does.

    Diffusers takes a configuration without the key to mean that it may.
    """
    return torch.float32 if config.get("force_upcast", True) else denoiser


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


class _FirstStep(Exception):
    """Leaves a pipeline with what its denoiser predicted in the first step."""

    def __init__(self, output: Tensor) -> None:
        super().__init__("the first step is done")
        self.output = output


class Sampler:
    """A loaded pipeline that generates images from requests.

    Parameters
    ----------
    folder : Path
        Directory that ``DiffusionPipeline.from_pretrained`` loads; safetensors only, nothing is downloaded.
    vae : Path or None
        Replacement VAE, which can decode in float16.
    synthesis : Synthesis
        Sampler settings.
    variant : str or None
        Variant of the weights, such as ``fp16``.
    learned : Path, optional
        File in which the batch size that fitted is kept for the next shard.

    Attributes
    ----------
    batch_size : int
        Rows in every call of the denoiser; the last batch is padded. Halved if memory runs out.
    facts : dict
        Device, types, versions, batch size and what was done for want of memory, for the provenance.
    """

    def __init__(
        self,
        folder: Path,
        vae: Path | None,
        synthesis: Synthesis,
        variant: str | None,
        learned: Path | None = None,
    ) -> None:
        # Denormals make CPU convolutions many times slower and make no difference to a picture.
        torch.set_flush_denormal(True)
        # cuBLAS is deterministic only with a workspace of fixed size, which is read when CUDA starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        diffusers_logging.disable_progress_bar()
        transformers_logging.disable_progress_bar()
        self.settings = synthesis
        self.device = device()
        self.dtype = denoiser_type(synthesis.profile, self.device)
        config = vae_config(folder, vae)
        self._shape = latent_shape(config, synthesis.width, synthesis.height)
        self._decoder_type = decoder_type(config, self.dtype)
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
        self._learned = learned
        # The modules that were replaced by compiled ones, by name, and whether the compiled ones have worked.
        self._eager: dict[str, torch.nn.Module] = {}
        self._proven = self._tiled = self._offloaded = self._ready = False
        self._free = 0
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
            raise ValueError(
                f"synthesis.scheduler: {self.settings.scheduler} does not fit a flow-matching model; set it to model"
            )
        with warnings.catch_warnings(action="ignore"):  # settings that only the other scheduler has
            self.pipe.scheduler = getattr(published, SCHEDULERS[self.settings.scheduler]).from_config(config)

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
                pairs = dict.fromkeys((request.prompt, request.negative) for request in requests)
                # For SDXL, None means no negative prompt (zeros), whereas "" is a text.
                self._embed([pair for pair in pairs if pair[1]])
                self._embed([pair for pair in pairs if not pair[1]])
                self.pipe.register_modules(text_encoder=None, text_encoder_2=None)
            elif any(request.negative for request in requests) and "negative_prompt" not in self._accepted:
                log.warning("%s takes no negative prompt: it is left out", type(self.pipe).__name__)
            self._settle(len(requests))

    @torch.no_grad()
    def _embed(self, pairs: Sequence[tuple[str, str]]) -> None:
        encoders = [part for part in (self.pipe.text_encoder, self.pipe.text_encoder_2) if part is not None]
        for encoder in encoders:
            encoder.to(self.device)
        negatives: dict[str, tuple[Tensor, Tensor]] = {}
        for start in range(0, len(pairs), TEXT_BATCH):
            batch = list(pairs[start : start + TEXT_BATCH])
            padded = batch + [batch[-1]] * (TEXT_BATCH - len(batch))
            positive, negative, pooled, negative_pooled = self.pipe.encode_prompt(
                prompt=[prompt for prompt, _ in padded],
                negative_prompt=[text for _, text in padded] if batch[0][1] else None,
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

    # -- memory -------------------------------------------------------------------------------------------------

    def _settle(self, images: int) -> None:
        """Move the pipeline to the device, compile it where that pays, and choose the batch size."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()  # of the text encoders, which are gone
            free, total = torch.cuda.mem_get_info()
            weights = sum(map(_size, self._parts()))
            if self.settings.profile != "reference" and self._denoiser == "unet":
                for part in (self.pipe.unet, self.pipe.vae):
                    part.to(memory_format=torch.channels_last)
            if weights > 0.8 * free:
                log.warning(
                    "the model needs %.1f GiB and %.1f of %.1f GiB of GPU memory are free: "
                    "its parts are moved to the GPU one after the other, which is slower",
                    weights / 2**30,
                    free / 2**30,
                    total / 2**30,
                )
                self._offload()
            else:
                self.pipe.to(self.device)
                if self.settings.profile == "fast":
                    self._compile(images)
            self._choose_batch()
        self._ready = True
        self._note()

    @property
    def _denoiser(self) -> str:
        return "unet" if getattr(self.pipe, "unet", None) is not None else "transformer"

    def _parts(self) -> list[torch.nn.Module]:
        return [part for part in self.pipe.components.values() if isinstance(part, torch.nn.Module)]

    def _offload(self) -> None:
        self.pipe.enable_model_cpu_offload()
        self._offloaded = True

    def _compile(self, images: int) -> None:
        if images * self.settings.steps < COMPILING_PAYS:
            log.info("%d images of %d steps are too few to be worth compiling for", images, self.settings.steps)
            return
        # No CUDA graphs: at these batch sizes the GPU is never out of work, and they keep memory for themselves.
        for owner, name in ((self.pipe, self._denoiser), (self.pipe.vae, "decoder")):
            self._eager[name] = getattr(owner, name)
            setattr(owner, name, torch.compile(self._eager[name], fullgraph=True, dynamic=False))

    def _choose_batch(self) -> None:
        self._free, _ = torch.cuda.mem_get_info()
        if self._offloaded:
            self._free -= max(map(_size, self._parts()))
        if self.settings.batch_size is None:
            pixels = self.settings.width * self.settings.height
            self.batch_size = choose_batch(self._free, pixels, self.dtype.itemsize)
            log.info("batch size %d, from %.1f GiB of free GPU memory", self.batch_size, self._free / 2**30)
        known = self._known_sizes().get(self._memory_key())
        # With more free memory than at that time, the larger batch may fit.
        if known and self._free < 1.1 * known["free"] and known["batch_size"] < self.batch_size:
            self.batch_size = known["batch_size"]
            log.info("batch size %d, because an earlier shard ran out of GPU memory with more", self.batch_size)

    def _memory_key(self) -> str:
        size = f"{self.settings.width} x {self.settings.height}"
        return f"{self.facts['device']}, {self.facts['pipeline']}, {size}, {self.facts['dtype']}"

    def _known_sizes(self) -> dict[str, dict[str, int]]:
        if self._learned is None or not self._learned.is_file():
            return {}
        return json.loads(self._learned.read_text(encoding="utf-8"))

    def _note(self) -> None:
        self.facts |= {
            "batch_size": self.batch_size,
            "compiled": bool(self._eager),
            "offloaded": self._offloaded,
            "tiled": self._tiled,
        }

    # -- failures -----------------------------------------------------------------------------------------------

    def _retreat(self, error: Exception) -> Callable[[], None] | None:
        """What to do before another try, or None if there is no use in one."""
        if isinstance(error, torch.OutOfMemoryError) or (
            isinstance(error, RuntimeError) and OUT_OF_MEMORY.search(str(error))
        ):
            if self.batch_size > 1:
                return self._halve
            if not self._tiled:
                return self._tile
            if not self._offloaded and self.device.type == "cuda":
                return self._offload_late
            raise MachineError(
                "one image at a time does not fit into the memory of the GPU: choose synthesis.profile half, a smaller "
                "synthesis.width and height, or a GPU with more memory; close other programs that use it (nvidia-smi)"
            ) from None
        if self._eager and not self._proven:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"  # of what can be a page

            def go_on() -> None:
                log.warning(
                    "compiling failed (%s): going on without, which is slower; the profile fast needs a C compiler and "
                    "Python's headers (Debian: gcc, python3-dev), which `snakemake check_machine` looks for",
                    reason,
                )
                self._restore()

            return go_on
        return None

    def _restore(self) -> None:
        """Put the modules back that were compiled."""
        for name, module in self._eager.items():
            setattr(self.pipe.vae if name == "decoder" else self.pipe, name, module)
        self._eager = {}
        self._forget()

    def _forget(self) -> None:
        """Free the memory of what failed; graphs and kernels of the larger batch are of no further use."""
        gc.collect()
        if self._eager:
            torch._dynamo.reset()
            self._proven = False
        torch.cuda.empty_cache()

    def _halve(self) -> None:
        self._forget()
        self.batch_size //= 2
        log.warning("out of GPU memory: the batch size is halved to %d", self.batch_size)
        if self._learned is not None:
            self._learned.parent.mkdir(parents=True, exist_ok=True)
            known = self._known_sizes() | {self._memory_key(): {"batch_size": self.batch_size, "free": self._free}}
            with atomic(self._learned) as part:
                part.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    def _tile(self) -> None:
        """Decode an image in parts, whose seams are blended: last bits of its pixels change."""
        self._restore()
        log.warning("out of GPU memory with one image: it is decoded in tiles")
        vae = self.pipe.vae
        vae.enable_tiling()
        if isinstance(vae, AutoencoderKL):
            # By default only images larger than those of the training have more than one tile.
            _, rows, columns = latent_shape(vae.config, self.settings.width, self.settings.height)
            vae.tile_latent_min_size = max(1, min(rows, columns) // 2)
            vae.tile_sample_min_size = vae.tile_latent_min_size * self.settings.height // rows
        self._tiled = True

    def _offload_late(self) -> None:
        self._restore()
        log.warning("out of GPU memory with one image: the model's parts are moved to the GPU one after the other")
        self.pipe.to("cpu")
        self._forget()
        self._offload()

    # -- pictures -----------------------------------------------------------------------------------------------

    def run(self, requests: Sequence[Request]) -> Iterator[list[Sample]]:
        """Generate the images in order, one batch at a time.

        A batch for which the memory does not suffice, or that cannot be compiled, is made again in another way; the
        images before it stay as they are.

        Yields
        ------
        list of Sample
            One per request, without the padding.

        Raises
        ------
        MachineError
            If a single image does not fit into the memory of the GPU.
        """
        return self._batches(requests, lambda batch: self._finish(self.latents(batch)))

    def read(self, requests: Sequence[Request]) -> Iterator[np.ndarray]:
        """What the denoiser predicts from pure noise, one batch at a time: one call of it, and no image.

        Up to a factor and a term that depend on the noise alone, this is the mean of the latents that it would draw,
        whether it predicts noise, velocity or flow. The sampler's settings have to be those of `Synthesis.readout`.

        Yields
        ------
        ndarray of float32, shape (requests of the batch, numbers in the latents of an image)
        """
        scheduler = self.pipe.scheduler
        if "timestep_spacing" in scheduler.config:
            # So that the first step is the last one of the training, from noise without a trace of a picture.
            self.pipe.scheduler = type(scheduler).from_config(scheduler.config, timestep_spacing="trailing")
        return self._batches(requests, self._first_step)

    def _batches(
        self, requests: Sequence[Request], compute: Callable[[Sequence[Request]], Computed]
    ) -> Iterator[Computed]:
        if not self._ready:
            self.prepare(requests)
        start = 0
        while start < len(requests):
            batch = list(requests[start : start + self.batch_size])
            try:
                with self._exact():
                    computed = compute(batch)
            except Exception as error:
                if (retreat := self._retreat(error)) is None:
                    raise
            else:
                self._proven = True
                yield computed
                start += len(batch)
                continue
            # Not inside the clause, where the error still holds the memory of what failed.
            retreat()
            self._note()

    @torch.no_grad()
    def latents(self, batch: Sequence[Request]) -> Tensor:
        """The sampler's final latents for one batch, shape (len(batch), channels, height, width).

        Each image has its own CPU generator, so its noise depends only on its seed. The batch is padded to its fixed
        size, so rounding does not depend on the number of neighbours (docs/performance.md, "SDXL").
        """
        latents = self._call(batch)
        if latents.ndim == 3:  # FLUX packs 2 x 2 latents into a token
            latents = self.pipe._unpack_latents(
                latents, self.settings.height, self.settings.width, self.pipe.vae_scale_factor
            )
        if (found := tuple(latents.shape[1:])) != self._shape:
            raise ValueError(
                f"{type(self.pipe).__name__} made latents of shape {found} where {self._shape} belong to "
                f"{self.settings.width} x {self.settings.height} pixels: choose another synthesis.width and height"
            )
        return latents[: len(batch)]

    @torch.no_grad()
    def _first_step(self, batch: Sequence[Request]) -> np.ndarray:
        """The denoiser's output in its first call, one row per request."""

        def stop(module: torch.nn.Module, arguments: tuple, output: tuple[Tensor, ...]) -> None:
            raise _FirstStep(output[0])

        hook = getattr(self.pipe, self._denoiser).register_forward_hook(stop)
        try:
            self._call(batch)
        except _FirstStep as step:
            predicted = step.output
        finally:
            hook.remove()
        if len(predicted) != self.batch_size:
            raise ValueError(
                f"{type(self.pipe).__name__} calls its denoiser for {len(predicted)} pictures where {self.batch_size} "
                "were asked for: it cannot be asked without guidance, so it has no readout"
            )
        if predicted.ndim == 4:
            predicted = predicted[:, : self._shape[0]]  # some also predict a variance, in as many channels
        return predicted[: len(batch)].flatten(1).float().cpu().numpy()

    def _call(self, batch: Sequence[Request]) -> Tensor:
        """Latents as the pipeline returns them, of a batch that is padded to its fixed size."""
        padded = [*batch, *[batch[-1]] * (self.batch_size - len(batch))]
        arguments = {
            "num_inference_steps": self.settings.steps,
            "guidance_scale": self.settings.guidance,
            "width": self.settings.width,
            "height": self.settings.height,
            "generator": [torch.Generator("cpu").manual_seed(request.noise_seed) for request in padded],
            "output_type": "latent",
            "return_dict": False,
            # Where a pipeline has them: the size asked for instead of the nearest one it was trained at, and the prompt
            # as it is written instead of a language model's elaboration.
            "use_resolution_binning": False,
            "complex_human_instruction": None,
            "clean_caption": False,
        }
        if self._embeddings:
            rows = [self._embeddings[request.prompt, request.negative] for request in padded]
            arguments |= {name: torch.stack([row[name] for row in rows]).to(self.device) for name in rows[0]}
        else:
            arguments["prompt"] = [request.prompt for request in padded]
            arguments["negative_prompt"] = [request.negative for request in padded]
        return self.pipe(**{name: value for name, value in arguments.items() if name in self._accepted})[0]

    def _finish(self, latents: Tensor) -> list[Sample]:
        """Decode, check the result on the device, and retry failed images once in float32."""
        images, finite = self._decode(latents)
        sound = torch.isfinite(latents).flatten(1).all(dim=1)
        flaws = _flaws(sound, finite, images)
        for row, flaw in enumerate(flaws):
            if flaw and sound[row] and self._decoder_type != torch.float32:
                log.warning("an image %s: decoding it once more in float32", flaw)
                again, whole = self._decode_exactly(latents[row : row + 1])
                images[row] = again[0]
                flaws[row] = _flaws(sound[row : row + 1], whole, again)[0]
        pixels, kept = _to_host(images, latents.to(torch.float16))
        return [
            Sample(None if flaw else image, own, flaw) for image, own, flaw in zip(pixels, kept, flaws, strict=True)
        ]

    def _decode_exactly(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        vae = self.pipe.vae
        compiled, vae.decoder = vae.decoder, self._eager.get("decoder", vae.decoder)
        vae.to(dtype=torch.float32)
        try:
            return self._decode(latents)
        finally:
            vae.to(dtype=self._decoder_type)
            vae.decoder = compiled

    @torch.no_grad()
    def _decode(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels, uint8 (n, height, width, 3), and whether the decoder's output was finite, bool (n,), on the device.

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
        return torch.cat(images)[wanted], torch.cat(finite)[wanted]


def _flaws(sound: Tensor, finite: Tensor, images: Tensor) -> list[str]:
    """Reason to reject each image, or an empty string.

    Parameters
    ----------
    sound, finite : Tensor of bool, shape (n,)
        Whether the latents and the decoder's output are finite.
    images : Tensor of uint8, shape (n, height, width, 3)
    """
    varied = (images != images[:, :1, :1]).flatten(1).any(dim=1)
    reasons = ("has latents that are not finite", "is not finite where it was decoded", "is constant")
    checks = torch.stack([sound, finite, varied], dim=1).cpu().tolist()
    return [next((reason for reason, good in zip(reasons, row, strict=True) if not good), "") for row in checks]


def _to_host(*tensors: Tensor) -> list[np.ndarray]:
    """Copy tensors to memory of the host; from a GPU, to pinned memory and together."""
    copies = [tensor.to("cpu", non_blocking=True) for tensor in tensors]
    if tensors[0].is_cuda:
        torch.cuda.synchronize()
    return [copy.numpy() for copy in copies]


def _size(part: torch.nn.Module) -> int:
    """Bytes of the weights."""
    return sum(tensor.nbytes for tensor in part.state_dict().values())


def type_name(kind: torch.dtype) -> str:
    """Name of a data type, such as ``float16``."""
    return str(kind).removeprefix("torch.")
