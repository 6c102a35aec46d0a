"""Statistics: gaps with intervals and tests, and which groups the neutral images show."""

from untold.study.settings import inference_settings, position_settings, reference_settings


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
        settings=as_json(lambda wildcards: reference_settings(PLAN.generated[wildcards.dataset])),
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
        settings=as_json(lambda wildcards: inference_settings(PLAN.generated[wildcards.dataset])),
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
        settings=as_json(lambda wildcards: position_settings(PLAN.generated[wildcards.dataset])),
        code=code("locate_neutral"),
    message:
        "Find the groups whose images are nearest to the neutral ones of {wildcards.dataset}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.locate_neutral '
        "--settings {params.settings:q} --similarity {input.similarity} "
        "--images {input.images} --predictions {input.predictions} --tables {output.tables} &> {log}"
