"""What other tools open: never part of the study itself, made on request (`snakemake export`)."""

import tomllib

from untold.study.rules import packed_code


def export_settings(wildcards):
    spaces = PLAN[wildcards.dataset].spaces.items()
    return {"dataset": wildcards.dataset, "keys": {space: place.key for space, place in spaces}}


def crate_settings(wildcards):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "title": STUDY.report.title,
        "version": project["version"],
        "study": STUDY.model_dump(exclude={"report"}),
        "identities": model_identities(),
        "code": WORKFLOW_FILES,
    }


def study_results(wildcards):
    """The tables, figures and page that the crate holds."""
    files = [file for name in PLAN.datasets for file in page_files()["tables"][name] + page_files()["figures"][name]]
    return [*files, f"{RESULTS}/report.html"]


# Everything of ours that a crate holds, relative to the workflow's folder.
WORKFLOW_FILES = ["Snakefile", "requirements.lock", *packed_code(ROOT)]


rule export:
    input:
        expand("<results>/export/{dataset}", dataset=STUDY.datasets),
        "<results>/export/study.crate.zip",
    localrule: True


rule export_dataset:
    input:
        images=all_shards("images"),
        projections="<results>/{dataset}/projections.parquet",
    output:
        folder=directory("<results>/export/{dataset}"),
        atlas="<results>/export/{dataset}.parquet",
    log:
        "<logs>/export_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/export_dataset/{dataset}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        settings=as_json(export_settings),
        code=code("export_dataset"),
    message:
        "Export the images of {wildcards.dataset}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.export_dataset '
        "--settings {params.settings:q} --images {input.images} "
        "--projections {input.projections} --folder {output.folder} --atlas {output.atlas} &> {log}"


rule export_crate:
    input:
        results=study_results,
    output:
        crate="<results>/export/study.crate.zip",
    log:
        "<logs>/export_crate.log",
    benchmark:
        "<benchmarks>/export_crate.tsv"
    conda:
        CONDA
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        settings=as_json(crate_settings),
        code=code("export_crate", *WORKFLOW_FILES),
    message:
        "Pack the study as a Workflow Run RO-Crate"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.export_crate '
        "--settings {params.settings:q} --results {input.results} "
        "--crate {output.crate} &> {log}"
