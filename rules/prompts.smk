"""Prompts of the generated datasets, shard by shard."""

from untold.study.settings import prompt_settings


rule write_prompts:
    output:
        table="<results>/{dataset}/prompts/{shard}.parquet",
    log:
        "<logs>/write_prompts/{dataset}/{shard}.log",
    benchmark:
        "<benchmarks>/write_prompts/{dataset}/{shard}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(1000),
        runtime=scaled_by_attempt(10),
    params:
        settings=as_json(lambda wildcards: prompt_settings(PLAN.generated[wildcards.dataset], wildcards.shard)),
        code=code("write_prompts", pinned=False),
    message:
        "Write the prompts of {wildcards.dataset} shard {wildcards.shard}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.write_prompts '
        "--settings {params.settings:q} --table {output.table} &> {log}"


rule new_study:
    log:
        ".snakemake/log/new_study.log",
    localrule: True
    conda:
        CONDA
    params:
        starter=STARTER,
    message:
        "Write a file to start a study from"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.new_study --starter {params.starter:q} 2>&1 | tee {log}'
