"""The study, its plan, and the few functions that all rules share. What is ordinary Python is in untold/study/rules.py."""

import os
import sys
from pathlib import Path

# Inside a module this is the module's folder, whoever includes it; rules/ lies in the workflow's.
ROOT = Path(workflow.current_basedir).parent
sys.path.insert(0, str(ROOT))

from snakemake.exceptions import WorkflowError

from untold.base.devices import gpu_count
from untold.study.plan import Plan, identity, local_files
from untold.study.rules import (
    alternatives,
    as_json,
    code_of,
    digests,
    model_manifest,
    own_files,
    scaled_by_attempt,
    shard_files,
)
from untold.study.runs import join_runs, prefer_this_interpreter
from untold.study.schema import parse_study
from untold.study.schema_base import ConfigError

prefer_this_interpreter()
# Jobs find our packages here, and with `python -P` nothing of the same name in the study's folder.
os.environ["UNTOLD_PATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
# Held for the life of this process, so that the next run can clear a killed run's locks.
ALIVE = join_runs(Path(".snakemake"))

# Without a GPU nothing is reserved, and a thread per job leaves the cores to the shards: two threads in one job are
# slower than one in each of two. Clusters ask for their GPUs in profiles/slurm.
GPU = min(gpu_count(), 1)
MODEL_THREADS = 4 if GPU else 1
CONDA = "../envs/untold.yaml"

SOURCE = ", ".join(map(str, workflow.configfiles)) or "config"
# For the target `compare` only: folders of finished studies.
COMPARED = config.pop("studies", [])

try:
    STUDY = parse_study(config, SOURCE)
except ConfigError as error:
    raise WorkflowError(str(error)) from None
try:
    PLAN = Plan(STUDY)
except ConfigError as error:
    raise WorkflowError(f"{SOURCE}: {error}") from None

RESULTS = STUDY.results
if Path(RESULTS).exists() and not os.access(RESULTS, os.W_OK):
    raise WorkflowError(
        f"{SOURCE}: results: {RESULTS} cannot be written to (read-only, or another user's); "
        "give this user the right to write there, or name another folder"
    )

code = code_of(ROOT)


pathvars:
    results=RESULTS,
    logs=f"{RESULTS}/logs",
    benchmarks=f"{RESULTS}/benchmarks",


def weights(source):
    """Inputs that stand for a model's weights.

    A local model's content is in the rule's settings as a digest, so its files need no time stamps; those that come
    with the workflow are no part of the study.
    """
    if not source.path:
        return [model_manifest(source)]
    return [ancient(path) for path in local_files(source.folder)] if source.folder == source.path else []


def encoder_weights(wildcards):
    return weights(STUDY.encoders[wildcards.encoder].source)


def all_shards(folder):
    """All shard files of one folder for the dataset in the wildcards."""
    return lambda wildcards: shard_files(PLAN, wildcards.dataset, folder)


def encoder_shards(ending=""):
    """All shard files of the encoder's vectors for the dataset in the wildcards."""
    return lambda wildcards: shard_files(PLAN, wildcards.dataset, f"embeddings/{wildcards.encoder}{ending}")


def covered_shards(folder):
    """The files of synthesis shards that one embedding shard covers; a folder's shards are their own."""
    return lambda wildcards: [
        f"{RESULTS}/{wildcards.dataset}/{folder}/{shard}.parquet"
        for shard in PLAN[wildcards.dataset].covered(wildcards.shard)
    ]


def space_vectors(wildcards):
    return shard_files(PLAN, wildcards.dataset, PLAN[wildcards.dataset].spaces[wildcards.space].folder)


def space_subjects(wildcards):
    space = PLAN[wildcards.dataset].spaces[wildcards.space]
    return shard_files(PLAN, wildcards.dataset, "images" if space.key == "key" else "prompts")


def all_vectors(wildcards):
    spaces = PLAN[wildcards.dataset].spaces.values()
    return [file for space in spaces for file in shard_files(PLAN, wildcards.dataset, space.folder)]


def used_predictions(wildcards):
    """The zero-shot predictions that the analyses use, where the dataset says what to ask."""
    encoder = PLAN[wildcards.dataset].predictor
    return [f"{RESULTS}/{wildcards.dataset}/predictions/{encoder}.parquet"] if encoder else []


def predicted_attributes(wildcards):
    """Predictions, where an attribute has no other source."""
    return used_predictions(wildcards) if PLAN[wildcards.dataset].predicted else []


# TEMPORARY until the catalogue is merged
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

REBALANCE_TABLES = ["duplicates", "rebalance", "keep_list"]


def tables_of(names):
    return [f"<results>/tables/{{dataset}}-{name}.csv" for name in names]


def audit_tables(name):
    plan = PLAN[name]
    spaces = plan.picture_spaces
    tables = ["rejects", *(f"{spaces[0]}-{table}" for table in REBALANCE_TABLES)]
    if len(spaces) > 1:
        tables.append("agreement")
    if name in PLAN.folders and plan.captioned:
        tables += [f"{space}-captions" for space in spaces]
    if plan.audited:
        tables += ATTRIBUTE_TABLES
    if plan.published:
        tables.append("attributes_published")
    return tables


def analysis_outputs():
    wanted = []
    for name, plan in PLAN.datasets.items():
        tables = [f"{space}-{table}" for space in plan.spaces for table in ("clusters", "composition")]
        if name in PLAN.generated:
            tables += [*INFERENCE_TABLES, *POSITION_TABLES]
            tables += [f"{encoder}-clip_score" for encoder in plan.texts]
        wanted += [f"{RESULTS}/tables/{name}-{table}.csv" for table in [*tables, *audit_tables(name)]]
        wanted += [f"{RESULTS}/figures/{name}-{space}-contact_sheet.png" for space in plan.picture_spaces]
        wanted.append(f"{RESULTS}/{name}/projections.parquet")
    return wanted


def results_of(name):
    tables = [path for path in analysis_outputs() if path.startswith(f"{RESULTS}/tables/{name}-")]
    tables = [path for path in tables if not path.endswith("-keep_list.csv")]
    more = [f"{space}-{table}" for space in PLAN[name].spaces for table in ("association", "diversity")]
    more += ["reference", "cross_seed"] if name in PLAN.generated else []
    return sorted({*tables, *(f"{RESULTS}/tables/{name}-{table}.csv" for table in more)})


def figures_of(name):
    names = [f"{space}-{figure}" for space in PLAN[name].spaces for figure in ("map", "composition")]
    if name in PLAN.generated:
        names += ["answer", "forest", "similarity", "categories", "activities", "specifications", "neutral", "variance"]
        names += ["recovery"] if PLAN.generated[name].settings.planted else []
    elif PLAN[name].audited:
        names += ["attribute_errors", "attribute_thresholds", "attribute_calibration"]
    return [f"{RESULTS}/figures/{name}-{figure}" for figure in names]
