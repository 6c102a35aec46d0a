"""Models from the hub: pinned revisions, fetched once and checked, offline ever after."""


localrules:
    fetch_model,
    fetch_models,


# The one rule whose code is no input: a revision is what it is by its checksums, and an edited helper must not send a
# machine without network back to the hub.
rule fetch_model:
    output:
        manifest=f"{MODELS}/{{repository}}/{{revision}}/manifest.json",
    log:
        f"{RESULTS}/logs/fetch_model/{{repository}}/{{revision}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/fetch_model/{{repository}}/{{revision}}.tsv"
    wildcard_constraints:
        repository=r"[\w.-]+--[\w.-]+",
        revision="[0-9a-f]{40}",
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
    params:
        settings=settings(model_settings),
    message:
        "Fetch {wildcards.repository} at {wildcards.revision}"
    shell:
        "python -m scripts.fetch_model --settings {params.settings:q} --manifest {output.manifest} &> {log}"


rule fetch_models:
    input:
        sorted({manifest(source) for source in HUB_SOURCES}),
    message:
        "All models of the study are here"
