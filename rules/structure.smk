"""Maps, clusters and their composition."""

from untold.study.settings import cluster_settings, composition_settings, projection_settings, rebalance_settings


rule project:
    input:
        images=all_shards("images"),
        vectors=flat(spaces_vectors),
    output:
        projections="<results>/{dataset}/projections.parquet",
    log:
        "<logs>/project/{dataset}.log",
    benchmark:
        "<benchmarks>/project/{dataset}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(120),
    params:
        settings=as_json(lambda wildcards: projection_settings(PLAN[wildcards.dataset])),
        code=code("project"),
        vectors=by_name(spaces_vectors),
    message:
        "Map the spaces of {wildcards.dataset} to two dimensions"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.project '
        "--settings {params.settings:q} --images {input.images} --vectors {params.vectors} "
        "--projections {output.projections} &> {log}"


rule cluster:
    input:
        vectors=space_vectors,
        subjects=space_subjects,
    output:
        clusters="<results>/{dataset}/clusters/{space}.parquet",
        representative="<results>/{dataset}/representatives/{space}.parquet",
        evaluation="<results>/tables/{dataset}-{space}-clusters.csv",
        choice="<results>/tables/{dataset}-{space}-choice_of_k.csv",
    log:
        "<logs>/cluster/{dataset}/{space}.log",
    benchmark:
        "<benchmarks>/cluster/{dataset}/{space}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(120),
    params:
        settings=as_json(lambda wildcards: cluster_settings(PLAN[wildcards.dataset], wildcards.space)),
        code=code("cluster"),
    message:
        "Cluster {wildcards.dataset} in {wildcards.space}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.cluster '
        "--settings {params.settings:q} --vectors {input.vectors} --subjects {input.subjects} "
        "--clusters {output.clusters} --representative {output.representative} "
        "--evaluation {output.evaluation} --choice {output.choice} &> {log}"


rule compose:
    input:
        vectors=space_vectors,
        subjects=space_subjects,
        clusters=rules.cluster.output.clusters,
        predictions=predicted_attributes,
    output:
        composed="<results>/tables/{dataset}-{space}-composition.csv",
        associated="<results>/tables/{dataset}-{space}-association.csv",
        diverse="<results>/tables/{dataset}-{space}-diversity.csv",
    log:
        "<logs>/compose/{dataset}/{space}.log",
    benchmark:
        "<benchmarks>/compose/{dataset}/{space}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(120),
    params:
        settings=as_json(lambda wildcards: composition_settings(PLAN[wildcards.dataset], wildcards.space)),
        code=code("compose"),
    message:
        "Describe the clusters of {wildcards.dataset} in {wildcards.space}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.compose '
        "--settings {params.settings:q} --vectors {input.vectors} --subjects {input.subjects} "
        "--clusters {input.clusters} --predictions {input.predictions} --composed {output.composed} "
        "--associated {output.associated} --diverse {output.diverse} &> {log}"


rule describe_captions:
    input:
        images=all_shards("images"),
        clusters=rules.cluster.output.clusters,
    output:
        captions="<results>/tables/{dataset}-{space}-captions.csv",
    log:
        "<logs>/describe_captions/{dataset}/{space}.log",
    benchmark:
        "<benchmarks>/describe_captions/{dataset}/{space}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(30),
    params:
        settings=as_json(lambda wildcards: {"space": wildcards.space}),
        code=code("describe_captions"),
    message:
        "Compare the captions of the clusters of {wildcards.dataset} in {wildcards.space}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.describe_captions '
        "--settings {params.settings:q} --images {input.images} "
        "--clusters {input.clusters} --captions {output.captions} &> {log}"


rule rebalance:
    input:
        vectors=space_vectors,
        images=all_shards("images"),
        clusters=rules.cluster.output.clusters,
        predictions=predicted_attributes,
    output:
        duplicates="<results>/tables/{dataset}-{space}-duplicates.csv",
        shares="<results>/tables/{dataset}-{space}-rebalance.csv",
        keep="<results>/tables/{dataset}-{space}-keep_list.csv",
    log:
        "<logs>/rebalance/{dataset}/{space}.log",
    benchmark:
        "<benchmarks>/rebalance/{dataset}/{space}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(60),
    params:
        settings=as_json(lambda wildcards: rebalance_settings(PLAN[wildcards.dataset], wildcards.space)),
        code=code("rebalance"),
    message:
        "Find duplicates and rebalance {wildcards.dataset} in {wildcards.space}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.rebalance '
        "--settings {params.settings:q} --vectors {input.vectors} --images {input.images} "
        "--clusters {input.clusters} --predictions {input.predictions} --duplicates {output.duplicates} "
        "--shares {output.shares} --keep {output.keep} &> {log}"


rule compare_clusters:
    input:
        clusters=flat(picture_clusters),
    output:
        compared="<results>/tables/{dataset}-agreement.csv",
    log:
        "<logs>/compare_clusters/{dataset}.log",
    benchmark:
        "<benchmarks>/compare_clusters/{dataset}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(10),
    params:
        settings=as_json(
            lambda wildcards: {"dataset": wildcards.dataset, "spaces": PLAN[wildcards.dataset].picture_spaces}
        ),
        code=code("compare_clusters"),
        clusters=by_name(picture_clusters),
    message:
        "Compare the clusters of {wildcards.dataset} between encoders"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.compare_clusters '
        "--settings {params.settings:q} --clusters {params.clusters} "
        "--compared {output.compared} &> {log}"


rule draw_contact_sheet:
    input:
        images=all_shards("images"),
        clusters=rules.cluster.output.clusters,
        representative=rules.cluster.output.representative,
    output:
        sheet=report(
            "<results>/figures/{dataset}-{space}-contact_sheet.png",
            category="Figures",
            subcategory="{dataset}",
            caption="captions/contact_sheet.rst",
        ),
    log:
        "<logs>/draw_contact_sheet/{dataset}/{space}.log",
    benchmark:
        "<benchmarks>/draw_contact_sheet/{dataset}/{space}.tsv"
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(4000),
        runtime=scaled_by_attempt(30),
    params:
        settings=as_json(
            lambda wildcards: {
                "dataset": wildcards.dataset,
                "space": wildcards.space,
                "max_pixels": PLAN[wildcards.dataset].max_pixels,
            }
        ),
        code=code("draw_contact_sheet"),
    message:
        "Show the clusters of {wildcards.dataset} in {wildcards.space}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.draw_contact_sheet '
        "--settings {params.settings:q} --images {input.images} "
        "--clusters {input.clusters} --representative {input.representative} --sheet {output.sheet} &> {log}"
