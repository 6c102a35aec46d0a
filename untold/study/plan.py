"""What a study consists of, known before any job: activities, shards, encoders, model folders and their identities."""

import hashlib
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path

from untold.base.identity import canonical_json, digest, file_digest, shard_index, shard_name
from untold.catalogue.metrics import of
from untold.study.activities import Activity, read_activities, select
from untold.study.schema import Study
from untold.study.schema_base import ConfigError
from untold.study.schema_datasets import FolderDataset, GeneratedDataset
from untold.study.schema_encoders import Encoder, OpenClip, Timm, Vae
from untold.study.schema_models import Source

# Characters of a prompts job's settings, which travel on its command line; Linux takes 131 072 in one argument.
LONGEST_SETTINGS = 100_000
PUBLISHED_PAIRS = ("male/female", "man/woman", "boy/girl")  # of method.md section 9
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


@dataclass(frozen=True)
class Space:
    """Where the vectors of a space are: folder below the dataset, column, and what their keys identify."""

    folder: str
    column: str = "vector"
    key: str = "key"


class Plan:
    """A checked study together with what its configuration points to on disk.

    Raises
    ------
    ConfigError
        When a table, model folder or image folder is missing or unusable; the message names key and remedy.
    """

    def __init__(self, study: Study):
        self.study = study
        for name, model in study.models.items():
            self._check_source(f"models.{name}.source", model.source)
            if model.vae:
                self._check_source(f"models.{name}.vae", model.vae)
        for name, encoder in study.encoders.items():
            self._check_source(f"encoders.{name}.source", encoder.source)
        for name, dataset in study.datasets.items():
            if isinstance(dataset, GeneratedDataset):
                self._check_shards(name)
            elif not self.files(name):
                raise ConfigError(f"datasets.{name}.path: {dataset.path} holds no image")

    @staticmethod
    def _check_source(key: str, source: Source) -> None:
        if source.path is None:
            return
        folder = Path(source.path)
        if not os.path.isdir(folder):  # unlike Path.is_dir, also for names that no file system takes
            raise ConfigError(f"{key}.path: no folder {folder}; put the model there or name a repository and revision")
        if not any(folder.rglob("*.safetensors")):
            pickled = any(file.suffix in PICKLES for file in folder.rglob("*"))
            what = "only pickled weights, which are refused" if pickled else "no weights"
            raise ConfigError(f"{key}.path: {folder} holds {what}; it needs .safetensors files")

    def _check_shards(self, name: str) -> None:
        dataset = self.study.datasets[name]
        room = LONGEST_SETTINGS - len(shlex.quote(canonical_json(dataset.prompts.model_dump())))
        if room < LONGEST_SETTINGS // 2:
            raise ConfigError(f"datasets.{name}.prompts: the templates are too long together; shorten or remove some")
        shards = self.synthesis(name).values()
        longest = max(len(shlex.quote(canonical_json([vars(activity) for activity in shard]))) for shard in shards)
        if longest > room:
            wanted = dataset.shards.synthesis * longest // room + 1
            raise ConfigError(
                f"datasets.{name}.shards.synthesis: the activities of a shard take {longest} characters, {room} fit; "
                f"set {wanted} or more"
            )

    @cache  # noqa: B019 - one plan lives as long as the process
    def activities(self, dataset: str) -> list[Activity]:
        """The activities of a generated dataset."""
        choice = self.study.datasets[dataset].activities
        return select(read_activities(Path(choice.file)), choice)

    @cache  # noqa: B019
    def synthesis(self, dataset: str) -> dict[str, list[Activity]]:
        """Activities by synthesis shard; shards without any are left out."""
        count = self.study.datasets[dataset].shards.synthesis
        shards: dict[str, list[Activity]] = {}
        for activity in self.activities(dataset):
            shards.setdefault(shard_name(shard_index(activity.id, count), count), []).append(activity)
        return dict(sorted(shards.items()))

    @cache  # noqa: B019
    def files(self, dataset: str) -> dict[str, int]:
        """Images of a folder dataset by relative path, with their size in bytes."""
        # pandas comes with this import; studies without folders do not wait for it.
        from untold.study.folders import list_images

        folder = Path(self.study.datasets[dataset].path)
        if not os.path.isdir(folder):
            raise ConfigError(f"datasets.{dataset}.path: no folder {folder}; name the folder that holds the images")
        return {file: _size(folder / file) for file in list_images(folder)}

    def fingerprint(self, dataset: str, shard: str) -> str:
        """Digest of the names and sizes of a shard's files: a touched file changes nothing, a new one does."""
        count = self.study.datasets[dataset].shards
        return digest(
            {f: n for f, n in self.files(dataset).items() if shard_name(shard_index(f, count), count) == shard}
        )

    def names(self, dataset: str) -> str | None:
        """Digest of all file names of a folder whose labels are matched by name.

        A new file can make a name ambiguous, or a label common, for any other file.
        """
        settings = self.study.datasets[dataset]
        return digest(list(self.files(dataset))) if settings.labels or settings.open_images else None

    @cache  # noqa: B019
    def embedding_shards(self, dataset: str) -> list[str]:
        """Names of a dataset's embedding shards."""
        settings = self.study.datasets[dataset]
        if isinstance(settings, FolderDataset):
            return sorted(
                {shard_name(shard_index(file, settings.shards), settings.shards) for file in self.files(dataset)}
            )
        count = settings.shards.embedding
        return sorted({shard_name(shard_index(a.id, count), count) for a in self.activities(dataset)})

    def covered(self, dataset: str, shard: str) -> list[str]:
        """The shards of manifests that an embedding shard reads."""
        settings = self.study.datasets[dataset]
        if isinstance(settings, FolderDataset):
            return [shard]
        count = settings.shards.embedding
        return [
            name
            for name, activities in self.synthesis(dataset).items()
            if shard_name(shard_index(activities[0].id, count), count) == shard
        ]

    def encoders(self, dataset: str, *kinds: type) -> dict[str, Encoder]:
        """The encoders that a dataset's images pass through, of the given kinds (all when none is given).

        Generated images have their sampler's latents and no VAE pass (method.md section 2).
        """
        settings = self.study.datasets[dataset]
        generated = isinstance(settings, GeneratedDataset)
        return {
            name: encoder
            for name, encoder in self.study.encoders.items()
            if name in (settings.encoders or self.study.encoders)
            and not (generated and isinstance(encoder, Vae))
            and isinstance(encoder, kinds or object)
        }

    def image_spaces(self, dataset: str) -> dict[str, str]:
        """The space that each encoder's image vectors make."""
        spaces = self.encoders(dataset).items()
        return {name: f"{name}_image" if isinstance(encoder, OpenClip) else name for name, encoder in spaces}

    def spaces(self, dataset: str) -> dict[str, Space]:
        """Every space that a dataset is mapped and clustered in (method.md section 2)."""
        spaces = {space: Space(f"embeddings/{name}") for name, space in self.image_spaces(dataset).items()}
        if isinstance(self.study.datasets[dataset], GeneratedDataset):
            spaces |= {
                f"{name}_text": Space(f"embeddings/{name}_text", key="prompt_key") for name in self.texts(dataset)
            }
            spaces["latents"] = Space("latents", column="latents")
        return spaces

    def pairs(self, dataset: str) -> list[tuple[str, str]]:
        """The contrasts, the main one first: those of the configuration, or first against last group and the rest."""
        groups = list(self.study.datasets[dataset].prompts.groups)
        if self.study.inference.contrasts:
            return [tuple(pair) for pair in self.study.inference.contrasts]
        main = (groups[0], groups[-1])
        return [main, *(pair for pair in combinations(groups, 2) if pair != main)]

    def original_rows(self, dataset: str) -> list[tuple[str, str, str]]:
        """Label, space and metric of the original study's rows: prompts first, the patch similarities last."""
        spaces = self.spaces(dataset)
        texts = [space for space, place in spaces.items() if place.key == "prompt_key"]
        rows = [(f"{space.removesuffix('_text')} prompts", space, "cosine") for space in texts]
        rows += [(space.replace("_image", " images"), space, "cosine") for space in spaces if space not in texts]
        split = [metric for metric in of("tokens") if metric.primary]
        return rows + [(f"{encoder} {m.row}", encoder, m.name) for encoder in self.tokens(dataset) for m in split]

    def attributes(self, dataset: str) -> list[str]:
        """Columns of the manifest that say who or what is shown."""
        settings = self.study.datasets[dataset]
        return ["group", "category"] if isinstance(settings, GeneratedDataset) else settings.columns

    def audited(self, dataset: str) -> dict[str, list[str]]:
        """Label columns of a folder that zero-shot classifiers are held against, with their two labels."""
        settings = self.study.datasets[dataset]
        if isinstance(settings, GeneratedDataset):
            return {}
        return {name: _labels(found) for name, found in settings.zero_shot.items() if name in settings.columns}

    def main_classifier(self, dataset: str) -> tuple[str, str] | None:
        """What a labelled folder's answer is about: its first audited attribute and that one's first classifier."""
        attribute = next(iter(self.audited(dataset)), None)
        return attribute and (attribute, next(iter(self.study.datasets[dataset].zero_shot[attribute])))

    def predicted(self, dataset: str) -> dict[str, tuple[str, str]]:
        """Attributes of a folder that only CLIP tells: the column's name, with attribute and first classifier."""
        settings = self.study.datasets[dataset]
        if isinstance(settings, GeneratedDataset):
            return {}
        return {
            f"{name} (zero-shot)": (name, next(iter(found)))
            for name, found in settings.zero_shot.items()
            if name not in settings.columns
        }

    def balanced(self, dataset: str) -> tuple[list[str], dict[str, tuple[str, str]]]:
        """Attributes that the keep-list equalises: label columns, and predicted ones.

        Of generated images it is the group asked for; categories are of activities, not of people.
        """
        settings = self.study.datasets[dataset]
        if isinstance(settings, GeneratedDataset):
            return ["group"], {}
        chosen = settings.balance if settings.balance is not None else [*settings.columns, *settings.zero_shot]
        predicted = {column: about for column, about in self.predicted(dataset).items() if about[0] in chosen}
        return [column for column in settings.columns if column in chosen], predicted

    def published(self, dataset: str) -> dict[str, str]:
        """Classifiers of a UTKFace folder that are keyword pairs with published figures, with the pair's name."""
        settings = self.study.datasets[dataset]
        if isinstance(settings, GeneratedDataset) or not settings.utkface:
            return {}
        pairs = {
            name: "/".join(prompts[0] for prompts in classes.values())
            for name, classes in settings.zero_shot.get("gender", {}).items()
            if list(classes) == ["male", "female"] and all(len(prompts) == 1 for prompts in classes.values())
        }
        return {name: pair for name, pair in pairs.items() if pair in PUBLISHED_PAIRS}

    def texts(self, dataset: str) -> list[str]:
        """Encoders that embed prompts too."""
        return list(self.encoders(dataset, OpenClip))

    def tokens(self, dataset: str) -> list[str]:
        """Encoders whose patch tokens are kept."""
        return [name for name, encoder in self.encoders(dataset, Timm).items() if encoder.tokens]

    @staticmethod
    def identity(source: Source) -> str:
        """What a model is, whatever its place: the pinned revision, or a digest of the local files' content."""
        return f"{source.repository}@{source.revision}" if source.repository else _content(source.path)


@cache
def local_files(folder: str) -> list[str]:
    """Files of a local model."""
    return sorted(file.as_posix() for file in Path(folder).rglob("*") if file.is_file())


@cache
def _content(folder: str) -> str:
    whole = hashlib.sha256()
    for file in local_files(folder):
        whole.update(f"{Path(file).relative_to(folder).as_posix()}\0{file_digest(Path(file))}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def _labels(classifiers: Mapping[str, Mapping[str, object]]) -> list[str]:
    """The labels of an attribute: every classifier has the same."""
    return list(next(iter(classifiers.values())))


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1  # a broken link: index_images lists it with the reason
