"""Untold: measure demographic bias in text-to-image models through embeddings."""

import shutil

from snakemake.utils import min_version

min_version("9.27")


# A file given with --configfile replaces the default study; nothing of the default is merged into it.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/models.smk"
include: "rules/prompts.smk"
include: "rules/synthesis.smk"
include: "rules/images.smk"
include: "rules/embedding.smk"
include: "rules/similarity.smk"
include: "rules/attributes.smk"
include: "rules/inference.smk"
include: "rules/structure.smk"
include: "rules/report.smk"
include: "rules/export.smk"


wildcard_constraints:
    dataset="|".join(STUDY.datasets),
    encoder="|".join(STUDY.encoders),
    space="|".join(sorted({space for name in STUDY.datasets for space in PLAN.spaces(name)})),
    shard=r"\d{4}-of-\d{4}",


localrules:
    all,
    export,


onstart:
    # To hold a limit on jobs per second, Snakemake 9.27 looks for jobs again a second after each look, and once more for
    # every job that ends: with a hundred jobs done and others waiting, as often as the processor allows. Nothing here
    # needs the limit (SLURM's plugin loses jobs by it), and a look whenever a job ends is enough.
    workflow.scheduler.job_rate_limiter = None


onerror:
    # A full disk takes the jobs' logs too, so that nobody else can say it.
    if (free := shutil.disk_usage(RESULTS).free) < 2**26:
        print(f"{RESULTS}: {free / 2**20:.1f} MB are free on its disk; make room and run again, what is made stays")


rule all:
    default_target: True
    input:
        study_outputs,
