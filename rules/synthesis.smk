"""Images of the generated datasets, kept in a store by what determines their pixels."""


rule synthesise:
    input:
        prompts=f"{RESULTS}/{{dataset}}/prompts/{{shard}}.parquet",
        weights=synthesis_weights,
        code=code_files("scripts/synthesise.py"),
        lock="requirements.lock",
    output:
        images=f"{RESULTS}/{{dataset}}/images/{{shard}}.parquet",
        latents=f"{RESULTS}/{{dataset}}/latents/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/synthesise/{{dataset}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/synthesise/{{dataset}}/{{shard}}.tsv"
    wildcard_constraints:
        dataset=one_of(GENERATED),
    conda:
        CONDA
    threads: MODEL_THREADS
    resources:
        gpu=GPU,
        mem_mb=growing(12000),
        runtime=growing(240),
    params:
        settings=settings(synthesis_settings),
    message:
        "Synthesise the images of {wildcards.dataset} shard {wildcards.shard}"
    shell:
        f"python -m scripts.synthesise --settings {{params.settings:q}} --prompts {{input.prompts}} --store {RESULTS}/store "
        "--images {output.images} --latents {output.latents} "
        f"--provenance {RESULTS}/provenance/synthesise/{{wildcards.dataset}}/{{wildcards.shard}}.json &> {{log}}"
