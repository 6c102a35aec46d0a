"""Configuration of the sampler."""

from typing import Annotated, Literal, Self

from pydantic import Field

from untold.study.schema_base import Strict

# Samplers by name, and the class of diffusers that each stands for.
SCHEDULERS = {
    "euler_ancestral": "EulerAncestralDiscreteScheduler",
    "euler": "EulerDiscreteScheduler",
    "ddim": "DDIMScheduler",
    "dpmpp_2m": "DPMSolverMultistepScheduler",
    "unipc": "UniPCMultistepScheduler",
    "lcm": "LCMScheduler",
}


class Synthesis(Strict):
    """How a prompt becomes an image."""

    steps: int = Field(30, ge=1, le=1000, description="Denoising steps.")
    guidance: float = Field(7.5, ge=0, le=50, description="Classifier-free guidance scale.")
    width: int = Field(768, ge=16, le=4096, multiple_of=8, description="Image width in pixels.")
    height: int = Field(768, ge=16, le=4096, multiple_of=8, description="Image height in pixels.")
    scheduler: Literal["euler_ancestral", "euler", "ddim", "dpmpp_2m", "unipc", "lcm", "model"] = Field(
        "model", description="The sampler by name, or `model` for the scheduler that comes with the model."
    )
    profile: Literal["reference", "half", "fast"] = Field(
        "half",
        description="`reference`: float32, deterministic. `half`: float16 on a GPU, with the model's `vae` if it has "
        "one. `fast`: `half`, compiled.",
    )
    noise: Literal["paired", "shared"] = Field(
        "paired",
        description="`paired`: one noise tensor per (activity, seed), shared by its groups. `shared`: one per seed.",
    )
    batch_size: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        None, description="Images per batch; null chooses it by free GPU memory. The last batch is padded."
    )

    @property
    def readout(self) -> Self:
        """The settings of a readout: what its single, unguided step from pure noise depends on."""
        profile = "reference" if self.profile == "reference" else "half"
        alone = {"steps": 1, "guidance": 1.0, "scheduler": "model", "noise": "shared", "profile": profile}
        return self.model_copy(update=alone)
