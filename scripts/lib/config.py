"""The configuration of a study: the source of truth for the schema, for ranges and for every error a user can make.

``config/schema.json`` and ``config/README.md`` are generated from these models (``make docs``).
"""

import difflib
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

MODELS = "resources/models"


class ConfigError(Exception):
    """The configuration cannot be used; the message names the file, the key and the remedy, one line each."""

    def __init__(self, *lines: str):
        super().__init__("\n".join(map(_one_line, lines)))


def _one_line(text: str) -> str:
    """Escape what would break the line or steer the terminal: what a user wrote stands in it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _safe_relative(value: str) -> str:
    """A folder inside the project: what a study writes never leaves it, and no shell or wildcard reads its name."""
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError("must be a folder inside the project, such as results")
    if not re.fullmatch(r"[A-Za-z0-9_./-]{1,200}", value):
        raise ValueError("is a folder of letters, digits, hyphens, dots and underscores, such as results")
    return path.as_posix()


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
# Folders of results that are no dataset's.
RESERVED = {"benchmarks", "compiled", "figures", "logs", "provenance", "store", "tables"}
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Revision = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Repository = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}$")]
Folder = Annotated[str, AfterValidator(_safe_relative)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Strict(BaseModel):
    """Unknown keys and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


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
        return self.path or f"{MODELS}/{self.repository.replace('/', '--')}/{self.revision}"

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


class AgeGrid(Strict):
    """Prompts that name an age outright, for the implied age of the neutral person (method.md section 7)."""

    ages: list[Annotated[int, Field(ge=0, le=120)]] = Field(min_length=3, description="Ages in years.")
    templates: dict[Name, Text] = Field(
        min_length=1,
        description="Prompt templates with `{activity}`, and `{age}` (years) or `{word}` (the age in a word).",
    )
    words: dict[Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,2})$")], Text] = Field(
        default_factory=dict,
        description="For `{word}`: the word used from this age (years) on, such as `'20': young`.",
    )

    @model_validator(mode="after")
    def _check(self):
        if len(set(self.ages)) < len(self.ages):
            raise ValueError("ages: an age is listed twice; remove one")
        for name, template in self.templates.items():
            fields = _fields(template)
            if "activity" not in fields or not fields & {"age", "word"} or fields - {"activity", "age", "word"}:
                raise ValueError(f"templates.{name}: use {{activity}} and {{age}} or {{word}}, and no other field")
            if "word" in fields and (not self.words or min(map(int, self.words)) > min(self.ages)):
                raise ValueError(f"templates.{name}: {{word}} needs words from age {min(self.ages)} on")
        return self


class Prompts(Strict):
    """The quadruplet, or any neutral prompt and named groups (method.md section 1)."""

    neutral: Text = Field(description="Template of the neutral prompt, with `{activity}`.")
    groups: dict[Name, Text] = Field(
        min_length=2, description="Templates of the marked groups, with `{activity}`, in the order of the axis."
    )
    placebos: dict[Name, Text] = Field(
        default_factory=dict,
        description="Templates with a modifier of the same length that carries no meaning for the axis.",
    )
    age_grid: AgeGrid | None = Field(None, description="Optional age grid.")
    negative: Annotated[str, StringConstraints(max_length=2000)] = Field(description="Negative prompt; may be empty.")

    @model_validator(mode="after")
    def _check(self):
        templates = {"neutral": self.neutral, **self.groups, **self.placebos}
        for name, template in templates.items():
            if _fields(template) != {"activity"}:
                raise ValueError(f"{name}: a template has the field {{activity}} and no other (write {{{{ for a brace)")
        if clash := ({"neutral"} & set(self.groups) | {"neutral"} & set(self.placebos)) or (
            set(self.groups) & set(self.placebos)
        ):
            raise ValueError(f"groups and placebos: the name {sorted(clash)[0]} is taken; choose another")
        grid = self.age_grid
        aged = {f"{name}_{age}" for name in grid.templates for age in grid.ages} if grid else set()
        if clash := aged & set(templates):
            raise ValueError(f"age_grid.templates: {sorted(clash)[0]} is the name of a group too; choose another")
        return self


def _fields(template: str) -> set[str]:
    try:
        parsed = [parts for parts in Formatter().parse(template) if parts[1] is not None]
    except ValueError as error:
        raise ValueError(f"{template!r}: {error}; write {{{{ and }}}} for literal braces") from None
    for _, field, spec, conversion in parsed:
        if spec or conversion:
            raise ValueError(f"{template!r}: write plain {{{field}}}, without : or !")
    return {field for _, field, _, _ in parsed}


class Activities(Strict):
    """Which rows of the activities table a dataset uses."""

    file: Text = Field(description="Table with the columns id, activity, category, lexicon_code, miniature.")
    miniature: bool = Field(description="Only activities that the embedded miniature world knows.")
    categories: list[Text] | None = Field(None, description="Only these categories.")
    limit: Annotated[int, Field(ge=1)] | None = Field(None, description="Only the first so many, in the table's order.")


class Synthesis(Strict):
    """How a prompt becomes an image."""

    steps: int = Field(ge=1, le=1000, description="Denoising steps.")
    guidance: float = Field(ge=0, le=50, description="Classifier-free guidance scale.")
    width: int = Field(ge=16, le=4096, multiple_of=8, description="Pixels.")
    height: int = Field(ge=16, le=4096, multiple_of=8, description="Pixels.")
    scheduler: Literal["euler_ancestral", "model"] = Field(description="`model`: the scheduler the model comes with.")
    profile: Literal["reference", "fast"] = Field(
        description="`reference`: eager, VAE in float32, deterministic. `fast`: compiled, VAE in float16."
    )
    noise: Literal["paired", "shared"] = Field(
        description="`paired`: one noise per (activity, seed), the same for its groups. `shared`: one per seed."
    )
    batch_size: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        description="Images per batch; null chooses by free GPU memory. The last batch is padded."
    )


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
        None, description="Prompts that describe each group, for classifying images by CLIP (method.md section 7)."
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
        "audited, the second label being the positive one (method.md section 9). Any other attribute is predicted by "
        "its first classifier, and clusters are described by it.",
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
                raise ValueError(f"zero_shot.{attribute}: is no label column {_near(attribute, known)}")
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
                raise ValueError(f"balance: {attribute} is no attribute {_near(attribute, {*known, *self.zero_shot})}")
        return self


BatchSize = Annotated[int, Field(ge=1, le=4096, description="Images per batch; on a CPU 16 at most, which is faster.")]


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
Dataset = Annotated[GeneratedDataset | FolderDataset, Field(discriminator="kind")]


class Inference(Strict):
    """Intervals and tests (method.md section 6)."""

    seed: Seed = Field(description="Seed of the resampling.")
    resamples: int = Field(ge=100, le=1_000_000, description="Bootstrap resamples over activities.")
    permutations: int = Field(ge=100, le=10_000_000, description="Sign flips of the permutation test.")
    confidence: float = Field(gt=0.5, lt=1, description="Coverage of the intervals.")
    contrasts: list[Annotated[list[Name], Field(min_length=2, max_length=2)]] | None = Field(
        None, description="Pairs of groups, such as `[young, older]`; every pair when left out."
    )
    equivalence_margin: float = Field(gt=0, lt=2, description="Margin of the equivalence tests, in cosine units.")
    interval_width: float = Field(
        gt=0, lt=2, description="Interval width that the number of needed seeds is computed for, in cosine units."
    )


class Projections(Strict):
    """Two-dimensional maps, for display only (method.md section 10)."""

    seed: Seed = Field(description="Seed of both methods.")
    perplexity: float = Field(ge=2, le=500, description="t-SNE perplexity.")
    neighbors: int = Field(ge=2, le=500, description="UMAP neighbours.")
    min_dist: float = Field(ge=0, le=1, description="UMAP minimal distance.")
    points: int = Field(
        10_000,
        ge=100,
        le=100_000,
        description="Points of a map; of a larger dataset a random sample, activity and seed together.",
    )


class Clusters(Strict):
    """Clusters in the original space (method.md section 10)."""

    seed: Seed = Field(description="Seed of k-means.")
    k: Annotated[int, Field(ge=2, le=1000)] | None = Field(
        description="Number of clusters; null chooses by silhouette."
    )
    k_max: int = Field(ge=2, le=1000, description="Largest number tried when k is null.")
    bootstraps: int = Field(ge=2, le=1000, description="Resamples of the stability.")
    null_sets: int = Field(
        ge=19, le=10_000, description="Data sets without structure that the silhouettes are compared with."
    )
    permutations: int = Field(
        999,
        ge=19,
        le=100_000,
        description="Bootstraps and permutations of who is in the clusters (composition, association).",
    )
    duplicate_cosine: float = Field(
        0.97, gt=0, le=1, description="Images with at least this cosine in the first encoder are near-duplicates."
    )


class Report(Strict):
    """Wording and colours of the page; downstream of everything."""

    title: Text = Field(description="Title of the page.")
    examples: int = Field(ge=1, le=24, description="Quadruplets on the first screen.")
    colours: dict[Name, Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]] = Field(
        default_factory=dict, description="Colour of a group, `#rrggbb`; the others take the palette's."
    )


class Study(Strict):
    """One study: datasets, models, encoders and how they are analysed."""

    results: Folder = Field(description="Folder for everything made; two studies side by side need two.")
    datasets: dict[Name, Dataset] = Field(min_length=1, description="Sets of images, by name.")
    models: dict[Name, Model] = Field(default_factory=dict, description="Text-to-image models, by name.")
    encoders: dict[Name, Encoder] = Field(min_length=1, description="Image encoders, by name.")
    inference: Inference = Field(description="Intervals and tests.")
    projections: Projections = Field(description="Maps.")
    clusters: Clusters = Field(description="Clusters.")
    report: Report = Field(description="The page.")

    @model_validator(mode="after")
    def _cross_checks(self):
        for name in self.encoders:
            if name.endswith(("_text", "_image", "_mean")) or name == "latents":
                raise ValueError(f"encoders.{name}: the ending is reserved for spaces; choose another name")
        for name, dataset in self.datasets.items():
            for encoder in dataset.encoders or []:
                if encoder not in self.encoders:
                    near = _near(encoder, self.encoders)
                    raise ValueError(f"datasets.{name}.encoders: {encoder} is not under encoders {near}")
            used = [self.encoders[encoder] for encoder in dataset.encoders or self.encoders]
            if dataset.zero_shot and not any(isinstance(encoder, OpenClip) for encoder in used):
                raise ValueError(
                    f"datasets.{name}.zero_shot: needs an encoder that reads prompts; add one of open_clip"
                )
            if name in RESERVED:
                raise ValueError(f"datasets.{name}: the folder {name} of the results is taken; choose another name")
            if isinstance(dataset, GeneratedDataset):
                if dataset.model not in self.models:
                    near = _near(dataset.model, self.models)
                    raise ValueError(f"datasets.{name}.model: {dataset.model} is not under models {near}")
                groups = {"neutral", *dataset.prompts.groups}
                for pair in self.inference.contrasts or []:
                    for group in set(pair) - groups:
                        raise ValueError(
                            f"inference.contrasts: {group} is no group of datasets.{name} {_near(group, groups)}"
                        )
        return self


def _near(word: str, known) -> str:
    if not known:
        return "(there is none)"
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"(did you mean {close[0]}?)" if close else f"(known: {', '.join(sorted(known))})"


def parse_study(values: Mapping[str, Any], source: str) -> Study:
    """Check a configuration.

    Parameters
    ----------
    values : mapping
        What the YAML file holds.
    source : str
        Name of the file, for the messages.

    Raises
    ------
    ConfigError
        One line per mistake: file, key, what is wrong and what to do.
    """
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        raise ConfigError(*(_explain(detail, source) for detail in error.errors())) from None


_KINDS: dict[str, type[Strict]] = {
    "generated": GeneratedDataset,
    "folder": FolderDataset,
    "open_clip": OpenClip,
    "timm": Timm,
    "vae": Vae,
}


def _explain(detail: Mapping[str, Any], source: str) -> str:
    """One line of plain English for one pydantic error."""
    location = [str(part) for i, part in enumerate(detail["loc"]) if not _is_tag(detail["loc"], i)]
    key = re.sub(r"\.\[key\]$", " (the name)", ".".join(location))
    kind, message = detail["type"], detail["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        message = f"unknown key {_near(location[-1], _keys_at(detail['loc'][:-1]))}; remove or rename it"
    elif kind == "missing":
        message = "is missing; add it (config/README.md describes it)"
    elif kind == "union_tag_not_found":
        tags = "generated or folder" if "kind" in detail["ctx"]["discriminator"] else "open_clip, timm or vae"
        message = f"needs {_discriminator(detail)}: {tags}"
    elif kind == "union_tag_invalid":
        context = detail["ctx"]
        message = f"{_discriminator(detail)} is {_short(context['tag'])}, not one of {context['expected_tags']}"
    elif kind == "string_pattern_mismatch":
        message = f"{_short(detail['input'])} is not of the form {detail['ctx']['pattern']}"
    elif kind != "value_error":
        message = f"{message[0].lower()}{message[1:]}, not {_short(detail['input'])}"
    return ": ".join(filter(None, [source, key, message]))


def _is_tag(location, index: int) -> bool:
    """Whether this part is a tagged union's tag, as in ``datasets.people.generated``: it is no key of the file."""
    return index == 2 and location[0] in ("datasets", "encoders") and location[index] in _KINDS


def _discriminator(detail: Mapping[str, Any]) -> str:
    return detail["ctx"]["discriminator"].strip("'")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _keys_at(location) -> list[str]:
    """The keys that the model accepts in which an unknown one was found."""
    model: type[BaseModel] | None = Study
    for i, part in enumerate(location):
        if _is_tag(location, i):
            model = _KINDS[part]
        elif model and part in model.model_fields:
            model = _inner(model.model_fields[part].annotation)
    return list(model.model_fields) if model else []


def _inner(annotation: Any) -> type[BaseModel] | None:
    """The model inside ``dict[Name, Model]`` or ``Model | None``; None for a tagged union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [inner for inner in map(_inner, getattr(annotation, "__args__", ())) if inner]
    return found[0] if len(found) == 1 else None
