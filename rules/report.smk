"""Figures, the report page, and the comparison of finished studies."""

from untold.catalogue.figures import drawn_tables
from untold.study.rules import figure_stems, provenance_files, table_files
from untold.study.settings import figure_settings, report_settings

TEMPLATES = "untold/report/templates"


for _name in STUDY.datasets:

    rule:
        name:
            f"draw_figures_of_{_name}"
        input:
            tables=table_files(PLAN, _name, drawn_tables(PLAN[_name].scope)),
            projections=f"{RESULTS}/{_name}/projections.parquet",
            images=shard_files(PLAN, _name, "images"),
        output:
            figures=report(
                expand("{stem}.svg", stem=figure_stems(PLAN, _name)),
                category="Figures",
                subcategory=_name,
                caption="captions/figure.rst",
            ),
            pictures=expand("{stem}.png", stem=figure_stems(PLAN, _name)),
        log:
            f"{RESULTS}/logs/draw_figures/{_name}.log",
        benchmark:
            f"{RESULTS}/benchmarks/draw_figures/{_name}.tsv"
        conda:
            CONDA
        resources:
            mem_mb=scaled_by_attempt(4000),
            runtime=scaled_by_attempt(30),
        params:
            settings=as_json(lambda wildcards, dataset=_name: figure_settings(PLAN[dataset])),
            code=code("draw_figures"),
        message:
            f"Draw the figures of {_name}"
        shell:
            'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.draw_figures '
            "--settings {params.settings:q} --tables {input.tables} "
            "--projections {input.projections} --images {input.images} "
            "--figures {output.figures} {output.pictures} &> {log}"


rule write_report:
    input:
        tables=flat(read_by_page("tables")),
        figures=flat(read_by_page("figures")),
        projections=flat(read_by_page("projections")),
        images=flat(read_by_page("images")),
        similarity=flat(read_by_page("similarity")),
        clusters=flat(read_by_page("clusters")),
        representatives=flat(read_by_page("representatives")),
        provenance=provenance_files(PLAN),
    output:
        page=report("<results>/report.html", category="Page", caption="captions/report.rst"),
    log:
        "<logs>/write_report.log",
    benchmark:
        "<benchmarks>/write_report.tsv"
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(30),
    params:
        settings=as_json(lambda wildcards: report_settings(PLAN)),
        code=code("write_report", f"{TEMPLATES}/report.html.j2", f"{TEMPLATES}/report.css", f"{TEMPLATES}/report.js"),
        tables=by_name(read_by_page("tables")),
        figures=by_name(read_by_page("figures")),
        projections=by_name(read_by_page("projections")),
        images=by_name(read_by_page("images")),
        similarity=by_name(read_by_page("similarity")),
        clusters=by_name(read_by_page("clusters")),
        representatives=by_name(read_by_page("representatives")),
    message:
        "Write the page of the study"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.write_report '
        "--settings {params.settings:q} --tables {params.tables} --figures {params.figures} "
        "--projections {params.projections} --images {params.images} --similarity {params.similarity} "
        "--clusters {params.clusters} --representatives {params.representatives} "
        "--provenance {input.provenance} --page {output.page} &> {log}"


rule compare:
    input:
        tables=ancient(compared_tables),
    output:
        contrasts="<results>/comparison/contrasts.csv",
        different="<results>/comparison/differences.csv",
        svg="<results>/comparison/comparison.svg",
        png="<results>/comparison/comparison.png",
        page="<results>/comparison/comparison.html",
    log:
        "<logs>/compare_studies.log",
    benchmark:
        "<benchmarks>/compare_studies.tsv"
    conda:
        CONDA
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        settings=as_json(
            lambda wildcards: {
                "title": STUDY.report.title,
                "studies": finished_studies(),
                "inference": STUDY.inference.model_dump(),
            }
        ),
        code=code("compare_studies", f"{TEMPLATES}/comparison.html.j2", f"{TEMPLATES}/report.css"),
    message:
        "Compare finished studies"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.compare_studies '
        "--settings {params.settings:q} --contrasts {output.contrasts} "
        "--different {output.different} --svg {output.svg} --png {output.png} --page {output.page} &> {log}"
