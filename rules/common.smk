"""Paths, shards, settings and code of the study: functions that the rules share."""

import os
import sys
from pathlib import Path

# Jobs run `python -m scripts.<rule>` with the interpreter that runs Snakemake, also when .venv is not activated.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
sys.path.insert(0, str(workflow.basedir))

from snakemake.exceptions import WorkflowError

from scripts.lib.code import local_imports
from scripts.lib.config import ConfigError, GeneratedDataset, OpenClip, Timm, Vae, parse_study
from scripts.lib.keys import canonical_json
from scripts.lib.plan import Plan, local_files

MAX_PIXELS = 2**26  # of a generated image: 8192 x 8192
CONDA = "../envs/tetrad.yaml"

try:
    STUDY = parse_study(config, ", ".join(map(str, workflow.configfiles)) or "config/config.yaml")
    PLAN = Plan(STUDY)
except ConfigError as error:
    raise WorkflowError(str(error))

RESULTS = STUDY.results
GENERATED = [name for name, dataset in STUDY.datasets.items() if isinstance(dataset, GeneratedDataset)]
WITH_TOKENS = [name for name, encoder in STUDY.encoders.items() if isinstance(encoder, Timm) and encoder.tokens]
FOLDERS = [name for name in STUDY.datasets if name not in GENERATED]


def settings(choose):
    """The one param of a rule: canonical JSON of exactly the configuration it depends on.

    Snakemake compares params as a set of representations without names; as one text, swapped values differ.
    """
    return lambda wildcards: canonical_json(choose(wildcards))


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


def all_vectors(wildcards):
    return [
        file
        for space in PLAN.spaces(wildcards.dataset).values()
        for file in shards_of(wildcards.dataset, space.folder)
    ]


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
        "dataset": STUDY.datasets[wildcards.dataset].model_dump(),
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
    name = wildcards.dataset
    return {
        "dataset": name,
        "vectors": PLAN.image_spaces(name),
        "texts": PLAN.texts(name),
        "tokens": PLAN.tokens(name),
    }


def projection_settings(wildcards):
    spaces = PLAN.spaces(wildcards.dataset).items()
    return {
        "projections": STUDY.projections.model_dump(),
        "spaces": {name: [space.folder, space.column] for name, space in spaces},
    }


def cluster_settings(wildcards):
    space = PLAN.spaces(wildcards.dataset)[wildcards.space]
    return {
        "clusters": STUDY.clusters.model_dump(),
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
        "nested": generated,
        "seed": STUDY.clusters.seed,
        "draws": STUDY.clusters.permutations,
        "confidence": STUDY.inference.confidence,
    }


def labels_file(wildcards):
    labels = STUDY.datasets[wildcards.dataset].labels
    return [labels.file] if labels else []


def per_encoder(encoders, place):
    """One file per encoder of the dataset, in the order that the settings name them."""
    return lambda wildcards: [
        f"{RESULTS}/{wildcards.dataset}/{place.format(encoder=encoder)}/{wildcards.shard}.parquet"
        for encoder in encoders(wildcards.dataset)
    ]


def study_outputs(wildcards):
    """Everything that the default target makes."""
    tables = [
        f"{RESULTS}/tables/{name}-{space}-{table}.csv"
        for name in STUDY.datasets
        for space in PLAN.spaces(name)
        for table in ("clusters", "composition")
    ]
    return tables + [f"{RESULTS}/{name}/projections.parquet" for name in STUDY.datasets] + [f"{RESULTS}/{name}/similarity/{shard}.parquet" for name in GENERATED for shard in PLAN.embedding_shards(name)]
