"""Configuration of the image encoders."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from untold.study.schema_base import BatchSize, Strict
from untold.study.schema_models import Source


class OpenClip(Strict):
    """An open_clip model: embeds images and prompts."""

    library: Literal["open_clip"] = Field(description="`open_clip`.")
    source: Source = Field(description="Folder or repository with open_clip_config.json and safetensors.")
    quick_gelu: bool = Field(description="Whether the weights were trained with QuickGELU (OpenAI's were): asserted.")
    dtype: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Type of the image tower's weights. `bfloat16` is twice as fast on a GPU, or a CPU with "
        "AVX512-BF16 or AMX (refused on others), and turns vectors by about one part in ten thousand.",
    )
    batch_size: BatchSize


class Timm(Strict):
    """A timm model: embeds images."""

    library: Literal["timm"] = Field(description="`timm`.")
    source: Source = Field(description="Folder or repository with config.json and safetensors.")
    pooling: Literal["cls", "average"] = Field(
        description="`cls` token (vision transformers; the mean over all tokens becomes a space of its own) or global "
        "`average` (convolutional networks)."
    )
    tokens: bool = Field(description="Keep the patch tokens for the patch similarities (vision transformers).")
    dtype: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Type of the weights. `bfloat16` is twice as fast on a GPU, or a CPU with "
        "AVX512-BF16 or AMX (refused on others), and turns vectors by about one part in ten thousand.",
    )
    batch_size: BatchSize

    @model_validator(mode="after")
    def _tokens_need_a_transformer(self):
        if self.tokens and self.pooling == "average":
            raise ValueError("patch tokens need a vision transformer (pooling cls), not a convolutional network")
        return self


class Vae(Strict):
    """A diffusion model's VAE encoder: the latents of images that were not generated here."""

    library: Literal["vae"] = Field(description="`vae`.")
    source: Source = Field(description="A pipeline's folder or repository, with a `vae` subfolder.")
    size: int = Field(ge=16, le=4096, multiple_of=8, description="Pixels of the square the image is resized to.")
    batch_size: BatchSize


Encoder = Annotated[OpenClip | Timm | Vae, Field(discriminator="library")]
