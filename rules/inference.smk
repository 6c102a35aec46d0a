"""From similarities to findings that hold."""

SPACE_VECTORS, SPACE_VECTORS_WORDS = by_name("vectors", per_space(vectors_of, STUDY.datasets))


rule measure_reference:
    input:
        **SPACE_VECTORS,
        images=whole("images"),
        code=code_files("scripts/measure_reference.py"),
        lock="requirements.lock",
    output:
        reference=f"{RESULTS}/tables/{{dataset}}-reference.csv",
        crossed=f"{RESULTS}/tables/{{dataset}}-cross_seed.csv",
    log:
        f"{RESULTS}/logs/measure_reference/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure_reference/{{dataset}}.tsv"
    wildcard_constraints:
        dataset=one_of(GENERATED),
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=settings(reference_settings),
    message:
        "Measure floor and ceiling of the spaces of {wildcards.dataset}"
    shell:
        "python -m scripts.measure_reference --settings {params.settings:q} --images {input.images} "
        f"{SPACE_VECTORS_WORDS} "
        "--reference {output.reference} --crossed {output.crossed} &> {log}"


rule infer:
    input:
        similarity=whole("similarity"),
        reference=f"{RESULTS}/tables/{{dataset}}-reference.csv",
        images=whole("images"),
        predictions=lambda wildcards: zero_shot_predictions(wildcards.dataset),
        code=code_files("scripts/infer.py"),
        lock="requirements.lock",
    output:
        tables=tables_of("infer"),
    log:
        f"{RESULTS}/logs/infer/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/infer/{{dataset}}.tsv"
    wildcard_constraints:
        dataset=one_of(GENERATED),
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=settings(inference_settings),
    message:
        "Test the gaps between the groups of {wildcards.dataset}"
    shell:
        "python -m scripts.infer --settings {params.settings:q} --similarity {input.similarity} "
        "--reference {input.reference} --images {input.images} --predictions {input.predictions} "
        "--tables {output.tables} &> {log}"


rule locate_neutral:
    input:
        similarity=whole("similarity"),
        images=whole("images"),
        predictions=lambda wildcards: zero_shot_predictions(wildcards.dataset),
        planted=planted_shares,
        code=code_files("scripts/locate_neutral.py"),
        lock="requirements.lock",
    output:
        tables=tables_of("locate_neutral"),
    log:
        f"{RESULTS}/logs/locate_neutral/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/locate_neutral/{{dataset}}.tsv"
    wildcard_constraints:
        dataset=one_of(GENERATED),
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=settings(position_settings),
    message:
        "Find where the neutral person of {wildcards.dataset} sits among the groups"
    shell:
        "python -m scripts.locate_neutral --settings {params.settings:q} --similarity {input.similarity} "
        "--images {input.images} --predictions {input.predictions} --planted {input.planted} "
        "--tables {output.tables} &> {log}"
