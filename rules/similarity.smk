"""How close the marked images and prompts are to the neutral ones, and how well images show their prompts."""


def encoder_files(encoders, place):
    """One file per encoder of the dataset and shard, in the order that the settings name them."""
    return lambda wildcards: [
        f"{RESULTS}/{wildcards.dataset}/{place.format(encoder=encoder)}/{wildcards.shard}.parquet"
        for encoder in encoders(PLAN[wildcards.dataset])
    ]


def similarity_settings(wildcards):
    plan = PLAN[wildcards.dataset]
    return {
        "dataset": wildcards.dataset,
        "vectors": plan.image_spaces,
        "texts": plan.texts,
        "tokens": plan.tokens,
    }


def score_settings(wildcards):
    return {
        "dataset": wildcards.dataset,
        "encoder": wildcards.encoder,
        "inference": STUDY.inference.model_dump(),
    }


rule measure_similarity:
    input:
        images=covered_shards("images"),
        latents=covered_shards("latents"),
        vectors=encoder_files(lambda plan: plan.image_spaces, "embeddings/{encoder}"),
        texts=encoder_files(lambda plan: plan.texts, "embeddings/{encoder}_text"),
        tokens=encoder_files(lambda plan: plan.tokens, "tokens/{encoder}"),
    output:
        similarity="<results>/{dataset}/similarity/{shard}.parquet",
    log:
        "<logs>/measure_similarity/{dataset}/{shard}.log",
    benchmark:
        "<benchmarks>/measure_similarity/{dataset}/{shard}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(60),
    params:
        settings=as_json(similarity_settings),
        code=code("measure_similarity"),
    message:
        "Measure the similarities of {wildcards.dataset} shard {wildcards.shard}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.measure_similarity '
        "--settings {params.settings:q} --images {input.images} "
        "--latents {input.latents} --vectors {input.vectors} --texts {input.texts} --tokens {input.tokens} "
        "--similarity {output.similarity} &> {log}"


rule score_prompts:
    input:
        images=all_shards("images"),
        vectors=encoder_shards(),
        texts=encoder_shards("_text"),
    output:
        scores="<results>/tables/{dataset}-{encoder}-clip_score.csv",
    log:
        "<logs>/score_prompts/{dataset}/{encoder}.log",
    benchmark:
        "<benchmarks>/score_prompts/{dataset}/{encoder}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(60),
    params:
        settings=as_json(score_settings),
        code=code("score_prompts"),
    message:
        "Score how well the images of {wildcards.dataset} show their prompts in {wildcards.encoder}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.score_prompts '
        "--settings {params.settings:q} --images {input.images} "
        "--vectors {input.vectors} --texts {input.texts} --scores {output.scores} &> {log}"
