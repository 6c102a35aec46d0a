"""How close the marked images and prompts are to the neutral ones, and how well images show their prompts."""

ENCODER_VECTORS, ENCODER_VECTORS_WORDS = by_name("vectors", per_encoder(PLAN.image_spaces, "embeddings/{encoder}"))
ENCODER_TEXTS, ENCODER_TEXTS_WORDS = by_name("texts", per_encoder(text_spaces, "embeddings/{encoder}_text"))
ENCODER_TOKENS, ENCODER_TOKENS_WORDS = by_name("tokens", per_encoder(token_spaces, "tokens/{encoder}"))


rule measure_similarity:
    input:
        **ENCODER_VECTORS,
        **ENCODER_TEXTS,
        **ENCODER_TOKENS,
        images=synthesis_shards("{results}/{dataset}/images/{shard}.parquet"),
        latents=synthesis_shards("{results}/{dataset}/latents/{shard}.parquet"),
        code=code_files("scripts/measure_similarity.py"),
        lock="requirements.lock",
    output:
        similarity=f"{RESULTS}/{{dataset}}/similarity/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/measure_similarity/{{dataset}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure_similarity/{{dataset}}/{{shard}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=settings(similarity_settings),
    message:
        "Measure the similarities of {wildcards.dataset} shard {wildcards.shard}"
    shell:
        "python -m scripts.measure_similarity --settings {params.settings:q} --images {input.images} "
        "--latents {input.latents} "
        f"{ENCODER_VECTORS_WORDS} {ENCODER_TEXTS_WORDS} {ENCODER_TOKENS_WORDS} "
        "--similarity {output.similarity} &> {log}"


rule score_prompts:
    input:
        images=whole("images"),
        vectors=lambda wildcards: shards_of(wildcards.dataset, f"embeddings/{wildcards.encoder}"),
        texts=lambda wildcards: shards_of(wildcards.dataset, f"embeddings/{wildcards.encoder}_text"),
        code=code_files("scripts/score_prompts.py"),
        lock="requirements.lock",
    output:
        scores=f"{RESULTS}/tables/{{dataset}}-{{encoder}}-clip_score.csv",
    log:
        f"{RESULTS}/logs/score_prompts/{{dataset}}/{{encoder}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/score_prompts/{{dataset}}/{{encoder}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=settings(score_settings),
    message:
        "Score how well the images of {wildcards.dataset} show their prompts in {wildcards.encoder}"
    shell:
        "python -m scripts.score_prompts --settings {params.settings:q} --images {input.images} "
        "--vectors {input.vectors} --texts {input.texts} --scores {output.scores} &> {log}"
