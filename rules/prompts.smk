"""Prompts of the generated datasets, a shard at a time."""


rule write_prompts:
    input:
        code=code_files("scripts/write_prompts.py"),
    output:
        table=f"{RESULTS}/{{dataset}}/prompts/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/write_prompts/{{dataset}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/write_prompts/{{dataset}}/{{shard}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=settings(prompt_settings),
    message:
        "Write the prompts of {wildcards.dataset} shard {wildcards.shard}"
    shell:
        "python -m scripts.write_prompts --settings {params.settings:q} --table {output.table} &> {log}"
