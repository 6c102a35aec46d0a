"""Paths, shards, settings and code of the study: functions that the rules share."""

import sys

sys.path.insert(0, str(workflow.basedir))

from snakemake.exceptions import WorkflowError

from scripts.lib.code import local_imports, prefer_this_interpreter
from scripts.lib.config import MODELS, ConfigError, GeneratedDataset, OpenClip, Timm, Vae, parse_study
from scripts.lib.keys import canonical_json
from scripts.lib.plan import Plan, local_files

prefer_this_interpreter()

MAX_PIXELS = 2**26  # of a generated image: 8192 x 8192
CONDA = "../envs/tetrad.yaml"

# What the rules of several tables write, by the name behind `{dataset}-`.
INFERENCE_TABLES = [
    "group_means",
    "chi_square",
    "original_table",
    "contrasts",
    "contrasts_adherent",
    "net_of_placebo",
    "trend",
    "categories",
    "activities",
    "equivalence",
    "variance",
    "seeds_needed",
    "specifications",
    "specifications_summary",
]
POSITION_TABLES = [
    "nearest",
    "nearest_activities",
    "implied_age",
    "age_shares",
    "age_shares_activities",
    "adherence",
    "confusion",
    "calibration",
    "recovery",
    "recovery_points",
]
ATTRIBUTE_TABLES = [
    "attributes_summary",
    "attributes_thresholds",
    "attributes_errors",
    "attributes_confusion",
    "attributes_gaps",
    "attributes_calibration",
]

SOURCE = ", ".join(map(str, workflow.configfiles)) or "config/config.yaml"
try:
    STUDY = parse_study(config, SOURCE)
except ConfigError as error:
    raise WorkflowError(str(error))
try:
    PLAN = Plan(STUDY)
except ConfigError as error:
    raise WorkflowError(f"{SOURCE}: {error}")

RESULTS = STUDY.results
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
        file for space in PLAN.spaces(wildcards.dataset).values() for file in shards_of(wildcards.dataset, space.folder)
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


def inference_dump():
    return STUDY.inference.model_dump()


def score_settings(wildcards):
    return {"dataset": wildcards.dataset, "encoder": wildcards.encoder, "inference": inference_dump()}


def reference_settings(wildcards):
    """Floor and ceiling are of images: prompts have no seeds."""
    spaces = PLAN.spaces(wildcards.dataset).items()
    return {
        "dataset": wildcards.dataset,
        "spaces": {name: [space.folder, space.column] for name, space in spaces if space.key == "key"},
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
    dataset = STUDY.datasets[wildcards.dataset]
    labels = {name: list(next(iter(classifiers.values()))) for name, classifiers in dataset.zero_shot.items()}
    return {
        "dataset": wildcards.dataset,
        "attributes": labels,
        "groups": PLAN.attributes(wildcards.dataset),
        "seed": STUDY.inference.seed,
    }


def zero_shot_predictions(dataset):
    """Predictions of the first encoder that reads prompts, where the dataset says what to ask it."""
    encoders = PLAN.texts(dataset) if STUDY.datasets[dataset].zero_shot else []
    return [f"{RESULTS}/{dataset}/predictions/{encoder}.parquet" for encoder in encoders[:1]]


def planted_shares(wildcards):
    planted = STUDY.datasets[wildcards.dataset].planted
    return [planted] if planted else []


def tables_of(names):
    return [f"{RESULTS}/tables/{{dataset}}-{name}.csv" for name in names]


def model_settings(wildcards):
    """One revision and the files that all its uses in the study ask for; every file when one names none."""
    uses = [
        source
        for source in HUB_SOURCES
        if manifest(source) == f"{MODELS}/{wildcards.repository}/{wildcards.revision}/manifest.json"
    ]
    patterns = None if any(use.files is None for use in uses) else sorted({file for use in uses for file in use.files})
    return {"repository": uses[0].repository, "revision": uses[0].revision, "files": patterns}


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
    wanted = []
    for name in STUDY.datasets:
        spaces = PLAN.spaces(name)
        tables = [f"{space}-{table}" for space in spaces for table in ("clusters", "composition")]
        if name in GENERATED:
            tables += [*INFERENCE_TABLES, *POSITION_TABLES]
            tables += [f"{encoder}-clip_score" for encoder in PLAN.texts(name)]
        elif zero_shot_predictions(name):
            tables += ATTRIBUTE_TABLES
        wanted += [f"{RESULTS}/tables/{name}-{table}.csv" for table in tables]
        wanted.append(f"{RESULTS}/{name}/projections.parquet")
    return wanted
