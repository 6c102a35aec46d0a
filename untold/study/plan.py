"""Everything known about a study before any job runs: its activities, files, shards, spaces and models."""

import hashlib
import os
import shlex
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations
from pathlib import Path

from untold.base.identity import canonical_json, digest, file_digest, shard_index, shard_name
from untold.base.pipeline import pipeline_problem
from untold.base.places import find
from untold.base.safety import PICKLES, runs_code
from untold.catalogue.metrics import of
from untold.catalogue.scope import Scope, Trait
from untold.study.activities import Activity, read_activities, select
from untold.study.schema import Study
from untold.study.schema_base import ConfigError
from untold.study.schema_datasets import FolderDataset, GeneratedDataset
from untold.study.schema_encoders import Encoder, OpenClip, Timm, Vae
from untold.study.schema_models import Source
from untold.study.survey import Survey, recall, remember, survey

# Characters. The settings of a prompts job are passed on its command line, where Linux allows 131 072 per argument.
LONGEST_SETTINGS = 100_000
PUBLISHED_PAIRS = ("male/female", "man/woman", "boy/girl")  # of docs/method.md section 9
AGES = ("young", "middle", "older")  # groups of the miniature world, as in untold/miniature/world.py
MAX_PIXELS = 2**26  # of a generated image: 8192 x 8192


@dataclass(frozen=True)
class Space:
    """Where the vectors of a space are stored: the folder below the dataset, their column, and their key column."""

    folder: str
    column: str = "vector"
    key: str = "key"


class DatasetPlan(ABC):
    """The contents of one dataset, with one subclass for each kind of dataset.

    Attributes
    ----------
    name : str
    groups : list of str
        The marked groups, in the order of the axis; empty for a folder of existing images.
    pairs : list of (str, str)
        Contrasts between groups, the main one first.
    attributes : list of str
        Columns of the manifest that describe who or what an image shows.
    audited : dict
        Label columns that zero-shot classifiers are compared with, and the two labels of each.
    predicted : dict
        Attributes known only from CLIP: from column name to attribute and first classifier.
    published : dict
        Classifiers that are keyword pairs with published figures, and the name of each pair.
    max_pixels : int
        Images with more pixels are rejected.
    """

    groups: list[str]
    pairs: list[tuple[str, str]]
    attributes: list[str]
    audited: dict[str, list[str]]
    predicted: dict[str, tuple[str, str]]
    published: dict[str, str]
    max_pixels: int

    def __init__(self, name: str, settings: GeneratedDataset | FolderDataset, study: Study):
        self.name = name
        self.settings = settings
        self.study = study
        self._chosen = settings.encoders or list(study.encoders)

    @property
    @abstractmethod
    def embedding_shards(self) -> list[str]:
        """Names of the embedding shards."""

    @abstractmethod
    def covered(self, shard: str) -> list[str]:
        """The shards of images that an embedding shard reads."""

    def shards(self, folder: str) -> list[str]:
        """Names of the shards in one folder of the dataset, such as ``images`` or ``embeddings/clip``."""
        return self.embedding_shards

    def encoders(self, *kinds: type) -> dict[str, Encoder]:
        """The encoders that embed the images, restricted to the given kinds (all when none is given)."""
        encoders = {name: encoder for name, encoder in self.study.encoders.items() if name in self._chosen}
        return {name: encoder for name, encoder in encoders.items() if isinstance(encoder, kinds or object)}

    @cached_property
    def image_spaces(self) -> dict[str, str]:
        """The space of each encoder's image vectors."""
        encoders = self.encoders().items()
        return {name: f"{name}_image" if isinstance(encoder, OpenClip) else name for name, encoder in encoders}

    @cached_property
    def spaces(self) -> dict[str, Space]:
        """Every space that the dataset is mapped and clustered in (docs/method.md section 2)."""
        return {space: Space(f"embeddings/{name}") for name, space in self.image_spaces.items()}

    @property
    def picture_spaces(self) -> list[str]:
        """Spaces of images, not of prompts."""
        return [space for space, place in self.spaces.items() if place.key == "key"]

    @property
    def texts(self) -> list[str]:
        """Encoders that also embed prompts."""
        return list(self.encoders(OpenClip))

    @property
    def tokens(self) -> list[str]:
        """Encoders whose patch tokens are kept."""
        return [name for name, encoder in self.encoders(Timm).items() if isinstance(encoder, Timm) and encoder.tokens]

    @property
    @abstractmethod
    def classifiers(self) -> Mapping[str, Mapping[str, object]]:
        """Zero-shot classifiers by attribute and name; empty if none is configured."""

    @property
    def predictor(self) -> str | None:
        """The encoder whose zero-shot predictions the analyses use: the first that embeds prompts."""
        return self.texts[0] if self.classifiers else None

    @property
    def main_classifier(self) -> tuple[str, str] | None:
        """First audited attribute and its first classifier, the subject of a labelled folder's headline."""
        for attribute in self.audited:
            return attribute, next(iter(self.classifiers[attribute]))
        return None

    @property
    @abstractmethod
    def balanced(self) -> tuple[list[str], dict[str, tuple[str, str]]]:
        """Attributes that the keep-list equalises: columns of the manifest, and predicted attributes."""

    @property
    @abstractmethod
    def traits(self) -> set[Trait]:
        """Traits of this kind of dataset, which decide its tables and figures."""

    @property
    def scope(self) -> Scope:
        """The scope that decides which tables and figures the dataset has."""
        held: set[Trait] = {"several spaces"} if len(self.picture_spaces) > 1 else set()
        return Scope(frozenset(self.traits | held), list(self.spaces), self.picture_spaces, self.scored)

    @property
    def scored(self) -> list[str]:
        """Encoders that score how well an image shows its prompt; empty if there are no prompts."""
        return []

    @property
    def axis(self) -> list[str]:
        """Neutral followed by the groups; empty if there are no groups."""
        return ["neutral", *self.groups] if self.groups else []


class GeneratedPlan(DatasetPlan):
    """A dataset of images generated from prompts."""

    settings: GeneratedDataset

    def __init__(self, name: str, settings: GeneratedDataset, study: Study):
        super().__init__(name, settings, study)
        self.groups = list(settings.prompts.groups)
        self.pairs = _pairs(self.groups, study.inference.contrasts)
        self.attributes = ["group", "category"]
        self.audited, self.predicted, self.published = {}, {}, {}
        self.max_pixels = MAX_PIXELS
        if settings.planted:
            _check_table(f"datasets.{name}.planted", settings.planted)
        self._check_shards()

    def _check_shards(self) -> None:
        """Check that the activities of every shard fit on the command line of its prompts job."""
        room = LONGEST_SETTINGS - len(shlex.quote(canonical_json(self.settings.prompts.model_dump())))
        if room < LONGEST_SETTINGS // 2:
            raise ConfigError(
                f"datasets.{self.name}.prompts: the templates are too long in total; shorten or remove some"
            )
        shards = self.synthesis.values()
        longest = max(len(shlex.quote(canonical_json([vars(activity) for activity in shard]))) for shard in shards)
        if longest > room:
            wanted = self.settings.shards.synthesis * longest // room + 1
            raise ConfigError(
                f"datasets.{self.name}.shards.synthesis: the activities of a shard take {longest} characters, only "
                f"{room} fit; set it to {wanted} or more"
            )

    @cached_property
    def activities(self) -> list[Activity]:
        """The activities of the people in the images."""
        choice = self.settings.activities
        return select(read_activities(find(choice.file)), choice)

    @cached_property
    def synthesis(self) -> dict[str, list[Activity]]:
        """Activities by synthesis shard; empty shards are left out."""
        count = self.settings.shards.synthesis
        shards: dict[str, list[Activity]] = {}
        for activity in self.activities:
            shards.setdefault(shard_name(shard_index(activity.id, count), count), []).append(activity)
        return dict(sorted(shards.items()))

    def _embedding_shard(self, activity: Activity) -> str:
        count = self.settings.shards.embedding
        return shard_name(shard_index(activity.id, count), count)

    @cached_property
    def embedding_shards(self) -> list[str]:
        return sorted({self._embedding_shard(activity) for activity in self.activities})

    def covered(self, shard: str) -> list[str]:
        return [name for name, activities in self.synthesis.items() if self._embedding_shard(activities[0]) == shard]

    def shards(self, folder: str) -> list[str]:
        return list(self.synthesis) if folder in ("prompts", "images", "latents") else self.embedding_shards

    def encoders(self, *kinds: type) -> dict[str, Encoder]:
        """All but VAE encoders: generated images already have the sampler's latents (docs/method.md section 2)."""
        encoders = super().encoders(*kinds)
        return {name: encoder for name, encoder in encoders.items() if not isinstance(encoder, Vae)}

    @cached_property
    def spaces(self) -> dict[str, Space]:
        texts = {f"{name}_text": Space(f"embeddings/{name}_text", key="prompt_key") for name in self.texts}
        return super().spaces | texts | {"latents": Space("latents", column="latents")}

    @property
    def shared_noise(self) -> bool:
        """Whether all activities start from the noise of their seed, so that they are not independent."""
        return self.settings.synthesis.noise == "shared"

    @property
    def unguided(self) -> str | None:
        """The dataset that differs from this one only in being drawn without guidance, if the study has one."""
        own = self.settings.synthesis
        if own.guidance <= 1:
            return None
        same = ("activities", "prompts", "model")
        for name, other in self.study.datasets.items():
            if not isinstance(other, GeneratedDataset) or other.synthesis.guidance > 1:
                continue
            alike = all(getattr(other, key) == getattr(self.settings, key) for key in same)
            if alike and other.synthesis == own.model_copy(update={"guidance": other.synthesis.guidance}):
                return name
        return None

    @property
    def original_rows(self) -> list[tuple[str, str, str, str]]:
        """Label, space, metric and difference from the published code of each row of the original study's table."""
        texts = [space for space in self.spaces if space not in self.picture_spaces]
        rows = [(f"{space.removesuffix('_text')} prompts", space, "cosine", "") for space in texts]
        for space in self.picture_spaces:
            difference = "class token; the published code took the mean of all tokens" if space in self.tokens else ""
            if space == "latents":
                difference = "the sampler's latents; the published code encoded the finished image with the VAE"
            rows.append((space.replace("_image", " images"), space, "cosine", difference))
            if space in self.tokens:
                rows.append((f"{space} mean of tokens", f"{space}_mean", "cosine", "as in the published code"))
        named = [metric for metric in of("tokens") if metric.row]
        return rows + [
            (f"{name} {metric.row}", name, metric.name, metric.published) for name in self.tokens for metric in named
        ]

    @property
    def traits(self) -> set[Trait]:
        has: dict[Trait, object] = {
            "generated": True,
            "planted": self.settings.planted,
            "readout": self.settings.readout,
            "depicted": self.world_files and self.groups == list(AGES),
        }
        return {trait for trait, value in has.items() if value}

    @property
    def scored(self) -> list[str]:
        return self.texts

    @property
    def planted_files(self) -> list[str]:
        """The table of known shares, of a model whose bias was planted."""
        return [self.settings.planted] if self.settings.planted else []

    @property
    def world_files(self) -> list[str]:
        """The files of the world whose shares were planted, from which a pixel oracle tells what is depicted."""
        if not self.settings.planted:
            return []
        folder = Path(self.settings.planted).parent
        files = [Path(self.settings.planted), folder / "world.json", folder / "sprites.png"]
        whole = files[0].name == "world.csv" and all(find(file).is_file() for file in files)
        return [file.as_posix() for file in files] if whole else []

    @property
    def classifiers(self) -> Mapping[str, Mapping[str, object]]:
        """A single classifier, for the group."""
        return {"group": {"group": self.settings.zero_shot}} if self.settings.zero_shot else {}

    @property
    def balanced(self) -> tuple[list[str], dict[str, tuple[str, str]]]:
        """Only the requested group, because categories describe activities, not people."""
        return ["group"], {}


class FolderPlan(DatasetPlan):
    """A dataset of existing images."""

    settings: FolderDataset

    def __init__(self, name: str, settings: FolderDataset, study: Study, notes: Path | None, as_planned: bool):
        super().__init__(name, settings, study)
        self.groups, self.pairs = [], []
        self.attributes = settings.columns
        self.audited = {
            attribute: list(next(iter(classifiers.values())))
            for attribute, classifiers in settings.zero_shot.items()
            if attribute in settings.columns
        }
        self.predicted = {
            f"{attribute} (zero-shot)": (attribute, next(iter(classifiers)))
            for attribute, classifiers in settings.zero_shot.items()
            if attribute not in settings.columns
        }
        self.published = _published(settings)
        self.max_pixels = settings.max_pixels
        self.survey = self._survey(notes, as_planned)
        if not self.survey.shards:
            raise ConfigError(f"datasets.{name}.path: {settings.path} contains no images; add some or change the path")
        if published := settings.open_images:
            _check_table(f"datasets.{name}.open_images.labels", published.labels)
            _check_table(f"datasets.{name}.open_images.descriptions", published.descriptions)
        elif settings.labels:
            _check_table(f"datasets.{name}.labels.file", settings.labels.file)

    def _survey(self, notes: Path | None, as_planned: bool) -> Survey:
        """What the folder holds now or, for a job, held when its run was planned."""
        surveyed = digest([self.settings.path, self.settings.shards, self.settings.captions])
        place = notes and notes / f"{self.name}-{surveyed[:16]}"
        if place and as_planned and (found := recall(place.with_suffix(".plan.json"))):
            return found
        folder = find(self.settings.path)
        if not os.path.isdir(folder):  # unlike Path.is_dir, this also works for names that no file system accepts
            raise ConfigError(f"datasets.{self.name}.path: no folder {folder}; give the folder that holds the images")
        notes_of_files = place and place.with_suffix(".files.json")
        found = survey(folder, self.settings.shards, notes_of_files, captions=self.settings.captions)
        if place:
            remember(place.with_suffix(".plan.json"), found)
        return found

    def fingerprint(self, shard: str) -> str:
        """Digest of the names and contents of a shard's files, whatever their time stamps."""
        return self.survey.shards[shard]

    @property
    def names(self) -> str | None:
        """Digest of all file names if labels are matched by file name, else None.

        A new file can make another file's name ambiguous, or a label common enough to be used.
        """
        return self.survey.names if self.settings.labels or self.settings.open_images else None

    @cached_property
    def embedding_shards(self) -> list[str]:
        return list(self.survey.shards)

    def covered(self, shard: str) -> list[str]:
        return [shard]

    @property
    def label_files(self) -> list[str]:
        """Tables of labels supplied by the user."""
        if published := self.settings.open_images:
            return [published.labels, published.descriptions]
        return [self.settings.labels.file] if self.settings.labels else []

    @property
    def traits(self) -> set[Trait]:
        has: dict[Trait, object] = {
            "audited": self.audited,
            "captioned": self.settings.captioned,
            "published": self.published,
        }
        return {trait for trait, value in has.items() if value}

    @property
    def classifiers(self) -> Mapping[str, Mapping[str, object]]:
        return self.settings.zero_shot

    @property
    def balanced(self) -> tuple[list[str], dict[str, tuple[str, str]]]:
        everything = [*self.attributes, *self.settings.zero_shot]
        chosen = everything if self.settings.balance is None else self.settings.balance
        predicted = {column: about for column, about in self.predicted.items() if about[0] in chosen}
        return [column for column in self.attributes if column in chosen], predicted


class Plan:
    """A validated study together with the files on disk that its configuration refers to.

    Parameters
    ----------
    study : schema.Study
    notes : Path or None
        Folder in which the contents of pictures are remembered from one planning to the next.
    as_planned : bool
        Whether this is a job of a run: it takes the contents of folders from the notes of the run's planning.

    Attributes
    ----------
    study : schema.Study
    datasets : dict of str to DatasetPlan

    Raises
    ------
    ConfigError
        If a table, model folder or image folder is missing or unusable. The message names the key and the remedy.
    """

    def __init__(self, study: Study, notes: Path | None = None, as_planned: bool = False):
        self.study = study
        for key, source in self.sources.items():
            own = key if key.endswith(".vae") else f"{key}.source"
            _check_source(own, source, pipeline=key.startswith("models.") and key != own)
        self.datasets: dict[str, DatasetPlan] = {
            name: GeneratedPlan(name, dataset, study)
            if isinstance(dataset, GeneratedDataset)
            else FolderPlan(name, dataset, study, notes, as_planned)
            for name, dataset in study.datasets.items()
        }

    def __getitem__(self, dataset: str) -> DatasetPlan:
        return self.datasets[dataset]

    @property
    def generated(self) -> dict[str, GeneratedPlan]:
        """The datasets of generated images."""
        return {name: plan for name, plan in self.datasets.items() if isinstance(plan, GeneratedPlan)}

    @property
    def folders(self) -> dict[str, FolderPlan]:
        """The datasets of existing images."""
        return {name: plan for name, plan in self.datasets.items() if isinstance(plan, FolderPlan)}

    @property
    def sources(self) -> dict[str, Source]:
        """Source of each model's weights, by the model's key in the configuration."""
        sources = {f"models.{name}": model.source for name, model in self.study.models.items()}
        sources |= {f"models.{name}.vae": model.vae for name, model in self.study.models.items() if model.vae}
        return sources | {f"encoders.{name}": encoder.source for name, encoder in self.study.encoders.items()}

    @property
    def hub_sources(self) -> list[Source]:
        """Sources that fetch_model downloads."""
        return [source for source in self.sources.values() if source.repository]


def identity(source: Source) -> str:
    """Identity of a model, independent of its location: the pinned revision, or a digest of the local files."""
    return f"{source.repository}@{source.revision}" if source.repository else _content(source.folder)


@cache
def local_files(folder: str) -> list[str]:
    """All files of a local model, sorted."""
    return sorted(file.as_posix() for file in Path(folder).rglob("*") if file.is_file())


def _pairs(groups: list[str], contrasts: list[list[str]] | None) -> list[tuple[str, str]]:
    """The configured contrasts, or all pairs of groups, starting with the first against the last."""
    if contrasts:
        return [(first, second) for first, second in contrasts]
    main = (groups[0], groups[-1])
    return [main, *(pair for pair in combinations(groups, 2) if pair != main)]


def _published(settings: FolderDataset) -> dict[str, str]:
    """Only for a UTKFace folder, because the published figures are about its gender labels."""
    if not settings.utkface:
        return {}
    pairs = {
        name: "/".join(prompts[0] for prompts in classes.values())
        for name, classes in settings.zero_shot.get("gender", {}).items()
        if list(classes) == ["male", "female"] and all(len(prompts) == 1 for prompts in classes.values())
    }
    return {name: pair for name, pair in pairs.items() if pair in PUBLISHED_PAIRS}


@cache
def _content(folder: str) -> str:
    whole = hashlib.sha256()
    for file in local_files(folder):
        whole.update(f"{Path(file).relative_to(folder).as_posix()}\0{file_digest(Path(file))}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def _check_table(key: str, path: str) -> None:
    place = find(path)
    # A FIFO would be waited for without end.
    if not os.path.isfile(place):
        what = "is not a file" if os.path.exists(place) else "does not exist"
        raise ConfigError(f"{key}: {place} {what}; give the path of the table, relative to the folder of the study")


def _check_source(key: str, source: Source, pipeline: bool) -> None:
    if source.path is None:
        return
    folder = Path(source.folder)
    if pipeline and os.path.isfile(folder) and (problem := pipeline_problem(folder)):
        raise ConfigError(f"{key}.path: {problem}")
    if not os.path.isdir(folder):
        raise ConfigError(f"{key}.path: no folder {folder}; put the model there or give a repository and revision")
    if not any(folder.rglob("*.safetensors")):
        pickled = any(file.suffix in PICKLES for file in folder.rglob("*"))
        what = "only pickled weights, which are refused" if pickled else "no weights"
        raise ConfigError(f"{key}.path: {folder} contains {what}; add .safetensors files")
    for name in local_files(source.folder):
        if reason := runs_code(Path(name), folder):
            raise ConfigError(f"{key}.path: {name} {reason}; remove it, if the model needs no code")
    if pipeline and (problem := pipeline_problem(folder)):
        raise ConfigError(f"{key}.path: {problem}")
