"""How close the marked images and prompts are to the neutral ones, and how well images show their prompts."""


def shard_vectors(wildcards, folders):
    """The file of the job's shard in each folder of the dataset, by the space that it holds."""
    return {
        space: [f"{RESULTS}/{wildcards.dataset}/{folder}/{wildcards.shard}.parquet"]
        for space, folder in folders.items()
    }


def image_vectors(wildcards):
    spaces = PLAN[wildcards.dataset].image_spaces.items()
    return shard_vectors(wildcards, {space: f"embeddings/{encoder}" for encoder, space in spaces})


def text_vectors(wildcards):
    return shard_vectors(
        wildcards, {f"{name}_text": f"embeddings/{name}_text" for name in PLAN[wildcards.dataset].texts}
    )


def patch_tokens(wildcards):
    return shard_vectors(wildcards, {name: f"tokens/{name}" for name in PLAN[wildcards.dataset].tokens})


def similarity_settings(wildcards):
    return {"dataset": wildcards.dataset}


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
        vectors=flat(image_vectors),
        texts=flat(text_vectors),
        tokens=flat(patch_tokens),
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
        vectors=by_name(image_vectors),
        texts=by_name(text_vectors),
        tokens=by_name(patch_tokens),
    message:
        "Measure the similarities of {wildcards.dataset} shard {wildcards.shard}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.measure_similarity '
        "--settings {params.settings:q} --images {input.images} "
        "--latents {input.latents} --vectors {params.vectors} --texts {params.texts} --tokens {params.tokens} "
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
