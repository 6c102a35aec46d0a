"""What people read: figures and the page."""

for _name in STUDY.datasets:

    rule:
        name:
            f"draw_figures_of_{_name}"
        input:
            tables=results_of(_name),
            projections=f"{RESULTS}/{_name}/projections.parquet",
            images=shards_of(_name, "images"),
            code=code_files("scripts/draw_figures.py"),
            lock="requirements.lock",
        output:
            figures=report(
                expand("{stem}.svg", stem=figures_of(_name)),
                category="Figures",
                subcategory=_name,
                caption="captions/figure.rst",
            ),
            pictures=expand("{stem}.png", stem=figures_of(_name)),
        log:
            f"{RESULTS}/logs/draw_figures/{_name}.log",
        benchmark:
            f"{RESULTS}/benchmarks/draw_figures/{_name}.tsv"
        conda:
            CONDA
        threads: 1
        resources:
            mem_mb=growing(4000),
            runtime=growing(30),
        params:
            settings=settings(partial(figure_settings, _name)),
        message:
            f"Draw the figures of {_name}"
        shell:
            "python -m scripts.draw_figures --settings {params.settings:q} --tables {input.tables} "
            "--projections {input.projections} --images {input.images} "
            "--figures {output.figures} {output.pictures} &> {log}"


rule write_report:
    input:
        tables=every(results_of),
        figures=expand("{stem}.svg", stem=every(figures_of)),
        projections=[f"{RESULTS}/{name}/projections.parquet" for name in STUDY.datasets],
        images=every(lambda name: shards_of(name, "images")),
        similarity=[file for name in GENERATED for file in shards_of(name, "similarity")],
        clusters=structure_files("clusters"),
        representatives=structure_files("representatives"),
        templates=expand("untold/report/templates/{name}", name=["report.html.j2", "report.css", "report.js"]),
        code=code_files("scripts/write_report.py"),
        lock="requirements.lock",
    output:
        page=report(f"{RESULTS}/report.html", category="Page", caption="captions/report.rst"),
    log:
        f"{RESULTS}/logs/write_report.log",
    benchmark:
        f"{RESULTS}/benchmarks/write_report.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(30),
    params:
        settings=settings(report_settings),
    message:
        "Write the page of the study"
    shell:
        "python -m scripts.write_report --settings {params.settings:q} --tables {input.tables} "
        "--figures {input.figures} --projections {input.projections} --images {input.images} "
        "--similarity {input.similarity} --clusters {input.clusters} --representatives {input.representatives} "
        f"--provenance {RESULTS}/provenance --page {{output.page}} &> {{log}}"


rule compare:
    input:
        tables=ancient(compared_tables),
        templates=expand("untold/report/templates/{name}", name=["comparison.html.j2", "report.css"]),
        code=code_files("scripts/compare_studies.py"),
        lock="requirements.lock",
    output:
        contrasts=f"{RESULTS}/comparison/contrasts.csv",
        different=f"{RESULTS}/comparison/differences.csv",
        drawings=expand(f"{RESULTS}/comparison/comparison.{{kind}}", kind=["svg", "png"]),
        page=f"{RESULTS}/comparison/comparison.html",
    log:
        f"{RESULTS}/logs/compare_studies.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare_studies.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        settings=settings(comparison_settings),
    message:
        "Put finished studies side by side"
    shell:
        "python -m scripts.compare_studies --settings {params.settings:q} --contrasts {output.contrasts} "
        "--different {output.different} --drawings {output.drawings} --page {output.page} &> {log}"
