"""What people read: figures and the page."""

from functools import partial

from untold.catalogue.figures import drawn_tables
from untold.catalogue.tables import page_tables
from untold.study.rules import compared_studies, dataset_outputs, figure_stems, table_files


def figure_settings(dataset, wildcards=None):
    plan = PLAN[dataset]
    return {
        "dataset": dataset,
        "highlight": next(iter(plan.attributes), None),
        "groups": plan.axis,
        "contrast": "-".join(plan.pairs[0]) if plan.pairs else None,
        "keys": {space: place.key for space, place in plan.spaces.items()},
        "colours": STUDY.report.colours,
        "confidence": STUDY.inference.confidence,
    }


def model_identities():
    """What the study's models and encoders are."""
    sources = {name: model.source for name, model in STUDY.models.items()}
    sources |= {name: encoder.source for name, encoder in STUDY.encoders.items()}
    return {name: identity(source) for name, source in sources.items()}


def report_settings(wildcards):
    facts = {}
    for name, plan in PLAN.datasets.items():
        drawn = figure_settings(name)
        facts[name] = {key: drawn[key] for key in ("groups", "contrast", "keys")}
        facts[name]["kind"] = STUDY.datasets[name].kind
        facts[name]["model"] = PLAN.generated[name].settings.model if name in PLAN.generated else None
        facts[name]["classifier"] = plan.main_classifier
        facts[name]["facets"] = [*plan.attributes, *(["activity"] if name in PLAN.generated else [])]
    return {
        "report": STUDY.report.model_dump(),
        "datasets": facts,
        "confidence": STUDY.inference.confidence,
        "pictures": STUDY.projections.points,
        "study": STUDY.model_dump(exclude={"report"}),
        "identities": model_identities(),
    }


def page_files():
    """What the page reads, by option of its script and dataset."""

    def structure(folder):
        return lambda name: [f"{RESULTS}/{name}/{folder}/{space}.parquet" for space in PLAN[name].spaces]

    files = {
        "tables": lambda name: table_files(PLAN, name, page_tables(PLAN[name].scope)),
        "figures": lambda name: [f"{stem}.svg" for stem in figure_stems(PLAN, name)],
        "projections": lambda name: [f"{RESULTS}/{name}/projections.parquet"],
        "images": lambda name: shard_files(PLAN, name, "images"),
        "similarity": lambda name: shard_files(PLAN, name, "similarity") if name in PLAN.generated else [],
        "clusters": structure("clusters"),
        "representatives": structure("representatives"),
    }
    return {option: {name: choose(name) for name in PLAN.datasets} for option, choose in files.items()}


def page_option(option):
    return lambda wildcards: page_files()[option]


def study_outputs(wildcards):
    """Everything that the default target makes."""
    return [*(file for name in PLAN.datasets for file in dataset_outputs(PLAN, name)), f"{RESULTS}/report.html"]


def finished_studies():
    try:
        return compared_studies(COMPARED)
    except ConfigError as error:
        raise WorkflowError(str(error)) from None


def comparison_settings(wildcards):
    return {"title": STUDY.report.title, "studies": finished_studies(), "inference": STUDY.inference.model_dump()}


def compared_tables(wildcards):
    studies = finished_studies()
    if len(studies) < 2:
        raise WorkflowError("compare needs two finished studies or more: --config 'studies=[results, results_sdxl]'")
    tables = ("contrasts", "activities", "specifications_summary")
    return [f"{folder}/tables/{dataset}-{table}.csv" for folder, dataset in studies.values() for table in tables]


def templates(*names):
    return [f"untold/report/templates/{name}" for name in names]


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
            settings=as_json(partial(figure_settings, _name)),
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
        tables=flat(page_option("tables")),
        figures=flat(page_option("figures")),
        projections=flat(page_option("projections")),
        images=flat(page_option("images")),
        similarity=flat(page_option("similarity")),
        clusters=flat(page_option("clusters")),
        representatives=flat(page_option("representatives")),
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
        settings=as_json(report_settings),
        code=code("write_report", *templates("report.html.j2", "report.css", "report.js")),
        tables=by_name(page_option("tables")),
        figures=by_name(page_option("figures")),
        projections=by_name(page_option("projections")),
        images=by_name(page_option("images")),
        similarity=by_name(page_option("similarity")),
        clusters=by_name(page_option("clusters")),
        representatives=by_name(page_option("representatives")),
    message:
        "Write the page of the study"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.write_report '
        "--settings {params.settings:q} --tables {params.tables} --figures {params.figures} "
        "--projections {params.projections} --images {params.images} --similarity {params.similarity} "
        "--clusters {params.clusters} --representatives {params.representatives} "
        f"--provenance {RESULTS}/provenance --page {{output.page}} &> {{log}}"


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
        settings=as_json(comparison_settings),
        code=code("compare_studies", *templates("comparison.html.j2", "report.css")),
    message:
        "Put finished studies side by side"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.compare_studies '
        "--settings {params.settings:q} --contrasts {output.contrasts} "
        "--different {output.different} --svg {output.svg} --png {output.png} --page {output.page} &> {log}"
