"""Configuration of models and the sources of their weights."""

from typing import Self

from pydantic import Field, model_validator

from untold.base.places import find
from untold.study.schema_base import MODELS, Name, Repository, Revision, Strict, Text


class Source(Strict):
    """Where a model's weights come from: a local folder, or a pinned revision of a hub repository."""

    path: Text | None = Field(None, description="Local folder with the model (safetensors weights only).")
    repository: Repository | None = Field(None, description="Repository on the Hugging Face Hub, `owner/name`.")
    revision: Revision | None = Field(None, description="Commit of the repository, 40 hex digits; not a branch.")
    files: list[Text] | None = Field(
        None, description="Patterns of the files to fetch; all safetensors and configuration files when omitted."
    )

    @property
    def folder(self) -> str:
        """Where the model's files are, or will be once fetch_model has run."""
        if self.path:
            return find(self.path).as_posix()
        return f"{MODELS}/{str(self.repository).replace('/', '--')}/{self.revision}"

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.path is None) == (self.repository is None):
            raise ValueError("give either path (a local folder), or repository and revision (a hub model)")
        if self.repository and not self.revision:
            raise ValueError("a hub model needs a revision; give the 40 hex digits of a commit")
        if self.path and (self.revision or self.files):
            raise ValueError("revision and files are only for hub models; remove them or replace path by repository")
        return self


class Model(Strict):
    """A text-to-image model."""

    source: Source = Field(description="The pipeline's weights.")
    vae: Source | None = Field(
        None,
        description="Replacement VAE for the profiles `half` and `fast`, needed if the model's own overflows in "
        "float16 (as SDXL's does).",
    )
    variant: Name | None = Field(None, description="Variant of the weights to load, such as `fp16`.")
