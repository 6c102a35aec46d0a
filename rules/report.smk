"""What people read: figures and the page."""

for _name in STUDY.datasets:

    rule:
        name:
            f"draw_figures_of_{_name}"
        input:
            tables=table_files(_name, figure_catalogue.drawn_tables(scope(_name))),
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


PAGE_FILES = [
    by_name("tables", per_dataset(results_of)),
    by_name("figures", per_dataset(lambda name: [f"{stem}.svg" for stem in figures_of(name)])),
    by_name("projections", per_dataset(lambda name: [f"{RESULTS}/{name}/projections.parquet"])),
    by_name("images", per_dataset(lambda name: shards_of(name, "images"))),
    by_name("similarity", per_dataset(lambda name: shards_of(name, "similarity") if name in GENERATED else [])),
    by_name("clusters", per_dataset(structure_files("clusters"))),
    by_name("representatives", per_dataset(structure_files("representatives"))),
]


rule write_report:
    input:
        **{key: files for inputs, _ in PAGE_FILES for key, files in inputs.items()},
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
        "python -m scripts.write_report --settings {params.settings:q} "
        f"{' '.join(words for _, words in PAGE_FILES)} "
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
        svg=f"{RESULTS}/comparison/comparison.svg",
        png=f"{RESULTS}/comparison/comparison.png",
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
        "--different {output.different} --svg {output.svg} --png {output.png} --page {output.page} &> {log}"
