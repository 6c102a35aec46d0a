"""Manifests of folders of existing images, in the form of those of generated images."""

from untold.study.settings import index_settings


rule index_images:
    input:
        labels=lambda wildcards: own_inputs(PLAN.folders[wildcards.dataset].label_files),
    output:
        images="<results>/{dataset}/images/{shard}.parquet",
        rejects="<results>/{dataset}/rejects/{shard}.parquet",
    log:
        "<logs>/index_images/{dataset}/{shard}.log",
    benchmark:
        "<benchmarks>/index_images/{dataset}/{shard}.tsv"
    wildcard_constraints:
        dataset=alternatives(PLAN.folders),
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(4000),
        runtime=scaled_by_attempt(60),
    params:
        settings=as_json(lambda wildcards: index_settings(PLAN.folders[wildcards.dataset], wildcards.shard)),
        code=code("index_images"),
    message:
        "Index the images of {wildcards.dataset} shard {wildcards.shard}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.index_images '
        "--settings {params.settings:q} --labels {input.labels:q} "
        "--images {output.images} --rejects {output.rejects} &> {log}"


rule list_rejects:
    input:
        images=all_shards("images"),
        rejects=lambda wildcards: (
            shard_files(PLAN, wildcards.dataset, "rejects") if wildcards.dataset in PLAN.folders else []
        ),
        # generated images that fail are in their manifests
    output:
        listed="<results>/tables/{dataset}-rejects.csv",
    log:
        "<logs>/list_rejects/{dataset}.log",
    benchmark:
        "<benchmarks>/list_rejects/{dataset}.tsv"
    priority: 10  # it stops a run without images before other jobs fail for want of them
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(10),
    params:
        settings=as_json(lambda wildcards: {"dataset": wildcards.dataset}),
        code=code("list_rejects"),
    message:
        "List the images of {wildcards.dataset} that cannot be used"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.list_rejects '
        "--settings {params.settings:q} --images {input.images} "
        "--rejects {input.rejects} --listed {output.listed} &> {log}"
