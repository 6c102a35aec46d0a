"""Image and text encoders, created from their configuration (docs/method.md section 2).

Every encoder is loaded from a local folder with safetensors weights, uses the model's own preprocessing, and embeds
in float32, or in bfloat16 if the configuration asks for it and the processor supports it. The libraries are imported
where they are used, because each takes seconds to import and a job needs only one.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from untold.base.devices import device
from untold.base.identity import file_digest
from untold.study.schema_encoders import Encoder, OpenClip, Timm, Vae

log = logging.getLogger(__name__)

Arrays = dict[str, np.ndarray]

# A CPU is no faster with larger batches, whose memory the system allocates again for each: with 128 images ResNet-50
# takes 1.4 times as long (benchmarks/README.md).
CPU_BATCH = 16


@dataclass(frozen=True)
class ImageEncoder:
    """A model that turns images into arrays.

    Attributes
    ----------
    transform : callable
        PIL image to tensor: the model's own preprocessing.
    forward : callable
        Batch of shape (n, 3, height, width) to named arrays whose first axis is n; ``vector`` is float32 of shape
        (n, dim), or float16 of shape (n, channels, height, width) for a VAE.
    metadata : mapping
        Model, weights' sha256, preprocessing, dtype and versions, to record in the files made with it.
    """

    transform: Callable[[Image.Image], torch.Tensor]
    forward: Callable[[torch.Tensor], Arrays]
    batch_size: int
    metadata: Mapping[str, Any] = field(repr=False)
    device: torch.device

    def embed(self, images: Sequence[Path], decode: Callable[[Path], Image.Image]) -> Iterator[Arrays]:
        """Yield the arrays batch by batch, in the order of ``images``.

        Files are decoded and preprocessed in threads, a few batches ahead of the model.
        """
        batches = [images[start : start + self.batch_size] for start in range(0, len(images), self.batch_size)]
        workers = max(1, torch.get_num_threads())
        with ThreadPoolExecutor(workers) as pool:
            ahead: deque[list] = deque()
            for batch in [*batches, *[()] * 2]:
                ahead.append([pool.submit(lambda path: self.transform(decode(path)), path) for path in batch])
                if len(ahead) > 2 and (ready := ahead.popleft()):
                    stacked = torch.stack([future.result() for future in ready]).to(self.device)
                    with torch.inference_mode():
                        arrays = self.forward(stacked)
                    yield arrays

    def nothing(self) -> Arrays:
        """The arrays of no image, with the types and shapes of others."""
        blank = self.transform(Image.new("RGB", (64, 64)))
        with torch.inference_mode():
            return {name: values[:0] for name, values in self.forward(blank[None].to(self.device)).items()}


def load_encoder(settings: Encoder) -> ImageEncoder:
    """Create the image encoder described by an entry of the configuration.

    Parameters
    ----------
    settings : OpenClip, Timm or Vae

    Raises
    ------
    ValueError
        If the folder has no safetensors, or the model contradicts the settings (QuickGELU, tokens).
    """
    # By default cuDNN would use TF32 in convolutions, with 10 of float32's 23 mantissa bits.
    torch.backends.cudnn.allow_tf32 = False
    folder = Path(settings.source.folder)
    makers: dict[type, Callable[..., tuple[Any, Any, str]]] = {OpenClip: _open_clip, Timm: _timm, Vae: _vae}
    transform, forward, preprocessing = makers[type(settings)](settings, folder)
    metadata = {
        "model": settings.source.model_dump(exclude_none=True),
        "weights_sha256": weights_digest(folder),
        "preprocessing": preprocessing,
        "dtype": "float32" if isinstance(settings, Vae) else settings.dtype,
        "versions": {name: version(name) for name in ("torch", "open_clip_torch", "timm", "diffusers", "pillow")},
    }
    batch_size = min(settings.batch_size, CPU_BATCH) if device().type == "cpu" else settings.batch_size
    return ImageEncoder(transform, forward, batch_size, metadata, device())


def cast(model: torch.nn.Module, dtype: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """Convert the model's weights to their type and memory format; return a function that does the same to a batch.

    Weights are converted instead of using autocast, which would convert them again for every batch. Convolutions are
    fastest with channels last.

    Raises
    ------
    ValueError
        For bfloat16 on a processor without instructions for it; a CPU can then take 80 times as long.

    References
    ----------
    docs/performance.md, "Embedding on a CPU".
    """
    if dtype == "bfloat16" and device().type == "cpu" and not fast_bfloat16():
        raise ValueError("dtype bfloat16: this CPU has neither AVX512-BF16 nor AMX; set float32, or use a GPU")
    if dtype == "bfloat16" and device().type == "cuda" and torch.cuda.get_device_capability() < (8, 0):
        raise ValueError("dtype bfloat16: this GPU has no instructions for it (capability below 8.0); set float32")
    form = {"dtype": getattr(torch, dtype), "memory_format": torch.channels_last}
    model.to(**form)
    return lambda batch: batch.to(**form)


def fast_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this CPU has instructions for multiplying in bfloat16."""
    if not cpuinfo.exists():
        return False
    flags = next(
        (line.split() for line in cpuinfo.read_text(encoding="utf-8").splitlines() if line.startswith("flags")), []
    )
    return "avx512_bf16" in flags or "amx_bf16" in flags


def weights_digest(folder: Path) -> dict[str, str]:
    """SHA-256 of every safetensors file below a folder.

    Raises
    ------
    ValueError
        If there is none. Pickled weights are refused, because they run code when they are loaded.
    """
    files = sorted(folder.rglob("*.safetensors"))
    if not files:
        raise ValueError(f"{folder}: holds no .safetensors file; convert the weights (pickled weights are refused)")
    return {file.relative_to(folder).as_posix(): file_digest(file) for file in files}


def _open_clip(settings: OpenClip, folder: Path):
    import open_clip
    from open_clip.transformer import QuickGELU

    weights_digest(folder)
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}", device=device())
    has_quick_gelu = any(isinstance(module, QuickGELU) for module in model.modules())
    if has_quick_gelu != settings.quick_gelu:
        raise ValueError(
            f"{folder}: quick_gelu is {settings.quick_gelu} in the configuration but {has_quick_gelu} in the model; "
            "OpenAI's weights need QuickGELU, with GELU their vectors are wrong"
        )
    model.eval()
    convert = cast(model, settings.dtype)

    def forward(batch: torch.Tensor) -> Arrays:
        return {"vector": model.encode_image(convert(batch)).float().cpu().numpy()}

    return transform, forward, str(transform)


def _timm(settings: Timm, folder: Path):
    import timm

    weights_digest(folder)
    model: Any = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0).to(device()).eval()
    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    convert = cast(model, settings.dtype)
    prefix = getattr(model, "num_prefix_tokens", 0)  # class and register tokens, which precede the patches
    classified = getattr(model, "has_class_token", prefix > 0)
    if settings.pooling == "average":

        def forward(batch: torch.Tensor) -> Arrays:
            features = model.forward_features(convert(batch)).float()
            if features.ndim == 3:
                return {"vector": features[:, prefix:].mean(1).cpu().numpy()}
            # Some networks, such as Swin, put the channels last.
            places = (2, 3) if features.shape[1] == model.num_features else (1, 2)
            return {"vector": features.mean(places).cpu().numpy()}

    else:

        def forward(batch: torch.Tensor) -> Arrays:
            features = model.forward_features(convert(batch))
            if features.ndim != 3 or not classified:
                raise ValueError(f"{folder}: pooling cls needs a vision transformer with a class token; use average")
            features = features.float().cpu().numpy()
            arrays = {"vector": features[:, 0], "mean": features.mean(1)}
            # The class token comes first, then the patches; register tokens are skipped.
            patches = features[:, prefix:]
            return arrays | (
                {"tokens": np.concatenate([features[:, :1], patches], 1).astype(np.float16)} if settings.tokens else {}
            )

    return transform, forward, str(transform)


def _vae(settings: Vae, folder: Path):
    from diffusers import AutoencoderKL
    from diffusers.image_processor import VaeImageProcessor

    weights_digest(folder)
    vae = AutoencoderKL.from_pretrained(folder, subfolder="vae", use_safetensors=True, torch_dtype=torch.float32)
    vae = vae.to(device()).eval()
    processor = VaeImageProcessor(vae_scale_factor=2 ** (len(vae.config.block_out_channels) - 1))

    def transform(image: Image.Image) -> torch.Tensor:
        return processor.preprocess(image, height=settings.size, width=settings.size)[0]

    def forward(batch: torch.Tensor) -> Arrays:
        latents = vae.encode(batch).latent_dist.mean * vae.config.scaling_factor
        return {"vector": latents.cpu().numpy().astype(np.float16)}

    return transform, forward, f"resize to {settings.size} x {settings.size}, [-1, 1]; mean x scaling factor"


@dataclass(frozen=True)
class TextEncoder:
    """A model that turns texts into float32 vectors of shape (n, dim), and says which texts are too long for it.

    Attributes
    ----------
    encode : callable
        Vectors of texts. What is beyond the context is not read; the log says of how many texts.
    cut : callable
        Whether each text is longer than the context.
    """

    encode: Callable[[Sequence[str]], np.ndarray]
    cut: Callable[[Sequence[str]], list[bool]]
    logit_scale: float
    metadata: Mapping[str, Any] = field(repr=False)


def load_text_encoder(settings: OpenClip) -> TextEncoder:
    """Create the text tower of an open_clip model."""
    import open_clip

    folder = Path(settings.source.folder)
    weights = weights_digest(folder)
    model = open_clip.create_model(f"local-dir:{folder}", device=device()).eval()
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")

    def encode(texts: Sequence[str]) -> np.ndarray:
        vectors = []
        with torch.inference_mode():
            for start in range(0, len(texts), 256):
                tokens = tokenizer(list(texts[start : start + 256]))
                vectors.append(model.encode_text(tokens.to(device())).float().cpu().numpy())
        if too_long := sum(cut(texts)):
            log.warning("%d of %d texts are longer than the context and were cut", too_long, len(texts))
        return np.concatenate(vectors)

    def cut(texts: Sequence[str]) -> list[bool]:
        context = tokenizer([""]).shape[1]
        longer = tokenizer(["", *texts], context_length=2 * context)
        padding = longer[0, -1]
        return (longer[1:, context:] != padding).any(1).tolist()

    metadata = {
        "model": settings.source.model_dump(exclude_none=True),
        "weights_sha256": weights,
        "preprocessing": f"{type(tokenizer).__name__}, context {model.context_length}",
        "dtype": "float32",
        "versions": {name: version(name) for name in ("torch", "open_clip_torch")},
    }
    return TextEncoder(encode, cut, model.logit_scale.exp().item(), metadata)
