"""Maps, clusters and who is in them."""


rule project:
    input:
        **SPACE_VECTORS,
        images=whole("images"),
        code=code_files("scripts/project.py"),
        lock="requirements.lock",
    output:
        projections=f"{RESULTS}/{{dataset}}/projections.parquet",
    log:
        f"{RESULTS}/logs/project/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/project/{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        settings=settings(projection_settings),
    message:
        "Map the spaces of {wildcards.dataset} to two dimensions"
    shell:
        "python -m scripts.project --settings {params.settings:q} --images {input.images} "
        f"{SPACE_VECTORS_WORDS} "
        "--projections {output.projections} &> {log}"


rule cluster:
    input:
        vectors=space_vectors,
        subjects=space_subjects,
        code=code_files("scripts/cluster.py"),
        lock="requirements.lock",
    output:
        clusters=f"{RESULTS}/{{dataset}}/clusters/{{space}}.parquet",
        representative=f"{RESULTS}/{{dataset}}/representatives/{{space}}.parquet",
        evaluation=f"{RESULTS}/tables/{{dataset}}-{{space}}-clusters.csv",
        choice=f"{RESULTS}/tables/{{dataset}}-{{space}}-choice_of_k.csv",
    log:
        f"{RESULTS}/logs/cluster/{{dataset}}/{{space}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/cluster/{{dataset}}/{{space}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        settings=settings(cluster_settings),
    message:
        "Cluster {wildcards.dataset} in {wildcards.space}"
    shell:
        "python -m scripts.cluster --settings {params.settings:q} --vectors {input.vectors} --subjects {input.subjects} "
        "--clusters {output.clusters} --representative {output.representative} "
        "--evaluation {output.evaluation} --choice {output.choice} &> {log}"


rule compose:
    input:
        vectors=space_vectors,
        subjects=space_subjects,
        clusters=f"{RESULTS}/{{dataset}}/clusters/{{space}}.parquet",
        predictions=predicted_attributes,
        code=code_files("scripts/compose.py"),
        lock="requirements.lock",
    output:
        composed=f"{RESULTS}/tables/{{dataset}}-{{space}}-composition.csv",
        associated=f"{RESULTS}/tables/{{dataset}}-{{space}}-association.csv",
        diverse=f"{RESULTS}/tables/{{dataset}}-{{space}}-diversity.csv",
    log:
        f"{RESULTS}/logs/compose/{{dataset}}/{{space}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/compose/{{dataset}}/{{space}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        settings=settings(composition_settings),
    message:
        "Describe the clusters of {wildcards.dataset} in {wildcards.space}"
    shell:
        "python -m scripts.compose --settings {params.settings:q} --vectors {input.vectors} --subjects {input.subjects} "
        "--clusters {input.clusters} --predictions {input.predictions} --composed {output.composed} "
        "--associated {output.associated} --diverse {output.diverse} &> {log}"


rule describe_captions:
    input:
        images=whole("images"),
        clusters=f"{RESULTS}/{{dataset}}/clusters/{{space}}.parquet",
        code=code_files("scripts/describe_captions.py"),
        lock="requirements.lock",
    output:
        captions=f"{RESULTS}/tables/{{dataset}}-{{space}}-captions.csv",
    log:
        f"{RESULTS}/logs/describe_captions/{{dataset}}/{{space}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/describe_captions/{{dataset}}/{{space}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(30),
    params:
        settings=settings(captions_settings),
    message:
        "Compare the captions of the clusters of {wildcards.dataset} in {wildcards.space}"
    shell:
        "python -m scripts.describe_captions --settings {params.settings:q} --images {input.images} "
        "--clusters {input.clusters} --captions {output.captions} &> {log}"


rule rebalance:
    input:
        vectors=space_vectors,
        images=whole("images"),
        clusters=f"{RESULTS}/{{dataset}}/clusters/{{space}}.parquet",
        predictions=predicted_attributes,
        code=code_files("scripts/rebalance.py"),
        lock="requirements.lock",
    output:
        duplicates=f"{RESULTS}/tables/{{dataset}}-{{space}}-duplicates.csv",
        shares=f"{RESULTS}/tables/{{dataset}}-{{space}}-rebalance.csv",
        keep=f"{RESULTS}/tables/{{dataset}}-{{space}}-keep_list.csv",
    log:
        f"{RESULTS}/logs/rebalance/{{dataset}}/{{space}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/rebalance/{{dataset}}/{{space}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=settings(rebalance_settings),
    message:
        "Find duplicates and rebalance {wildcards.dataset} in {wildcards.space}"
    shell:
        "python -m scripts.rebalance --settings {params.settings:q} --vectors {input.vectors} --images {input.images} "
        "--clusters {input.clusters} --predictions {input.predictions} --duplicates {output.duplicates} "
        "--shares {output.shares} --keep {output.keep} &> {log}"


SPACE_CLUSTERS, SPACE_CLUSTERS_WORDS = by_name("clusters", per_space(clusters_of, STUDY.datasets))


rule compare_clusters:
    input:
        **SPACE_CLUSTERS,
        code=code_files("scripts/compare_clusters.py"),
        lock="requirements.lock",
    output:
        compared=f"{RESULTS}/tables/{{dataset}}-agreement.csv",
    log:
        f"{RESULTS}/logs/compare_clusters/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare_clusters/{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=settings(agreement_settings),
    message:
        "Compare the clusters of {wildcards.dataset} between encoders"
    shell:
        "python -m scripts.compare_clusters --settings {params.settings:q} "
        f"{SPACE_CLUSTERS_WORDS} "
        "--compared {output.compared} &> {log}"


rule draw_contact_sheet:
    input:
        images=whole("images"),
        clusters=f"{RESULTS}/{{dataset}}/clusters/{{space}}.parquet",
        representative=f"{RESULTS}/{{dataset}}/representatives/{{space}}.parquet",
        code=code_files("scripts/draw_contact_sheet.py"),
        lock="requirements.lock",
    output:
        sheet=report(
            f"{RESULTS}/figures/{{dataset}}-{{space}}-contact_sheet.png",
            category="Figures",
            subcategory="{dataset}",
            caption="captions/contact_sheet.rst",
        ),
    log:
        f"{RESULTS}/logs/draw_contact_sheet/{{dataset}}/{{space}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_contact_sheet/{{dataset}}/{{space}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        settings=settings(sheet_settings),
    message:
        "Show the clusters of {wildcards.dataset} in {wildcards.space}"
    shell:
        "python -m scripts.draw_contact_sheet --settings {params.settings:q} --images {input.images} "
        "--clusters {input.clusters} --representative {input.representative} --sheet {output.sheet} &> {log}"
