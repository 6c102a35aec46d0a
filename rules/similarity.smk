"""How close the marked images and prompts are to the neutral ones, and how well images show their prompts."""

from untold.study.settings import resampling


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
        settings=as_json(lambda wildcards: {"dataset": wildcards.dataset}),
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
        settings=as_json(
            lambda wildcards: {
                "dataset": wildcards.dataset,
                "encoder": wildcards.encoder,
                "resampling": resampling(PLAN[wildcards.dataset]),
            }
        ),
        code=code("score_prompts"),
    message:
        "Score how well the images of {wildcards.dataset} show their prompts in {wildcards.encoder}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.score_prompts '
        "--settings {params.settings:q} --images {input.images} "
        "--vectors {input.vectors} --texts {input.texts} --scores {output.scores} &> {log}"
