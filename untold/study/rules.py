"""Functions for the rules: the files and names of a study."""

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from untold.base.identity import canonical_json, file_digest
from untold.base.places import find
from untold.catalogue import figures, tables
from untold.study.plan import Plan
from untold.study.schema_base import MODELS, ConfigError
from untold.study.schema_models import Source
from untold.study.survey import State, state
from untold.study.tracking import code_digest


class Wildcards(Protocol):
    """The wildcards of a job; which ones there are depends on the rule."""

    def __getattr__(self, name: str) -> str: ...


def as_json(choose: Callable[[Wildcards], Mapping[str, Any]]) -> Callable[[Wildcards], str]:
    """The one settings param of a rule: canonical JSON of exactly the configuration it depends on.

    Snakemake compares params as a set of representations without names; as one text, swapped values differ.
    """
    return lambda wildcards: canonical_json(choose(wildcards))


def code_of(root: Path) -> Callable[..., Callable[[Wildcards], str]]:
    """Create the function that gives a rule's ``code`` param.

    Returns
    -------
    callable
        ``code("project")`` is a param with the digest of ``scripts/project.py`` and all that it imports; further
        arguments are files that it reads. The digest is computed once, when a job first asks for it.
    """

    def code(script: str, *files: str, pinned: bool = True) -> Callable[[Wildcards], str]:
        found = cache(lambda: code_digest(f"scripts/{script}.py", root, files, pinned=pinned))
        return lambda wildcards: found()

    return code


def scaled_by_attempt(amount: int) -> Callable[[Wildcards, int], int]:
    """Memory or time of a job: where the profile allows retries, a second attempt gets twice as much."""
    return lambda wildcards, attempt: amount * attempt


def alternatives(names: Iterable[str]) -> str:
    """A wildcard constraint that allows these names.

    Examples
    --------
    >>> alternatives(["people", "faces"])
    'people|faces'
    >>> alternatives([])  # matches nothing
    '(?!)'
    """
    return "|".join(names) or "(?!)"


def shard_files(plan: Plan, dataset: str, folder: str) -> list[str]:
    """All files of one folder of a dataset, such as ``images`` or ``embeddings/clip``."""
    return [f"{plan.study.results}/{dataset}/{folder}/{shard}.parquet" for shard in plan[dataset].shards(folder)]


def by_name(choose: Callable[[Wildcards], Mapping[str, Sequence[str]]]) -> Callable[[Wildcards], str]:
    """Words of a command line for files that a script takes by name: ``dino= FILE FILE latents= FILE``.

    Parameters
    ----------
    choose : callable
        The files of each name for a job's wildcards; a name may have none.
    """
    return lambda wildcards: " ".join(
        word for name, files in choose(wildcards).items() for word in (f"{name}=", *map(shlex.quote, files))
    )


def flat(choose: Callable[[Wildcards], Mapping[str, Sequence[str]]]) -> Callable[[Wildcards], list[str]]:
    """The same files as inputs of the job."""
    return lambda wildcards: [file for files in choose(wildcards).values() for file in files]


def table_files(plan: Plan, dataset: str, names: Iterable[str]) -> list[str]:
    """Where the tables of a dataset are."""
    return [f"{plan.study.results}/tables/{dataset}-{name}.csv" for name in names]


def figure_stems(plan: Plan, dataset: str) -> list[str]:
    """Where the figures of a dataset are, without ``.svg`` and ``.png``."""
    return [f"{plan.study.results}/figures/{dataset}-{name}" for name in figures.figures(plan[dataset].scope)]


def dataset_outputs(plan: Plan, dataset: str) -> list[str]:
    """Everything that the default target makes of one dataset."""
    results = plan.study.results
    return [
        *table_files(plan, dataset, tables.tables(plan[dataset].scope)),
        *(f"{results}/figures/{dataset}-{space}-contact_sheet.png" for space in plan[dataset].picture_spaces),
        f"{results}/{dataset}/projections.parquet",
        *(f"{stem}.{kind}" for stem in figure_stems(plan, dataset) for kind in ("svg", "png")),
    ]


def study_outputs(plan: Plan) -> list[str]:
    """Everything that the default target makes."""
    return [
        *(file for name in plan.datasets for file in dataset_outputs(plan, name)),
        f"{plan.study.results}/report.html",
    ]


def page_files(plan: Plan) -> dict[str, dict[str, list[str]]]:
    """What the page reads, by option of its script and dataset."""
    results = plan.study.results

    def files_of(name: str) -> dict[str, list[str]]:
        spaces = plan[name].spaces
        return {
            "tables": table_files(plan, name, tables.page_tables(plan[name].scope)),
            "figures": [f"{stem}.svg" for stem in figure_stems(plan, name)],
            "projections": [f"{results}/{name}/projections.parquet"],
            "images": shard_files(plan, name, "images"),
            "similarity": shard_files(plan, name, "similarity") if name in plan.generated else [],
            "clusters": [f"{results}/{name}/clusters/{space}.parquet" for space in spaces],
            "representatives": [f"{results}/{name}/representatives/{space}.parquet" for space in spaces],
        }

    read = {name: files_of(name) for name in plan.datasets}
    return {option: {name: files[option] for name, files in read.items()} for option in next(iter(read.values()))}


def provenance_files(plan: Plan) -> list[str]:
    """The records of how the images and the vectors of the prompts of each shard were made."""
    folder = f"{plan.study.results}/provenance"
    files = []
    for name, made in plan.generated.items():
        files += [f"{folder}/synthesise/{name}/{shard}.json" for shard in made.synthesis]
        files += [
            f"{folder}/embed_prompts/{name}/{encoder}/{shard}.json"
            for encoder in made.texts
            for shard in made.embedding_shards
        ]
    return files


def crate_files(plan: Plan) -> list[str]:
    """The tables, figures and page that the crate holds."""
    read = page_files(plan)
    files = [file for name in plan.datasets for file in read["tables"][name] + read["figures"][name]]
    return [*files, f"{plan.study.results}/report.html"]


def own_files(paths: Iterable[str]) -> list[str]:
    """Files that people wrote, where they are."""
    return [find(path).as_posix() for path in paths]


def digests(paths: Iterable[str]) -> list[str]:
    """What files that people wrote hold: content decides about a rerun, not a time stamp.

    Raises
    ------
    ConfigError
        If a file cannot be read.
    """
    try:
        return [_digest(found, state(found)) for found in map(find, paths)]
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}; name a table that can be read") from None


@cache
def _digest(path: Path, known: State) -> str:
    """Digest of a file in a known state; each shard's settings ask for it anew."""
    return file_digest(path)


def model_manifest(source: Source) -> str:
    """Written last by fetch_model: its presence means that the download is complete."""
    return f"{source.folder}/manifest.json"


def hub_request(plan: Plan, repository: str, revision: str) -> dict[str, Any]:
    """One revision and the files that all its uses in the study ask for; every file when one use names none."""
    wanted = f"{MODELS}/{repository}/{revision}/manifest.json"
    uses = [source for source in plan.hub_sources if model_manifest(source) == wanted]
    files = (
        None if any(use.files is None for use in uses) else sorted({name for use in uses for name in use.files or []})
    )
    return {"repository": uses[0].repository, "revision": uses[0].revision, "files": files}


def compared_studies(folders: str | Sequence[str]) -> dict[str, tuple[str, str]]:
    """Folder and dataset of each finished study, under a name that tells them apart.

    Raises
    ------
    ConfigError
        If a folder holds no finished study.
    """
    named = {}
    for folder in map(str, [folders] if isinstance(folders, str) else folders):
        tables = Path(folder).glob("tables/*-contrasts.csv")
        datasets = sorted(path.name.removesuffix("-contrasts.csv") for path in tables)
        if not datasets:
            raise ConfigError(f"studies: {folder} holds no finished study (tables/*-contrasts.csv); run it first")
        for dataset in datasets:
            named[folder if len(datasets) == 1 else f"{folder}: {dataset}"] = (folder, dataset)
    return named


def packed_code(root: Path) -> list[str]:
    """The workflow's own files for the crate, relative to ``root``; the Snakefile is added as the workflow itself."""
    patterns = ("rules/**/*.*", "scripts/**/*.*", "untold/**/*.*")
    files = [path for pattern in patterns for path in root.glob(pattern)]
    return sorted(path.relative_to(root).as_posix() for path in files if "__pycache__" not in path.parts)
