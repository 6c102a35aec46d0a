"""Maps, clusters and who is in them."""


rule project:
    input:
        vectors=all_vectors,
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
        mem_mb=8000,
        runtime=120,
    params:
        settings=settings(projection_settings),
    message:
        "Map the spaces of {wildcards.dataset} to two dimensions"
    shell:
        "python -m scripts.project --settings {params.settings:q} --vectors {input.vectors} "
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
        mem_mb=8000,
        runtime=120,
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
        mem_mb=8000,
        runtime=120,
    params:
        settings=settings(composition_settings),
    message:
        "Describe the clusters of {wildcards.dataset} in {wildcards.space}"
    shell:
        "python -m scripts.compose --settings {params.settings:q} --vectors {input.vectors} --subjects {input.subjects} "
        "--clusters {input.clusters} --composed {output.composed} --associated {output.associated} "
        "--diverse {output.diverse} &> {log}"
