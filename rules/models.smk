"""Models from the hub: downloaded once at a pinned revision and verified; later runs need no network."""

from untold.study.rules import hub_request


# The only rule that does not depend on its code: checksums identify a revision, and editing a helper must not force a
# download on an offline machine.
rule fetch_model:
    output:
        manifest="resources/models/{repository}/{revision}/manifest.json",
    log:
        "<logs>/fetch_model/{repository}/{revision}.log",
    benchmark:
        "<benchmarks>/fetch_model/{repository}/{revision}.tsv"
    wildcard_constraints:
        repository=r"[\w.-]+--[\w.-]+",
        revision="[0-9a-f]{40}",
    localrule: True
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(240),
    params:
        settings=as_json(lambda wildcards: hub_request(PLAN, wildcards.repository, wildcards.revision)),
    message:
        "Fetch {wildcards.repository} at {wildcards.revision}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.fetch_model --settings {params.settings:q} '
        "--manifest {output.manifest:q} &> {log:q}"


rule fetch_models:
    input:
        sorted({model_manifest(source) for source in PLAN.hub_sources}),
    localrule: True
    message:
        "All models of the study are available"


rule check_catalogue:
    log:
        ".snakemake/log/check_catalogue.log",
    localrule: True
    conda:
        CONDA
    message:
        "Ask the hub whether the catalogue's models and encoders are as it says"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.check_catalogue 2>&1 | tee {log}'
