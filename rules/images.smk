"""Folders of existing images become manifests like those of generated ones."""


rule index_images:
    input:
        labels=labels_files,
        code=code_files("scripts/index_images.py"),
        lock="requirements.lock",
    output:
        images=f"{RESULTS}/{{dataset}}/images/{{shard}}.parquet",
        rejects=f"{RESULTS}/{{dataset}}/rejects/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/index_images/{{dataset}}/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/index_images/{{dataset}}/{{shard}}.tsv"
    wildcard_constraints:
        dataset=one_of(FOLDERS),
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        settings=settings(index_settings),
    message:
        "Index the images of {wildcards.dataset} shard {wildcards.shard}"
    shell:
        "python -m scripts.index_images --settings {params.settings:q} --labels {input.labels:q} "
        "--images {output.images} --rejects {output.rejects} &> {log}"


rule list_rejects:
    input:
        images=whole("images"),
        rejects=folder_rejects,
        code=code_files("scripts/list_rejects.py"),
        lock="requirements.lock",
    output:
        listed=f"{RESULTS}/tables/{{dataset}}-rejects.csv",
    log:
        f"{RESULTS}/logs/list_rejects/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/list_rejects/{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=settings(rejects_settings),
    message:
        "List the images of {wildcards.dataset} that cannot be used"
    shell:
        "python -m scripts.list_rejects --settings {params.settings:q} --images {input.images} "
        "--rejects {input.rejects} --listed {output.listed} &> {log}"
