"""Untold: measure demographic bias in text-to-image models through embeddings."""

import shutil
from pathlib import Path

from snakemake.settings.types import RerunTrigger
from snakemake.utils import min_version

min_version("9.27")


include: "rules/environment.smk"


# A file given with --configfile replaces the default study; nothing of the default is merged into it. A study in another
# folder brings its own, or gets the default.
if not workflow.overwrite_configfiles:
    own = Path("config/config.yaml")

    configfile: own if own.exists() else ROOT / own


include: "rules/common.smk"
include: "rules/models.smk"
include: "rules/prompts.smk"
include: "rules/synthesis.smk"
include: "rules/images.smk"
include: "rules/embedding.smk"
include: "rules/similarity.smk"
include: "rules/attributes.smk"
include: "rules/inference.smk"
include: "rules/shares.smk"
include: "rules/structure.smk"
include: "rules/report.smk"
include: "rules/export.smk"


wildcard_constraints:
    dataset=alternatives(PLAN.datasets),
    encoder=alternatives(STUDY.encoders),
    space=alternatives(sorted({space for dataset in PLAN.datasets.values() for space in dataset.spaces})),
    shard=r"\d{4}-of-\d{4}",


onstart:
    # Snakemake 9.27 limits the number of jobs started per second. To do so it looks for ready jobs a second after every
    # look, and once more for every job that ends, so that after a hundred jobs it looks all the time. We need no limit
    # (SLURM's plugin even loses jobs because of it), and a look whenever a job ends is enough. There is no setting for
    # this, and another version may not have the attribute.
    if hasattr(workflow.scheduler, "job_rate_limiter"):
        workflow.scheduler.job_rate_limiter = None
    if not set(workflow.dag_settings.targets) <= {"new_study", "check_catalogue"}:  # which make no results
        forget_other(RESULTS, parts(PLAN, ROOT))
        write_out(RESULTS, STUDY)


onsuccess:
    # Only after a run of everything do all results belong to this study.
    chosen = workflow.dag_settings
    whole = set(chosen.targets) <= {"all"} and not (
        chosen.until or chosen.omit_from or chosen.batch or chosen.allowed_rules
    )
    if whole and chosen.rerun_triggers == RerunTrigger.all():
        note(RESULTS, parts(PLAN, ROOT))


onerror:
    # On a full disk, job logs cannot be written either, so report it here.
    if (free := shutil.disk_usage(RESULTS if Path(RESULTS).exists() else ".").free) < 2**26:
        print(
            f"{RESULTS}: only {free / 2**20:.1f} MB left on this disk; free some space and rerun (finished outputs are kept)"
        )


rule all:
    default_target: True
    input:
        study_outputs(PLAN),
    localrule: True
