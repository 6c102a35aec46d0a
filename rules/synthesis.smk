"""Images of the generated datasets, kept in a store by what determines their pixels."""


def used_vae(dataset):
    """Only the fast profile decodes with the model's alternative VAE."""
    return STUDY.models[dataset.model].vae if dataset.synthesis.profile == "fast" else None


def synthesis_weights(wildcards):
    dataset = STUDY.datasets[wildcards.dataset]
    sources = [STUDY.models[dataset.model].source, used_vae(dataset)]
    return [file for source in sources if source for file in weights(source)]


def synthesis_settings(wildcards):
    dataset = STUDY.datasets[wildcards.dataset]
    model = STUDY.models[dataset.model]
    vae = used_vae(dataset)
    return {
        "synthesis": dataset.synthesis.model_dump(),
        "model": model.source.model_dump(exclude_none=True),
        "vae": vae and vae.model_dump(exclude_none=True),
        "identity": {"model": identity(model.source), "vae": vae and identity(vae)},
        "variant": model.variant,
    }


rule synthesise:
    input:
        prompts="<results>/{dataset}/prompts/{shard}.parquet",
        weights=synthesis_weights,
    output:
        images="<results>/{dataset}/images/{shard}.parquet",
        latents="<results>/{dataset}/latents/{shard}.parquet",
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
        settings=as_json(synthesis_settings),
        code=code("synthesise"),
    message:
        "Synthesise the images of {wildcards.dataset} shard {wildcards.shard}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.synthesise '
        f"--settings {{params.settings:q}} --prompts {{input.prompts}} --store {RESULTS}/store "
        "--images {output.images} --latents {output.latents} "
        f"--provenance {RESULTS}/provenance/synthesise/{{wildcards.dataset}}/{{wildcards.shard}}.json &> {{log}}"
