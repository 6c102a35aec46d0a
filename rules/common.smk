"""The study, its plan, and the input functions that several rules share."""

import os
import sys
from pathlib import Path


from snakemake.exceptions import WorkflowError

from untold.base.pictures import is_hidden
from untold.base.places import find
from untold.catalogue.tables import tables_of
from untold.study.folders import list_images
from untold.study.plan import Plan, identity, local_files
from untold.study.records import adopt, forget_other, note, parts, unrecorded, write_out
from untold.study.rules import (
    alternatives,
    by_name,
    compared_studies,
    flat,
    model_manifest,
    own_files,
    page_files,
    shard_files,
    study_outputs,
)
from untold.study.runs import join_runs
from untold.study.schema import parse_study
from untold.study.schema_base import ConfigError
from untold.study.yaml_file import refuse_repeated_keys


def stop(message):
    """End with our own words alone; Snakemake would put an exception between the files and lines that it passed."""
    print(message, file=sys.stderr)
    sys.exit(1)


# Held for the life of this process, so that the next run can clear a killed run's locks.
ALIVE = join_runs(Path(".snakemake"))

SOURCE = ", ".join(map(str, workflow.configfiles)) or "config"
# For the target `compare` only: folders of finished studies.
COMPARED = config.pop("studies", [])
# For the target `new_study` only: what to start from.
STARTER = config.pop("starter", "")

try:
    if workflow.is_main_process:
        for file in workflow.configfiles:
            refuse_repeated_keys(file)
        if len(workflow.configfiles) > 1:
            merged = "Snakemake merges them: where they differ the last one counts, and their groups are added up"
            print(f"warning: {SOURCE} are read as one study. {merged}", file=sys.stderr)
    STUDY = parse_study(config, SOURCE)
except ConfigError as error:
    stop(error)
try:
    # Jobs take the contents of folders from the planning of their run, which has just found them out.
    PLAN = Plan(STUDY, Path(".snakemake", "untold", "pictures"), as_planned=not workflow.is_main_process)
except ConfigError as error:
    stop(f"{SOURCE}: {error}")

if workflow.is_main_process:
    for dataset in PLAN.folders.values():
        if labels := dataset.settings.labels:
            from untold.images.labels import LabelTable  # only then, because it imports pandas

            folder = find(dataset.settings.path)
            classes = {column: names for column, names in dataset.audited.items() if column in labels.columns}
            try:
                files = [file for file in list_images(folder) if not is_hidden(file)]
                table = LabelTable(find(labels.file), labels.key, labels.columns, labels.caption, folder, files)
                doubts = table.doubts(classes)
            except ValueError as error:
                stop(f"{SOURCE}: datasets.{dataset.name}.labels: {error}")
            for doubt in doubts:
                print(f"warning: datasets.{dataset.name}.labels: {doubt}", file=sys.stderr)

RESULTS = STUDY.results
if Path(RESULTS).exists() and not os.access(RESULTS, os.W_OK):
    stop(
        f"{SOURCE}: results: {RESULTS} cannot be written to (read-only, or another user's); "
        "give this user the right to write there, or name another folder"
    )

if workflow.is_main_process and (unknown := unrecorded(PLAN, Path(".snakemake"))):
    try:
        print(adopt(RESULTS, parts(PLAN, ROOT), unknown), file=sys.stderr)
    except ConfigError as error:
        stop(f"{SOURCE}: {error}")


pathvars:
    results=RESULTS,
    logs=f"{RESULTS}/logs",
    benchmarks=f"{RESULTS}/benchmarks",


def weights(*sources):
    """Inputs that stand for the weights of models.

    A local model's content is in the rule's settings as a digest, so its files need no time stamps; those that come
    with the workflow are no part of the study.
    """
    fetched = [model_manifest(source) for source in sources if not source.path]
    local = [source.folder for source in sources if source.path and source.folder == source.path]
    return fetched + [ancient(path) for folder in local for path in local_files(folder)]


def encoder_weights(wildcards):
    return weights(STUDY.encoders[wildcards.encoder].source)


def encoder_settings(wildcards):
    """An encoder and its weights, of any rule that loads one."""
    encoder = STUDY.encoders[wildcards.encoder]
    return {"encoder": encoder.model_dump(exclude_none=True), "weights": identity(encoder.source)}


def own_inputs(paths):
    """Files that people wrote: their content is in the settings as a digest, so a time stamp says nothing."""
    return [ancient(file) for file in own_files(paths)]


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


def picture_vectors(wildcards):
    """The vectors of each space of images."""
    vectors = spaces_vectors(wildcards)
    return {space: vectors[space] for space in PLAN[wildcards.dataset].picture_spaces}


def probes(wildcards):
    """The predictions of the probe in each space of images."""
    spaces = PLAN[wildcards.dataset].picture_spaces
    return {space: [f"{RESULTS}/{wildcards.dataset}/probes/{space}.parquet"] for space in spaces}


def compared_shares(wildcards):
    """The shares of a dataset, and of the one that is drawn without guidance."""
    names = [wildcards.dataset, PLAN[wildcards.dataset].unguided]
    return [f"{RESULTS}/tables/{name}-shares.csv" for name in names if name]


def depicted_images(wildcards):
    """What the oracle says of the images, where the world is known."""
    known = "depicted" in PLAN[wildcards.dataset].traits
    return [f"{RESULTS}/{wildcards.dataset}/depicted.parquet"] if known else []


def picture_clusters(wildcards):
    """The clusters of each space of images."""
    spaces = PLAN[wildcards.dataset].picture_spaces
    return {space: [f"{RESULTS}/{wildcards.dataset}/clusters/{space}.parquet"] for space in spaces}


def shard_vectors(wildcards, folders):
    """The file of the job's shard in each folder of the dataset, by the space that it holds."""
    return {
        space: [f"{RESULTS}/{wildcards.dataset}/{folder}/{wildcards.shard}.parquet"]
        for space, folder in folders.items()
    }


def image_vectors(wildcards):
    spaces = PLAN[wildcards.dataset].image_spaces.items()
    return shard_vectors(wildcards, {space: f"embeddings/{encoder}" for encoder, space in spaces})


def text_vectors(wildcards):
    texts = PLAN[wildcards.dataset].texts
    return shard_vectors(wildcards, {f"{name}_text": f"embeddings/{name}_text" for name in texts})


def patch_tokens(wildcards):
    return shard_vectors(wildcards, {name: f"tokens/{name}" for name in PLAN[wildcards.dataset].tokens})


def read_by_page(option):
    """What the page reads of each dataset."""
    return lambda wildcards: page_files(PLAN)[option]


def finished_studies():
    """The studies that are compared."""
    try:
        studies = compared_studies(COMPARED)
    except ConfigError as error:
        raise WorkflowError(str(error)) from None
    if len(studies) < 2:
        raise WorkflowError("compare needs two finished studies or more: --config 'studies=[results, results_sdxl]'")
    return studies


def compared_tables(wildcards):
    tables = ("contrasts", "activities", "specifications_summary")
    return [f"{folder}/tables/{name}-{table}.csv" for folder, name in finished_studies().values() for table in tables]


def stage_tables(stage):
    """The tables that a stage writes for each dataset."""
    return [f"<results>/tables/{{dataset}}-{name}.csv" for name in tables_of(stage)]
