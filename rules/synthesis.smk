"""Images of the generated datasets, in a store whose keys cover everything that determines the pixels."""

from untold.study.settings import drawing_sources, reading_settings, synthesis_settings


rule synthesise:
    input:
        prompts="<results>/{dataset}/prompts/{shard}.parquet",
        weights=lambda wildcards: weights(*drawing_sources(PLAN.generated[wildcards.dataset])),
    output:
        images="<results>/{dataset}/images/{shard}.parquet",
        latents="<results>/{dataset}/latents/{shard}.parquet",
        provenance="<results>/provenance/synthesise/{dataset}/{shard}.json",
    log:
        "<logs>/synthesise/{dataset}/{shard}.log",
    benchmark:
        "<benchmarks>/synthesise/{dataset}/{shard}.tsv"
    wildcard_constraints:
        dataset=alternatives(PLAN.generated),
    conda:
        CONDA
    threads: MODEL_THREADS
    resources:
        gpu=GPU,
        mem_mb=scaled_by_attempt(12000),
        runtime=scaled_by_attempt(240),
    params:
        settings=as_json(lambda wildcards: synthesis_settings(PLAN.generated[wildcards.dataset])),
        code=code("synthesise"),
    message:
        "Synthesise the images of {wildcards.dataset} shard {wildcards.shard}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.synthesise '
        f"--settings {{params.settings:q}} --prompts {{input.prompts}} --store {RESULTS}/store "
        "--images {output.images} --latents {output.latents} --provenance {output.provenance} &> {log}"


rule read_denoiser:
    input:
        prompts=all_shards("prompts"),
        weights=lambda wildcards: weights(STUDY.models[PLAN.generated[wildcards.dataset].settings.model].source),
    output:
        tables=stage_tables("read_denoiser"),
    log:
        "<logs>/read_denoiser/{dataset}.log",
    benchmark:
        "<benchmarks>/read_denoiser/{dataset}.tsv"
    wildcard_constraints:
        dataset=alternatives(PLAN.generated),
    conda:
        CONDA
    threads: MODEL_THREADS
    resources:
        gpu=GPU,
        mem_mb=scaled_by_attempt(12000),
        runtime=scaled_by_attempt(240),
    params:
        settings=as_json(lambda wildcards: reading_settings(PLAN.generated[wildcards.dataset])),
        code=code("read_denoiser"),
    message:
        "Read the shares of {wildcards.dataset} from the denoiser"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.read_denoiser '
        f"--settings {{params.settings:q}} --prompts {{input.prompts}} --store {RESULTS}/store "
        "--tables {output.tables} &> {log}"


# Before any image is made.
rule readout:
    input:
        [f"{RESULTS}/tables/{name}-readout.csv" for name in PLAN.generated],
    localrule: True


# Without outputs, so that it runs whenever it is asked for.
rule check_machine:
    log:
        "<logs>/check_machine.log",
    conda:
        CONDA
    threads: MODEL_THREADS
    resources:
        gpu=GPU,
        mem_mb=scaled_by_attempt(12000),
        runtime=scaled_by_attempt(30),
    params:
        miniature=ROOT / "resources" / "miniature" / "sdxl",
        studies=[ROOT / "config" / f"{study}.yaml" for study in ("sdxl", "turbo")],
    message:
        "Check this machine (what is found is also in {log})"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.check_machine --model {params.miniature:q} '
        f"--results {RESULTS} --studies {{params.studies:q}} 2>&1 | tee {{log}}"
