"""Zero-shot predictions, and how often they are wrong where labels are known."""

from untold.study.settings import audit_settings


rule classify:
    input:
        vectors=encoder_shards(),
        weights=encoder_weights,
    output:
        predictions="<results>/{dataset}/predictions/{encoder}.parquet",
    log:
        "<logs>/classify/{dataset}/{encoder}.log",
    benchmark:
        "<benchmarks>/classify/{dataset}/{encoder}.tsv"
    conda:
        CONDA
    resources:
        gpu=GPU,
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(60),
    params:
        settings=as_json(
            lambda wildcards: {**encoder_settings(wildcards), "attributes": PLAN[wildcards.dataset].classifiers}
        ),
        code=code("classify"),
    message:
        "Classify the images of {wildcards.dataset} with {wildcards.encoder}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.classify '
        "--settings {params.settings:q} --vectors {input.vectors} "
        "--predictions {output.predictions} &> {log}"


rule audit_attributes:
    input:
        images=all_shards("images"),
        predictions=used_predictions,
    output:
        tables=stage_tables("audit_attributes"),
    log:
        "<logs>/audit_attributes/{dataset}.log",
    benchmark:
        "<benchmarks>/audit_attributes/{dataset}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(60),
    params:
        settings=as_json(lambda wildcards: audit_settings(PLAN[wildcards.dataset])),
        code=code("audit_attributes"),
    message:
        "Audit the zero-shot attributes of {wildcards.dataset}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.audit_attributes '
        "--settings {params.settings:q} --images {input.images} "
        "--predictions {input.predictions} --tables {output.tables} &> {log}"


rule compare_published:
    input:
        summary="<results>/tables/{dataset}-attributes_summary.csv",
    output:
        compared="<results>/tables/{dataset}-attributes_published.csv",
    log:
        "<logs>/compare_published/{dataset}.log",
    benchmark:
        "<benchmarks>/compare_published/{dataset}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(10),
    params:
        settings=as_json(lambda wildcards: {"dataset": wildcards.dataset, "pairs": PLAN[wildcards.dataset].published}),
        code=code("compare_published"),
    message:
        "Compare the zero-shot gender of {wildcards.dataset} with published results"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.compare_published '
        "--settings {params.settings:q} --summary {input.summary} "
        "--compared {output.compared} &> {log}"
