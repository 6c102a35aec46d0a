"""What CLIP takes the images for, and how often it errs where labels tell."""


rule classify:
    input:
        vectors=lambda wildcards: shards_of(wildcards.dataset, f"embeddings/{wildcards.encoder}"),
        weights=encoder_weights,
        code=code_files("scripts/classify.py"),
        lock="requirements.lock",
    output:
        predictions=f"{RESULTS}/{{dataset}}/predictions/{{encoder}}.parquet",
    log:
        f"{RESULTS}/logs/classify/{{dataset}}/{{encoder}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/classify/{{dataset}}/{{encoder}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=settings(classifier_settings),
    message:
        "Classify the images of {wildcards.dataset} with {wildcards.encoder}"
    shell:
        "python -m scripts.classify --settings {params.settings:q} --vectors {input.vectors} "
        "--predictions {output.predictions} &> {log}"


rule audit_attributes:
    input:
        images=whole("images"),
        predictions=lambda wildcards: zero_shot_predictions(wildcards.dataset),
        code=code_files("scripts/audit_attributes.py"),
        lock="requirements.lock",
    output:
        tables=tables_of("audit_attributes"),
    log:
        f"{RESULTS}/logs/audit_attributes/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/audit_attributes/{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=settings(audit_settings),
    message:
        "Audit the zero-shot attributes of {wildcards.dataset}"
    shell:
        "python -m scripts.audit_attributes --settings {params.settings:q} --images {input.images} "
        "--predictions {input.predictions} --tables {output.tables} &> {log}"


rule compare_published:
    input:
        summary=f"{RESULTS}/tables/{{dataset}}-attributes_summary.csv",
        code=code_files("scripts/compare_published.py"),
        lock="requirements.lock",
    output:
        compared=f"{RESULTS}/tables/{{dataset}}-attributes_published.csv",
    log:
        f"{RESULTS}/logs/compare_published/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare_published/{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=settings(published_settings),
    message:
        "Set the zero-shot gender of {wildcards.dataset} beside published figures"
    shell:
        "python -m scripts.compare_published --settings {params.settings:q} --summary {input.summary} "
        "--compared {output.compared} &> {log}"
