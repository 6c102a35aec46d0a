"""Configuration of datasets: images to generate, and folders of images that exist."""

import difflib
from typing import Annotated, Literal

from pydantic import Field, model_validator

from untold.study.schema_base import Name, Seed, Strict, Text
from untold.study.schema_base import did_you_mean as did_you_mean
from untold.study.schema_prompts import Activities, Prompts
from untold.study.schema_synthesis import Synthesis

Encoders = Annotated[list[Name], Field(min_length=1)] | None


ENCODERS = Field(None, description="Names under `encoders` that its images pass through; all when left out.")


class GeneratedShards(Strict):
    """Into how many jobs a generated dataset is cut; changing it makes no image again."""

    synthesis: int = Field(ge=1, le=4096, description="Synthesis jobs.")
    embedding: int = Field(ge=1, le=4096, description="Embedding jobs per encoder; divides `synthesis`.")

    @model_validator(mode="after")
    def _divides(self):
        if self.synthesis % self.embedding:
            raise ValueError(f"synthesis ({self.synthesis}) must be a multiple of embedding ({self.embedding})")
        return self


class GeneratedDataset(Strict):
    """Images made from prompts."""

    kind: Literal["generated"] = Field(description="`generated`.")
    activities: Activities = Field(description="What the persons do.")
    prompts: Prompts = Field(description="The wording.")
    seeds: int = Field(ge=1, le=100_000, description="Images per prompt.")
    neutral_seeds: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        None,
        description="Images per neutral prompt when there are to be more: who neutral depicts is a share of these.",
    )
    first_seed: Seed = Field(description="The seeds are first_seed, first_seed + 1, ...")
    model: Name = Field(description="A name under `models`.")
    encoders: Encoders = ENCODERS
    synthesis: Synthesis = Field(description="Sampler settings.")
    shards: GeneratedShards = Field(description="Cut into jobs.")
    zero_shot: dict[Name, Annotated[list[Text], Field(min_length=1)]] | None = Field(
        None, description="Prompts that describe each group, for classifying images by CLIP (docs/method.md section 7)."
    )
    planted: Text | None = Field(
        None, description="CSV of the known shares (id, then one column per group), where the model's bias was planted."
    )

    @model_validator(mode="after")
    def _check(self):
        if self.neutral_seeds is not None and self.neutral_seeds < self.seeds:
            raise ValueError(f"neutral_seeds: at least seeds ({self.seeds}), not {self.neutral_seeds}; or leave it out")
        if self.first_seed + max(self.seeds, self.neutral_seeds or 0) > 2**63:
            raise ValueError("first_seed: the last seed is beyond 2^63; begin lower")
        if self.zero_shot is not None and set(self.zero_shot) != set(self.prompts.groups):
            raise ValueError(f"zero_shot: describe each of the groups {', '.join(self.prompts.groups)}, and no other")
        return self


class Labels(Strict):
    """A table of labels for a folder of images."""

    file: Text = Field(description="CSV or Parquet table.")
    key: Text = Field(description="Column with the image's path relative to the folder, or its unique file name.")
    columns: list[Text] = Field(description="Label columns to keep.")
    caption: Text | None = Field(None, description="Column with captions.")


class OpenImages(Strict):
    """The label files that Open Images publishes."""

    labels: Text = Field(description="CSV of image-level labels: ImageID, Source, LabelName, Confidence.")
    descriptions: Text = Field(description="CSV of label names and what they mean.")
    min_images: int = Field(
        ge=1,
        description="Each image gets the rarest of its confirmed labels that at least so many of the images have.",
    )


class FolderDataset(Strict):
    """Images that exist."""

    kind: Literal["folder"] = Field(description="`folder`.")
    path: Text = Field(description="The folder; subfolders are read too.")
    utkface: bool = Field(description="Read age, gender and race from file names `age_gender_race_timestamp.jpg`.")
    labels: Labels | None = Field(None, description="Table of labels.")
    open_images: OpenImages | None = Field(
        None, description="Labels as Open Images publishes them; the column `label`."
    )
    zero_shot: dict[
        Text,
        Annotated[
            dict[Name, dict[Text, Annotated[list[Text], Field(min_length=1)]]],
            Field(min_length=1),
        ],
    ] = Field(
        default_factory=dict,
        description="For each attribute, classifiers by name: the prompts of each label. A label column has two and is "
        "audited, the second label being the positive one (docs/method.md section 9). Any other attribute is predicted "
        "by its first classifier, and clusters are described by it.",
    )
    balance: list[Text] | None = Field(
        None, description="Attributes whose shares the keep-list makes equal in each cluster; all when left out."
    )
    encoders: Encoders = ENCODERS
    max_pixels: int = Field(
        ge=1, le=2**31, description="Larger images are refused before they are decoded (decompression bombs)."
    )
    shards: int = Field(ge=1, le=4096, description="Jobs per encoder.")

    @property
    def columns(self) -> list[str]:
        """Label columns of the manifest."""
        if self.utkface:
            return ["gender", "race", "age_band"]
        if self.open_images:
            return ["label"]
        return self.labels.columns if self.labels else []

    @model_validator(mode="after")
    def _labels(self):
        if self.utkface + bool(self.labels) + bool(self.open_images) > 1:
            raise ValueError(
                "labels come from file names (utkface), a table (labels) or open_images; remove all but one"
            )
        known = self.columns
        for attribute, classifiers in self.zero_shot.items():
            if attribute not in known and difflib.get_close_matches(attribute, known, n=1, cutoff=0.8):
                raise ValueError(f"zero_shot.{attribute}: is no label column {did_you_mean(attribute, known)}")
            labels = list(next(iter(classifiers.values())))
            for name, classes in classifiers.items():
                if list(classes) != labels:
                    raise ValueError(
                        f"zero_shot.{attribute}.{name}: has other labels than the classifier before it; give "
                        f"{', '.join(labels)} in this order"
                    )
                if attribute in known and len(classes) != 2:
                    raise ValueError(
                        f"zero_shot.{attribute}.{name}: is a label column: give two labels, not {len(classes)}"
                    )
                if len(classes) < 2:
                    raise ValueError(f"zero_shot.{attribute}.{name}: give two labels or more, not {len(classes)}")
        for attribute in self.balance or []:
            if attribute not in {*known, *self.zero_shot}:
                raise ValueError(
                    f"balance: {attribute} is no attribute {did_you_mean(attribute, {*known, *self.zero_shot})}"
                )
        return self


Dataset = Annotated[GeneratedDataset | FolderDataset, Field(discriminator="kind")]
