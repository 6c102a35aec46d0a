"""Configuration of models and where their weights come from."""

from pydantic import Field, model_validator

from untold.base.places import find
from untold.study.schema_base import MODELS, Name, Repository, Revision, Strict, Text


class Source(Strict):
    """Where a model's weights come from: a local folder, or a pinned revision of a hub repository."""

    path: Text | None = Field(None, description="Folder that holds the model (safetensors only).")
    repository: Repository | None = Field(None, description="Repository on the Hugging Face hub, `owner/name`.")
    revision: Revision | None = Field(None, description="Commit of the repository, 40 hex digits; never a branch.")
    files: list[Text] | None = Field(
        None, description="Patterns of the files to fetch; all safetensors and configuration files when left out."
    )

    @property
    def folder(self) -> str:
        """Where the model's files are, or will be once fetch_model has run."""
        if self.path:
            return find(self.path).as_posix()
        return f"{MODELS}/{self.repository.replace('/', '--')}/{self.revision}"

    @model_validator(mode="after")
    def _one_origin(self):
        if (self.path is None) == (self.repository is None):
            raise ValueError("give either path (a local folder) or repository and revision (a hub model)")
        if self.repository and not self.revision:
            raise ValueError("a hub model needs revision: the 40 hex digits of a commit, so that a rerun is the same")
        if self.path and (self.revision or self.files):
            raise ValueError("revision and files belong to a hub model; a local path takes neither")
        return self


class Model(Strict):
    """A text-to-image model."""

    source: Source = Field(description="The pipeline's weights.")
    vae: Source | None = Field(
        None,
        description="Another VAE for the `fast` profile, for models whose own overflows in float16 (stock SDXL).",
    )
    variant: Name | None = Field(None, description="Weight variant of the repository, such as `fp16`.")
