"""Paths, shards, settings and code of the study: functions that the rules share."""

import os
import sys
import tomllib
from functools import partial
from pathlib import Path

sys.path.insert(0, str(workflow.basedir))

from snakemake.exceptions import WorkflowError

from untold.study.tracking import local_imports, prefer_this_interpreter
from untold.study.schema import parse_study
from untold.study.schema_base import MODELS, ConfigError
from untold.study.schema_datasets import GeneratedDataset
from untold.study.schema_encoders import OpenClip, Timm, Vae
from untold.base.devices import gpu_count
from untold.base.identity import canonical_json
from untold.catalogue import figures as figure_catalogue
from untold.catalogue import tables as table_catalogue
from untold.catalogue.scope import Scope
from untold.study.plan import Plan, local_files
from untold.study.runs import join_runs

prefer_this_interpreter()
# Held as long as Snakemake lives: what a killed run had locked is free for the next one.
ALIVE = join_runs(Path(".snakemake"))

# On a machine without GPUs nothing is reserved, and a thread per job leaves the cores to the shards: two threads in one
# job are slower than one in each of two. Clusters ask for their GPUs in profiles/slurm.
GPU = min(gpu_count(), 1)
MODEL_THREADS = 4 if GPU else 1
MAX_PIXELS = 2**26  # of a generated image: 8192 x 8192
CONDA = "../envs/untold.yaml"

SOURCE = ", ".join(map(str, workflow.configfiles)) or "config/config.yaml"

# For the target `compare` only: folders of finished studies.
COMPARED = config.pop("studies", [])

try:
    STUDY = parse_study(config, SOURCE)
except ConfigError as error:
    raise WorkflowError(str(error))
try:
    PLAN = Plan(STUDY)
except ConfigError as error:
    raise WorkflowError(f"{SOURCE}: {error}")

RESULTS = STUDY.results
if Path(RESULTS).exists() and not os.access(RESULTS, os.W_OK):
    raise WorkflowError(
        f"{SOURCE}: results: {RESULTS} cannot be written to (read-only, or another user's); "
        "give this user the right to write there, or name another folder"
    )
GENERATED = [name for name, dataset in STUDY.datasets.items() if isinstance(dataset, GeneratedDataset)]
WITH_TOKENS = [name for name, encoder in STUDY.encoders.items() if isinstance(encoder, Timm) and encoder.tokens]
FOLDERS = [name for name in STUDY.datasets if name not in GENERATED]
HUB_SOURCES = [
    source
    for source in [
        *(source for model in STUDY.models.values() for source in (model.source, model.vae)),
        *(encoder.source for encoder in STUDY.encoders.values()),
    ]
    if source and source.repository
]


def settings(choose):
    """The one param of a rule: canonical JSON of exactly the configuration it depends on.

    Snakemake compares params as a set of representations without names; as one text, swapped values differ.
    """
    return lambda wildcards: canonical_json(choose(wildcards))


def growing(amount):
    """Memory or time of a job: where the profile allows retries, a second attempt gets twice as much."""
    return lambda wildcards, attempt: amount * attempt


def code_files(script):
    """The script and every local module it imports: inputs, so that an edit reruns what uses it and nothing else."""
    return list(local_imports(script, str(workflow.basedir)))


def weights(source):
    """Inputs that stand for a model's weights.

    A local model's content is in the rule's settings as a digest, so its files need no time stamps.
    """
    return [ancient(path) for path in local_files(source.path)] if source.path else [manifest(source)]


def manifest(source):
    """What fetch_model writes last."""
    return f"{source.folder}/manifest.json"


def shards_of(dataset, folder):
    """All files of one folder of a dataset: manifests, prompts and latents come by synthesis shard."""
    by_synthesis = dataset in GENERATED and folder in ("prompts", "images", "latents")
    shards = PLAN.synthesis(dataset) if by_synthesis else PLAN.embedding_shards(dataset)
    return [f"{RESULTS}/{dataset}/{folder}/{shard}.parquet" for shard in shards]


def whole(folder):
    """The same for the dataset in the wildcards."""
    return lambda wildcards: shards_of(wildcards.dataset, folder)


def space_vectors(wildcards):
    return shards_of(wildcards.dataset, PLAN.spaces(wildcards.dataset)[wildcards.space].folder)


def space_subjects(wildcards):
    space = PLAN.spaces(wildcards.dataset)[wildcards.space]
    return shards_of(wildcards.dataset, "images" if space.key == "key" else "prompts")


def synthesis_shards(pattern):
    """The synthesis shards that one embedding shard covers; a folder's shards are their own."""
    return lambda wildcards: [
        pattern.format(results=RESULTS, dataset=wildcards.dataset, shard=shard)
        for shard in PLAN.covered(wildcards.dataset, wildcards.shard)
    ]


def one_of(names):
    """A wildcard constraint; one that nothing matches when there is no name."""
    return "|".join(names) or "(?!)"


def prompt_settings(wildcards):
    dataset = STUDY.datasets[wildcards.dataset]
    return {
        "activities": [vars(activity) for activity in PLAN.synthesis(wildcards.dataset)[wildcards.shard]],
        "prompts": dataset.prompts.model_dump(),
        "first_seed": dataset.first_seed,
        "seeds": dataset.seeds,
        "neutral_seeds": dataset.neutral_seeds or dataset.seeds,
        "noise": dataset.synthesis.noise,
    }


def synthesis_settings(wildcards):
    dataset = STUDY.datasets[wildcards.dataset]
    model = STUDY.models[dataset.model]
    vae = used_vae(dataset)
    return {
        "synthesis": dataset.synthesis.model_dump(),
        "model": model.source.model_dump(exclude_none=True),
        "vae": vae and vae.model_dump(exclude_none=True),
        "identity": {"model": PLAN.identity(model.source), "vae": vae and PLAN.identity(vae)},
        "variant": model.variant,
    }


def used_vae(dataset):
    """Only the fast profile decodes with the model's alternative VAE."""
    return STUDY.models[dataset.model].vae if dataset.synthesis.profile == "fast" else None


def synthesis_weights(wildcards):
    dataset = STUDY.datasets[wildcards.dataset]
    sources = [STUDY.models[dataset.model].source, used_vae(dataset)]
    return [file for source in sources if source for file in weights(source)]


def encoder_weights(wildcards):
    return weights(STUDY.encoders[wildcards.encoder].source)


def index_settings(wildcards):
    return {
        "dataset": STUDY.datasets[wildcards.dataset].model_dump(exclude={"zero_shot", "balance", "encoders"}),
        "names": PLAN.names(wildcards.dataset),
        "files": PLAN.fingerprint(wildcards.dataset, wildcards.shard),
        "shard": int(wildcards.shard.split("-")[0]),
    }


def encoder_settings(wildcards):
    encoder = STUDY.encoders[wildcards.encoder]
    dataset = STUDY.datasets[wildcards.dataset]
    return {
        "encoder": encoder.model_dump(exclude_none=True),
        "weights": PLAN.identity(encoder.source),
        "max_pixels": getattr(dataset, "max_pixels", MAX_PIXELS),
    }


def text_settings(wildcards):
    encoder = STUDY.encoders[wildcards.encoder]
    return {"encoder": encoder.model_dump(exclude_none=True), "weights": PLAN.identity(encoder.source)}


def similarity_settings(wildcards):
    return {"dataset": wildcards.dataset}


def projection_settings(wildcards):
    spaces = PLAN.spaces(wildcards.dataset).items()
    return {
        "projections": STUDY.projections.model_dump(),
        "spaces": {name: [space.column, space.key] for name, space in spaces},
    }


def cluster_settings(wildcards):
    space = PLAN.spaces(wildcards.dataset)[wildcards.space]
    return {
        "clusters": STUDY.clusters.model_dump(exclude={"permutations", "duplicate_cosine"}),
        "space": wildcards.space,
        "column": space.column,
        "key": space.key,
    }


def composition_settings(wildcards):
    space = PLAN.spaces(wildcards.dataset)[wildcards.space]
    generated = wildcards.dataset in GENERATED
    return {
        "space": wildcards.space,
        "column": space.column,
        "key": space.key,
        "attributes": PLAN.attributes(wildcards.dataset),
        "predicted": PLAN.predicted(wildcards.dataset),
        "nested": generated,
        "seed": STUDY.clusters.seed,
        "draws": STUDY.clusters.permutations,
        "confidence": STUDY.inference.confidence,
    }


def rebalance_settings(wildcards):
    attributes, predicted = PLAN.balanced(wildcards.dataset)
    return {
        "space": wildcards.space,
        "column": PLAN.spaces(wildcards.dataset)[wildcards.space].column,
        "attributes": attributes,
        "predicted": predicted,
        "duplicate_cosine": STUDY.clusters.duplicate_cosine,
        "seed": STUDY.clusters.seed,
    }


def rejects_settings(wildcards):
    return {"dataset": wildcards.dataset}


def captions_settings(wildcards):
    return {"space": wildcards.space}


def agreement_settings(wildcards):
    return {"dataset": wildcards.dataset, "spaces": picture_spaces(wildcards.dataset)}


def published_settings(wildcards):
    return {"dataset": wildcards.dataset, "pairs": PLAN.published(wildcards.dataset)}


def sheet_settings(wildcards):
    dataset = STUDY.datasets[wildcards.dataset]
    max_pixels = getattr(dataset, "max_pixels", MAX_PIXELS)
    return {"dataset": wildcards.dataset, "space": wildcards.space, "max_pixels": max_pixels}


def picture_spaces(dataset):
    """Spaces of images, not of prompts."""
    return [space for space, place in PLAN.spaces(dataset).items() if place.key == "key"]


def inference_dump():
    return STUDY.inference.model_dump()


def score_settings(wildcards):
    return {"dataset": wildcards.dataset, "encoder": wildcards.encoder, "inference": inference_dump()}


def reference_settings(wildcards):
    """Floor and ceiling are of images: prompts have no seeds."""
    spaces = PLAN.spaces(wildcards.dataset).items()
    return {
        "dataset": wildcards.dataset,
        "spaces": {name: space.column for name, space in spaces if space.key == "key"},
        "inference": inference_dump(),
    }


def inference_settings(wildcards):
    name = wildcards.dataset
    dataset = STUDY.datasets[name]
    return {
        "dataset": name,
        "groups": list(dataset.prompts.groups),
        "placebos": list(dataset.prompts.placebos),
        "pairs": PLAN.pairs(name),
        "rows": PLAN.original_rows(name),
        "inference": inference_dump(),
    }


def position_settings(wildcards):
    name = wildcards.dataset
    return {
        "dataset": name,
        "groups": list(STUDY.datasets[name].prompts.groups),
        "space": f"{PLAN.texts(name)[0]}_image" if PLAN.texts(name) else None,
        "inference": inference_dump(),
    }


def classifier_settings(wildcards):
    dataset = STUDY.datasets[wildcards.dataset]
    generated = wildcards.dataset in GENERATED
    return {
        **text_settings(wildcards),
        "attributes": {"group": {"group": dataset.zero_shot}} if generated else dataset.zero_shot,
    }


def audit_settings(wildcards):
    return {
        "dataset": wildcards.dataset,
        "attributes": PLAN.audited(wildcards.dataset),
        "groups": PLAN.attributes(wildcards.dataset),
        "seed": STUDY.inference.seed,
        "confidence": STUDY.inference.confidence,
    }


def zero_shot_predictions(dataset):
    """Predictions of the first encoder that reads prompts, where the dataset says what to ask it."""
    encoders = PLAN.texts(dataset) if STUDY.datasets[dataset].zero_shot else []
    return [f"{RESULTS}/{dataset}/predictions/{encoder}.parquet" for encoder in encoders[:1]]


def planted_shares(wildcards):
    planted = STUDY.datasets[wildcards.dataset].planted
    return [planted] if planted else []


def tables_of(stage):
    """The files of a script that writes several tables."""
    return [f"{RESULTS}/tables/{{dataset}}-{name}.csv" for name in table_catalogue.tables_of(stage)]


def model_settings(wildcards):
    """One revision and the files that all its uses in the study ask for; every file when one names none."""
    uses = [
        source
        for source in HUB_SOURCES
        if manifest(source) == f"{MODELS}/{wildcards.repository}/{wildcards.revision}/manifest.json"
    ]
    patterns = None if any(use.files is None for use in uses) else sorted({file for use in uses for file in use.files})
    return {"repository": uses[0].repository, "revision": uses[0].revision, "files": patterns}


def labels_files(wildcards):
    dataset = STUDY.datasets[wildcards.dataset]
    if dataset.open_images:
        return [dataset.open_images.labels, dataset.open_images.descriptions]
    return [dataset.labels.file] if dataset.labels else []


def predicted_attributes(wildcards):
    """Predictions, where an attribute has no other source."""
    return zero_shot_predictions(wildcards.dataset) if PLAN.predicted(wildcards.dataset) else []


def folder_rejects(wildcards):
    """Generated images that fail are in their manifests."""
    return shards_of(wildcards.dataset, "rejects") if wildcards.dataset in FOLDERS else []


def per_encoder(encoders, place):
    """A shard's file of each encoder by the space it makes; none where the dataset in the wildcards lacks the encoder.

    Parameters
    ----------
    encoders : function of a dataset
        Spaces by encoder.
    """
    spaces = {encoder: space for name in GENERATED for encoder, space in encoders(name).items()}

    def file(encoder, wildcards):
        known = encoder in encoders(wildcards.dataset)
        folder = f"{RESULTS}/{wildcards.dataset}/{place.format(encoder=encoder)}"
        return [f"{folder}/{wildcards.shard}.parquet"] if known else []

    return {space: partial(file, encoder) for encoder, space in spaces.items()}


def text_spaces(dataset):
    return {encoder: f"{encoder}_text" for encoder in PLAN.texts(dataset)}


def token_spaces(dataset):
    return {encoder: encoder for encoder in PLAN.tokens(dataset)}


def scope(name):
    """What decides which tables and figures of the catalogue a dataset has."""
    dataset, pictures = STUDY.datasets[name], picture_spaces(name)
    traits = {
        "generated": name in GENERATED,
        "planted": name in GENERATED and dataset.planted,
        "audited": PLAN.audited(name),
        "captioned": name in FOLDERS and dataset.labels and dataset.labels.caption,
        "published": PLAN.published(name),
        "several spaces": len(pictures) > 1,
    }
    held = frozenset(trait for trait, has in traits.items() if has)
    return Scope(held, list(PLAN.spaces(name)), pictures, PLAN.texts(name) if name in GENERATED else [])


def table_files(name, tables):
    return [f"{RESULTS}/tables/{name}-{table}.csv" for table in tables]


def results_of(name):
    """The tables of a dataset that the page reads."""
    return table_files(name, table_catalogue.page_tables(scope(name)))


def analysis_outputs():
    """Everything that the analyses make, before figures and page."""
    wanted = []
    for name in STUDY.datasets:
        wanted += table_files(name, table_catalogue.tables(scope(name)))
        wanted += [f"{RESULTS}/figures/{name}-{space}-contact_sheet.png" for space in picture_spaces(name)]
        wanted.append(f"{RESULTS}/{name}/projections.parquet")
    return wanted


def by_name(option, files):
    """Inputs and command line of files that a script takes by name: ``--vectors dino= FILE FILE latents= FILE``.

    Parameters
    ----------
    files : mapping of str to list of str or function of wildcards
        By name; a name may have none.
    """
    inputs = {f"{option}_{number}": found for number, found in enumerate(files.values())}
    words = [f"{name}= {{input.{option}_{number}}}" for number, name in enumerate(files)]
    return inputs, " ".join([f"--{option}", *words])


def per_dataset(files):
    """The files of each dataset, by its name."""
    return {name: files(name) for name in STUDY.datasets}


def per_space(files, datasets):
    """The files of every space of these datasets, by its name; none where the dataset in the wildcards lacks it."""
    places = {space: place for name in datasets for space, place in PLAN.spaces(name).items()}
    return {space: partial(files, space, place) for space, place in places.items()}


def vectors_of(space, place, wildcards):
    return shards_of(wildcards.dataset, place.folder) if space in PLAN.spaces(wildcards.dataset) else []


def clusters_of(space, place, wildcards):
    known = space in picture_spaces(wildcards.dataset)
    return [f"{RESULTS}/{wildcards.dataset}/clusters/{space}.parquet"] if known else []


def axis(name):
    """The groups of a generated dataset with neutral first; a folder has none."""
    return ["neutral", *STUDY.datasets[name].prompts.groups] if name in GENERATED else []


def figures_of(name):
    """Names of a dataset's figures."""
    return [f"{RESULTS}/figures/{name}-{figure}" for figure in figure_catalogue.figures(scope(name))]


def figure_settings(name, wildcards=None):
    pairs = PLAN.pairs(name) if name in GENERATED else []
    return {
        "dataset": name,
        "highlight": next(iter(PLAN.attributes(name)), None),
        "groups": axis(name),
        "contrast": "-".join(pairs[0]) if pairs else None,
        "keys": {space: place.key for space, place in PLAN.spaces(name).items()},
        "colours": STUDY.report.colours,
        "confidence": STUDY.inference.confidence,
    }


def report_settings(wildcards):
    facts = {}
    for name, dataset in STUDY.datasets.items():
        drawn = figure_settings(name)
        facts[name] = {key: drawn[key] for key in ("groups", "contrast", "keys")}
        facts[name]["kind"] = dataset.kind
        facts[name]["model"] = dataset.model if name in GENERATED else None
        facts[name]["classifier"] = PLAN.main_classifier(name)
        facts[name]["facets"] = [*PLAN.attributes(name), *(["activity"] if name in GENERATED else [])]
    sources = {name: model.source for name, model in STUDY.models.items()}
    sources |= {name: encoder.source for name, encoder in STUDY.encoders.items()}
    return {
        "report": STUDY.report.model_dump(),
        "datasets": facts,
        "confidence": STUDY.inference.confidence,
        "pictures": STUDY.projections.points,
        "study": STUDY.model_dump(exclude={"report"}),
        "identities": {name: PLAN.identity(source) for name, source in sources.items()},
    }


def every(files):
    """The files of all datasets, in the order of the configuration."""
    return [file for name in STUDY.datasets for file in files(name)]


def structure_files(folder):
    return lambda name: [f"{RESULTS}/{name}/{folder}/{space}.parquet" for space in PLAN.spaces(name)]


def study_outputs(wildcards):
    """Everything that the default target makes."""
    figures = [f"{stem}.{kind}" for stem in every(figures_of) for kind in ("svg", "png")]
    return [*analysis_outputs(), *figures, f"{RESULTS}/report.html"]


def compared_studies():
    """Folder and dataset of each finished study that `studies` names, under a name that tells them apart."""
    folders = COMPARED if isinstance(COMPARED, list) else [COMPARED]
    found = {}
    for folder in map(str, folders):
        datasets = sorted(
            path.name.removesuffix("-contrasts.csv") for path in Path(folder).glob("tables/*-contrasts.csv")
        )
        if not datasets:
            raise WorkflowError(f"studies: {folder} holds no finished study (tables/*-contrasts.csv); run it first")
        for dataset in datasets:
            found[folder if len(datasets) == 1 else f"{folder}: {dataset}"] = (folder, dataset)
    return found


def comparison_settings(wildcards):
    return {"title": STUDY.report.title, "studies": compared_studies(), "inference": inference_dump()}


def compared_tables(wildcards):
    studies = compared_studies()
    if len(studies) < 2:
        raise WorkflowError("compare needs two finished studies or more: --config 'studies=[results, results_sdxl]'")
    tables = ("contrasts", "activities", "specifications_summary")
    return [f"{folder}/tables/{dataset}-{table}.csv" for folder, dataset in studies.values() for table in tables]


def export_settings(wildcards):
    places = PLAN.spaces(wildcards.dataset).items()
    return {"dataset": wildcards.dataset, "keys": {space: place.key for space, place in places}}


def crate_settings(wildcards):
    chosen = report_settings(wildcards)
    project = tomllib.loads(Path(workflow.basedir, "pyproject.toml").read_text(encoding="utf-8"))["project"]
    about = {"title": STUDY.report.title, "version": project["version"]}
    return about | {"study": chosen["study"], "identities": chosen["identities"]}


def packed_code():
    """The workflow's own files, for the crate; the Snakefile is added as the workflow itself."""
    root = Path(workflow.basedir)
    found = [path for pattern in ("rules/**/*.*", "scripts/**/*.*", "untold/**/*.*") for path in root.glob(pattern)]
    return sorted(path.relative_to(root).as_posix() for path in found if "__pycache__" not in path.parts)
