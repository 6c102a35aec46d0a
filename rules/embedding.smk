"""Vectors of images and prompts, one file per encoder and shard."""


rule embed_images:
    input:
        images=synthesis_shards("{results}/{dataset}/images/{shard}.parquet"),
        weights=encoder_weights,
        code=code_files("scripts/embed_images.py"),
        lock="requirements.lock",
    output:
        vectors=f"{RESULTS}/{{dataset}}/embeddings/{{encoder}}/{{shard}}.parquet",
        tokens=[],
    log:
        f"{RESULTS}/logs/embed_images/{{dataset}}/{{encoder}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/embed_images/{{dataset}}/{{encoder}}/{{shard}}.tsv"
    wildcard_constraints:
        encoder=one_of(set(STUDY.encoders) - set(WITH_TOKENS)),
    conda:
        CONDA
    threads: MODEL_THREADS
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=settings(encoder_settings),
    message:
        "Embed the images of {wildcards.dataset} shard {wildcards.shard} with {wildcards.encoder}"
    shell:
        "python -m scripts.embed_images --settings {params.settings:q} --images {input.images} "
        "--vectors {output.vectors} --tokens {output.tokens} &> {log}"


# The same job for encoders whose patch tokens are kept: one more output.
use rule embed_images as embed_images_and_tokens with:
    output:
        vectors=f"{RESULTS}/{{dataset}}/embeddings/{{encoder}}/{{shard}}.parquet",
        tokens=f"{RESULTS}/{{dataset}}/tokens/{{encoder}}/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/embed_images_and_tokens/{{dataset}}/{{encoder}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/embed_images_and_tokens/{{dataset}}/{{encoder}}/{{shard}}.tsv"
    wildcard_constraints:
        encoder=one_of(WITH_TOKENS),


rule embed_prompts:
    input:
        prompts=synthesis_shards("{results}/{dataset}/prompts/{shard}.parquet"),
        weights=encoder_weights,
        code=code_files("scripts/embed_prompts.py"),
        lock="requirements.lock",
    output:
        vectors=f"{RESULTS}/{{dataset}}/embeddings/{{encoder}}_text/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/embed_prompts/{{dataset}}/{{encoder}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/embed_prompts/{{dataset}}/{{encoder}}/{{shard}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(30),
    params:
        settings=settings(text_settings),
    message:
        "Embed the prompts of {wildcards.dataset} shard {wildcards.shard} with {wildcards.encoder}"
    shell:
        "python -m scripts.embed_prompts --settings {params.settings:q} --prompts {input.prompts} "
        "--vectors {output.vectors} &> {log}"
