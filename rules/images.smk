"""Folders of existing images become manifests like those of generated ones."""


def label_files(wildcards):
    return [ancient(file) for file in own_files(PLAN.folders[wildcards.dataset].label_files)]


def index_settings(wildcards):
    plan = PLAN.folders[wildcards.dataset]
    return {
        "dataset": plan.settings.model_dump(exclude={"zero_shot", "balance", "encoders"}),
        "labels": digests(plan.label_files),
        "names": plan.names,
        "files": plan.fingerprint(wildcards.shard),
        "shard": int(wildcards.shard.split("-")[0]),
    }


def folder_rejects(wildcards):
    """Generated images that fail are in their manifests."""
    return shard_files(PLAN, wildcards.dataset, "rejects") if wildcards.dataset in PLAN.folders else []


def rejects_settings(wildcards):
    return {"dataset": wildcards.dataset}


rule index_images:
    input:
        labels=label_files,
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
        settings=as_json(index_settings),
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
        rejects=folder_rejects,
    output:
        listed="<results>/tables/{dataset}-rejects.csv",
    log:
        "<logs>/list_rejects/{dataset}.log",
    benchmark:
        "<benchmarks>/list_rejects/{dataset}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(10),
    params:
        settings=as_json(rejects_settings),
        code=code("list_rejects"),
    message:
        "List the images of {wildcards.dataset} that cannot be used"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.list_rejects '
        "--settings {params.settings:q} --images {input.images} "
        "--rejects {input.rejects} --listed {output.listed} &> {log}"
