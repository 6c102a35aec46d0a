"""Configuration of datasets: images to generate, and folders of existing images."""

import difflib
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from untold.study.schema_base import Name, Seed, Strict, Text
from untold.study.schema_base import did_you_mean as did_you_mean
from untold.study.schema_prompts import Activities, Prompts
from untold.study.schema_synthesis import Synthesis

Encoders = Annotated[list[Name], Field(min_length=1)] | None


# Columns that describe every image, whose names no label can have.
IMAGE_COLUMNS = frozenset({"key", "path", "sha256", "width", "height", "accepted", "reason", "profile", "caption"})


ENCODERS = Field(None, description="Names of the encoders that embed its images; all when omitted.")


class GeneratedShards(Strict):
    """Number of jobs a generated dataset is split into; changing it regenerates no images."""

    synthesis: int = Field(8, ge=1, le=4096, description="Synthesis jobs.")
    embedding: int = Field(8, ge=1, le=4096, description="Embedding jobs per encoder; must divide `synthesis`.")

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.synthesis % self.embedding:
            raise ValueError(f"synthesis ({self.synthesis}) must be a multiple of embedding ({self.embedding})")
        return self


class Readout(Strict):
    """Shares read from the denoiser before an image is made (docs/method.md section 7a)."""

    noises: int = Field(4, ge=1, le=1000, description="Noises that each prompt is read with.")


class GeneratedDataset(Strict):
    """Images generated from prompts."""

    kind: Literal["generated"] = Field(description="`generated`.")
    axis: Name | None = Field(
        None,
        description="An axis of `config/catalogue.yaml` (`age`, `gender` or `skin_tone`), whose `prompts` and "
        "`zero_shot` are used where the study has none of its own.",
    )
    activities: Activities = Field(description="What the people in the images do.")
    prompts: Prompts = Field(description="Wording of the prompts.")
    seeds: int = Field(4, ge=1, le=100_000, description="Images per prompt.")
    neutral_seeds: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        None,
        description="Images per neutral prompt, if more than `seeds`. They are used to estimate the shares of groups "
        "among the neutral images.",
    )
    first_seed: Seed = Field(123, description="The seeds are first_seed, first_seed + 1, ...")
    model: Name = Field(description="One of the names under `models`.")
    encoders: Encoders = ENCODERS
    synthesis: Synthesis = Field(description="Sampler settings.")
    shards: GeneratedShards = Field(default_factory=GeneratedShards, description="Number of jobs.")
    readout: Readout | None = Field(
        None,
        description="Also read the shares from the denoiser, for the page: one call per prompt and noise. "
        "`snakemake readout` does so without an image, and without this key.",
    )
    zero_shot: dict[Name, Annotated[list[Text], Field(min_length=1)]] | None = Field(
        None,
        description="Prompts that describe each group, for classifying images with CLIP (docs/method.md section 7).",
    )
    planted: Text | None = Field(
        None,
        description="CSV of the true shares (id, then one column per group) if the model was given a known bias.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.neutral_seeds is not None and self.neutral_seeds < self.seeds:
            raise ValueError(
                f"neutral_seeds: must be at least seeds ({self.seeds}), not {self.neutral_seeds}; raise or remove it"
            )
        if self.first_seed + max(self.seeds, self.neutral_seeds or 0) > 2**63:
            raise ValueError("first_seed: the last seed would exceed 2^63; choose a smaller one")
        if self.zero_shot is not None and set(self.zero_shot) != set(self.prompts.groups):
            raise ValueError(f"zero_shot: must describe exactly the groups {', '.join(self.prompts.groups)}")
        return self


class Labels(Strict):
    """A table of labels for a folder of images."""

    file: Text = Field(description="CSV, JSON lines (`metadata.jsonl`), Parquet, or CelebA's text.")
    key: Text | None = Field(
        None,
        description="Column that names each image: the end of its path, with or without the extension. Found out "
        "(`file`, `file_name`, `image_id`, ...) when omitted.",
    )
    columns: list[Text] = Field([], description="Label columns to keep; their cells are read as text.")
    caption: Text | None = Field(
        None, description="Column that holds captions. Of several rows of an image, the first caption is used."
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.columns and not self.caption:
            raise ValueError("names nothing to read; give label columns (`columns`), a `caption`, or both")
        return self


class OpenImages(Strict):
    """The label files published by Open Images."""

    labels: Text = Field(description="CSV of image-level labels: ImageID, Source, LabelName, Confidence.")
    descriptions: Text = Field(description="CSV of label names and what they mean.")
    min_images: int = Field(
        ge=1,
        description="Smallest number of images that must share a label. Each image gets the rarest of its confirmed "
        "labels that at least this many images have.",
    )


class FolderDataset(Strict):
    """A folder of existing images."""

    kind: Literal["folder"] = Field(description="`folder`.")
    path: Text = Field(description="The folder; subfolders are read too.")
    follow_links: bool = Field(
        False, description="Also read pictures outside the folder that links in it lead to; not links to folders."
    )
    utkface: bool = Field(
        False, description="Read age, gender and race from file names `age_gender_race_timestamp.jpg`."
    )
    labels: Labels | None = Field(None, description="Table of labels.")
    subfolders: Name | None = Field(
        None, description="Name of a label column that holds each image's subfolder, where every class has one."
    )
    captions: bool = Field(False, description="Captions are in text files beside the images, `0001.txt` of `0001.jpg`.")
    open_images: OpenImages | None = Field(
        None, description="Labels in the format published by Open Images; they become the column `label`."
    )
    zero_shot: dict[
        Text,
        Annotated[
            dict[Name, dict[Text, Annotated[list[Text], Field(min_length=1)]]],
            Field(min_length=1),
        ],
    ] = Field(
        default_factory=dict,
        description="Zero-shot classifiers of each attribute, by name, with the prompts for each label. The "
        "classifiers of a label column are audited (docs/method.md section 9), and their labels are written as the "
        "column has them; of two, the second is the positive one. Any other attribute is predicted by its first "
        "classifier and used to describe clusters.",
    )
    balance: list[Text] | None = Field(
        None, description="Attributes whose shares the keep-list equalises in each cluster; all when omitted."
    )
    encoders: Encoders = ENCODERS
    max_pixels: int = Field(
        100_000_000,
        ge=1,
        le=2**31,
        description="Images with more pixels are rejected before decoding, to guard against decompression bombs.",
    )
    shards: int = Field(4, ge=1, le=4096, description="Jobs per encoder.")

    @property
    def columns(self) -> list[str]:
        """Label columns of the manifest."""
        if self.utkface:
            return ["gender", "race", "age_band"]
        if self.open_images:
            return ["label"]
        if self.subfolders:
            return [self.subfolders]
        return self.labels.columns if self.labels else []

    @property
    def captioned(self) -> bool:
        """Whether the images have captions."""
        return self.captions or bool(self.labels and self.labels.caption)

    @model_validator(mode="after")
    def _labels(self) -> Self:
        if self.utkface + bool(self.labels) + bool(self.open_images) + bool(self.subfolders) > 1:
            raise ValueError(
                "labels come from file names (utkface), a table (labels), open_images or subfolders; remove all but one"
            )
        if self.captions and self.labels and self.labels.caption:
            raise ValueError("captions lie beside the images (captions) or in a table (labels.caption); remove one")
        known = self.columns
        if clash := [column for column in known if column in IMAGE_COLUMNS]:
            raise ValueError(f"labels: {clash[0]} is a column of every dataset; rename it")
        for attribute, classifiers in self.zero_shot.items():
            if attribute not in known and difflib.get_close_matches(attribute, known, n=1, cutoff=0.8):
                raise ValueError(f"zero_shot.{attribute}: is not a label column {did_you_mean(attribute, known)}")
            labels = list(next(iter(classifiers.values())))
            for name, classes in classifiers.items():
                if list(classes) != labels:
                    raise ValueError(
                        f"zero_shot.{attribute}.{name}: has different labels from the first classifier; give "
                        f"{', '.join(labels)} in this order"
                    )
                if len(classes) < 2:
                    raise ValueError(f"zero_shot.{attribute}.{name}: give at least two labels, not {len(classes)}")
        for attribute in self.balance or []:
            if attribute not in {*known, *self.zero_shot}:
                near = did_you_mean(attribute, {*known, *self.zero_shot})
                raise ValueError(f'balance: there is no attribute "{attribute}" {near}')
        return self


Dataset = Annotated[GeneratedDataset | FolderDataset, Field(discriminator="kind")]
