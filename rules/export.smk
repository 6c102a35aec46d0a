"""Files for other tools, made only on request (`snakemake export`)."""

import tomllib

from untold.study.rules import crate_files, packed_code
from untold.study.settings import crate_settings

# All of our files that a crate contains, relative to the workflow's folder.
WORKFLOW_FILES = ["Snakefile", "requirements.lock", *packed_code(ROOT)]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


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
        settings=as_json(
            lambda wildcards: {
                "dataset": wildcards.dataset,
                "keys": {space: place.key for space, place in PLAN[wildcards.dataset].spaces.items()},
            }
        ),
        code=code("export_dataset"),
    message:
        "Export the images of {wildcards.dataset}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.export_dataset '
        "--settings {params.settings:q} --images {input.images} "
        "--projections {input.projections} --folder {output.folder} --atlas {output.atlas} &> {log}"


rule export_crate:
    input:
        results=crate_files(PLAN),
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
        settings=as_json(lambda wildcards: {**crate_settings(PLAN, VERSION), "code": WORKFLOW_FILES}),
        code=code("export_crate", *WORKFLOW_FILES),
    message:
        "Pack the study as a Workflow Run RO-Crate"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.export_crate '
        "--settings {params.settings:q} --results {input.results} "
        "--crate {output.crate} &> {log}"
