"""Prompts of the generated datasets, a shard at a time."""


def prompt_settings(wildcards):
    plan = PLAN.generated[wildcards.dataset]
    return {
        "activities": [vars(activity) for activity in plan.synthesis[wildcards.shard]],
        "prompts": plan.settings.prompts.model_dump(),
        "first_seed": plan.settings.first_seed,
        "seeds": plan.settings.seeds,
        "neutral_seeds": plan.settings.neutral_seeds or plan.settings.seeds,
        "noise": plan.settings.synthesis.noise,
    }


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
        settings=as_json(prompt_settings),
        code=code("write_prompts", pinned=False),
    message:
        "Write the prompts of {wildcards.dataset} shard {wildcards.shard}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.write_prompts '
        "--settings {params.settings:q} --table {output.table} &> {log}"
