"""What other tools open: never part of the study itself, made on request (`snakemake export`)."""


rule export:
    input:
        expand(f"{RESULTS}/export/{{dataset}}", dataset=STUDY.datasets),
        f"{RESULTS}/export/study.crate.zip",


rule export_dataset:
    input:
        images=whole("images"),
        projections=f"{RESULTS}/{{dataset}}/projections.parquet",
        code=code_files("scripts/export_dataset.py"),
        lock="requirements.lock",
    output:
        folder=directory(f"{RESULTS}/export/{{dataset}}"),
        atlas=f"{RESULTS}/export/{{dataset}}.parquet",
    log:
        f"{RESULTS}/logs/export_dataset/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/export_dataset/{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        settings=settings(export_settings),
    message:
        "Export the images of {wildcards.dataset}"
    shell:
        "python -m scripts.export_dataset --settings {params.settings:q} --images {input.images} "
        "--projections {input.projections} --folder {output.folder} --atlas {output.atlas} &> {log}"


rule export_crate:
    input:
        results=[*every(results_of), *expand("{stem}.svg", stem=every(figures_of)), f"{RESULTS}/report.html"],
        workflow=packed_code(),
        code=code_files("scripts/export_crate.py"),
        lock="requirements.lock",
    output:
        crate=f"{RESULTS}/export/study.crate.zip",
    log:
        f"{RESULTS}/logs/export_crate.log",
    benchmark:
        f"{RESULTS}/benchmarks/export_crate.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        settings=settings(crate_settings),
    message:
        "Pack the study as a Workflow Run RO-Crate"
    shell:
        "python -m scripts.export_crate --settings {params.settings:q} --results {input.results} "
        "--code {input.workflow} {input.lock} --crate {output.crate} &> {log}"
