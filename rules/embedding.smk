"""Vectors of images and prompts, one file per encoder and shard."""

WITH_TOKENS = [name for name, encoder in STUDY.encoders.items() if getattr(encoder, "tokens", False)]


rule embed_images:
    input:
        images=covered_shards("images"),
        weights=encoder_weights,
    output:
        vectors="<results>/{dataset}/embeddings/{encoder}/{shard}.parquet",
        tokens=[],
    log:
        "<logs>/embed_images/{dataset}/{encoder}/{shard}.log",
    benchmark:
        "<benchmarks>/embed_images/{dataset}/{encoder}/{shard}.tsv"
    wildcard_constraints:
        encoder=alternatives(set(STUDY.encoders) - set(WITH_TOKENS)),
    conda:
        CONDA
    threads: MODEL_THREADS
    resources:
        gpu=GPU,
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(60),
    params:
        settings=as_json(
            lambda wildcards: {**encoder_settings(wildcards), "max_pixels": PLAN[wildcards.dataset].max_pixels}
        ),
        code=code("embed_images"),
    message:
        "Embed the images of {wildcards.dataset} shard {wildcards.shard} with {wildcards.encoder}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.embed_images '
        "--settings {params.settings:q} --images {input.images} "
        "--vectors {output.vectors} --tokens {output.tokens} &> {log}"


# The same job with one more output, for encoders whose patch tokens are kept.
use rule embed_images as embed_images_and_tokens with:
    output:
        vectors="<results>/{dataset}/embeddings/{encoder}/{shard}.parquet",
        tokens="<results>/{dataset}/tokens/{encoder}/{shard}.parquet",
    log:
        "<logs>/embed_images_and_tokens/{dataset}/{encoder}/{shard}.log",
    benchmark:
        "<benchmarks>/embed_images_and_tokens/{dataset}/{encoder}/{shard}.tsv"
    wildcard_constraints:
        encoder=alternatives(WITH_TOKENS),


rule embed_prompts:
    input:
        prompts=covered_shards("prompts"),
        weights=encoder_weights,
    output:
        vectors="<results>/{dataset}/embeddings/{encoder}_text/{shard}.parquet",
        provenance="<results>/provenance/embed_prompts/{dataset}/{encoder}/{shard}.json",
    log:
        "<logs>/embed_prompts/{dataset}/{encoder}/{shard}.log",
    benchmark:
        "<benchmarks>/embed_prompts/{dataset}/{encoder}/{shard}.tsv"
    conda:
        CONDA
    resources:
        gpu=GPU,
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(30),
    params:
        settings=as_json(encoder_settings),
        code=code("embed_prompts"),
    message:
        "Embed the prompts of {wildcards.dataset} shard {wildcards.shard} with {wildcards.encoder}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.embed_prompts '
        "--settings {params.settings:q} --prompts {input.prompts} "
        "--vectors {output.vectors} --provenance {output.provenance} &> {log}"
