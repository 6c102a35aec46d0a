"""From similarities to findings that hold."""


def reference_settings(wildcards):
    plan = PLAN[wildcards.dataset]
    return {
        "dataset": wildcards.dataset,
        "spaces": {name: plan.spaces[name].column for name in plan.picture_spaces},
        "inference": STUDY.inference.model_dump(),
    }


def picture_vectors(wildcards):
    """Floor and ceiling are of images: prompts have no seeds."""
    vectors = spaces_vectors(wildcards)
    return {space: vectors[space] for space in PLAN[wildcards.dataset].picture_spaces}


def inference_settings(wildcards):
    plan = PLAN.generated[wildcards.dataset]
    return {
        "dataset": wildcards.dataset,
        "groups": plan.groups,
        "placebos": list(plan.settings.prompts.placebos),
        "pairs": plan.pairs,
        "rows": plan.original_rows,
        "inference": STUDY.inference.model_dump(),
    }


def planted_shares(wildcards):
    """The known shares of a model whose bias was planted."""
    planted = PLAN.generated[wildcards.dataset].settings.planted
    return [planted] if planted else []


def position_settings(wildcards):
    plan = PLAN.generated[wildcards.dataset]
    return {
        "dataset": wildcards.dataset,
        "groups": plan.groups,
        "space": f"{plan.texts[0]}_image" if plan.texts else None,
        "planted": digests(planted_shares(wildcards)),
        "inference": STUDY.inference.model_dump(),
    }


rule measure_reference:
    input:
        images=all_shards("images"),
        vectors=flat(picture_vectors),
    output:
        reference="<results>/tables/{dataset}-reference.csv",
        crossed="<results>/tables/{dataset}-cross_seed.csv",
    log:
        "<logs>/measure_reference/{dataset}.log",
    benchmark:
        "<benchmarks>/measure_reference/{dataset}.tsv"
    wildcard_constraints:
        dataset=alternatives(PLAN.generated),
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(60),
    params:
        settings=as_json(reference_settings),
        code=code("measure_reference"),
        vectors=by_name(picture_vectors),
    message:
        "Measure floor and ceiling of the spaces of {wildcards.dataset}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.measure_reference '
        "--settings {params.settings:q} --images {input.images} "
        "--vectors {params.vectors} --reference {output.reference} --crossed {output.crossed} &> {log}"


rule infer:
    input:
        similarity=all_shards("similarity"),
        reference="<results>/tables/{dataset}-reference.csv",
        images=all_shards("images"),
        predictions=used_predictions,
    output:
        tables=stage_tables("infer"),
    log:
        "<logs>/infer/{dataset}.log",
    benchmark:
        "<benchmarks>/infer/{dataset}.tsv"
    wildcard_constraints:
        dataset=alternatives(PLAN.generated),
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(60),
    params:
        settings=as_json(inference_settings),
        code=code("infer"),
    message:
        "Test the gaps between the groups of {wildcards.dataset}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.infer '
        "--settings {params.settings:q} --similarity {input.similarity} "
        "--reference {input.reference} --images {input.images} --predictions {input.predictions} "
        "--tables {output.tables} &> {log}"


rule locate_neutral:
    input:
        similarity=all_shards("similarity"),
        images=all_shards("images"),
        predictions=used_predictions,
        planted=lambda wildcards: [ancient(file) for file in own_files(planted_shares(wildcards))],
    output:
        tables=stage_tables("locate_neutral"),
    log:
        "<logs>/locate_neutral/{dataset}.log",
    benchmark:
        "<benchmarks>/locate_neutral/{dataset}.tsv"
    wildcard_constraints:
        dataset=alternatives(PLAN.generated),
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(60),
    params:
        settings=as_json(position_settings),
        code=code("locate_neutral"),
    message:
        "Find where the neutral person of {wildcards.dataset} sits among the groups"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.locate_neutral '
        "--settings {params.settings:q} --similarity {input.similarity} "
        "--images {input.images} --predictions {input.predictions} --planted {input.planted:q} "
        "--tables {output.tables} &> {log}"
