"""Folders of existing images become manifests like those of generated ones."""


rule index_images:
    input:
        labels=labels_file,
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
        mem_mb=4000,
        runtime=60,
    params:
        settings=settings(index_settings),
    message:
        "Index the images of {wildcards.dataset} shard {wildcards.shard}"
    shell:
        "python -m scripts.index_images --settings {params.settings:q} --labels {input.labels:q} "
        "--images {output.images} --rejects {output.rejects} &> {log}"
