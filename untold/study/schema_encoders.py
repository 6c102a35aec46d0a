"""Configuration of the image encoders."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from untold.study.schema_base import BatchSize, Strict
from untold.study.schema_models import Source


class OpenClip(Strict):
    """An open_clip model: embeds images and prompts."""

    library: Literal["open_clip"] = Field(description="`open_clip`.")
    source: Source = Field(description="Folder or repository with open_clip_config.json and safetensors weights.")
    quick_gelu: bool = Field(
        description="Whether the weights were trained with QuickGELU, as OpenAI's were; checked when the model loads."
    )
    dtype: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Data type of the image tower. `bfloat16` is twice as fast on a GPU, or on a CPU with AVX512-BF16 "
        "or AMX (it is refused on others), and changes vectors by about one part in ten thousand.",
    )
    batch_size: BatchSize = 128


class Timm(Strict):
    """A timm model: embeds images."""

    library: Literal["timm"] = Field(description="`timm`.")
    source: Source = Field(description="Folder or repository with config.json and safetensors weights.")
    pooling: Literal["cls", "average"] = Field(
        description="`cls`: the class token, for vision transformers (the mean over all tokens becomes another space). "
        "`average`: the mean over all places, for convolutional networks and for transformers without a class token."
    )
    tokens: bool = Field(description="Keep patch tokens, for the patch similarities (vision transformers only).")
    dtype: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Data type of the model. `bfloat16` is twice as fast on a GPU, or on a CPU with AVX512-BF16 "
        "or AMX (it is refused on others), and changes vectors by about one part in ten thousand.",
    )
    batch_size: BatchSize = 128

    @model_validator(mode="after")
    def _tokens_need_a_transformer(self) -> Self:
        if self.tokens and self.pooling == "average":
            raise ValueError("tokens: only a vision transformer (pooling: cls) has patch tokens; set tokens to false")
        return self


class Vae(Strict):
    """The VAE encoder of a diffusion model, for latents of images that were not generated here."""

    library: Literal["vae"] = Field(description="`vae`.")
    source: Source = Field(description="Folder or repository of a pipeline, with a `vae` subfolder.")
    size: int = Field(
        ge=16, le=4096, multiple_of=8, description="Side, in pixels, of the square that images are resized to."
    )
    batch_size: BatchSize = 128


Encoder = Annotated[OpenClip | Timm | Vae, Field(discriminator="library")]
