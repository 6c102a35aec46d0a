"""The study, its plan, and the few functions that all rules share. What is ordinary Python is in untold/study/rules.py."""

import os
import sys
from pathlib import Path

# Inside a module this is the module's folder, whoever includes it; rules/ lies in the workflow's.
ROOT = Path(workflow.current_basedir).parent
sys.path.insert(0, str(ROOT))

from snakemake.exceptions import WorkflowError

from untold.base.devices import gpu_count
from untold.catalogue.tables import tables_of
from untold.study.plan import Plan, identity, local_files
from untold.study.rules import (
    alternatives,
    as_json,
    by_name,
    code_of,
    digests,
    flat,
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


def used_predictions(wildcards):
    """The zero-shot predictions that the analyses use, where the dataset says what to ask."""
    encoder = PLAN[wildcards.dataset].predictor
    return [f"{RESULTS}/{wildcards.dataset}/predictions/{encoder}.parquet"] if encoder else []


def predicted_attributes(wildcards):
    """Predictions, where an attribute has no other source."""
    return used_predictions(wildcards) if PLAN[wildcards.dataset].predicted else []


def spaces_vectors(wildcards):
    """The vectors of each space of the dataset."""
    spaces = PLAN[wildcards.dataset].spaces.items()
    return {name: shard_files(PLAN, wildcards.dataset, space.folder) for name, space in spaces}


def stage_tables(stage):
    """The tables that a stage writes for each dataset."""
    return [f"<results>/tables/{{dataset}}-{name}.csv" for name in tables_of(stage)]
