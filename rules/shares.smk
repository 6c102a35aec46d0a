"""Shares of the groups among neutral images: the judges, what they find, and how wrong they are."""

from untold.study.settings import (
    calibration_settings,
    depiction_settings,
    probe_settings,
    recovery_settings,
    share_audit_settings,
    share_settings,
)


rule probe:
    input:
        images=all_shards("images"),
        vectors=space_vectors,
    output:
        predictions="<results>/{dataset}/probes/{space}.parquet",
    log:
        "<logs>/probe/{dataset}/{space}.log",
    benchmark:
        "<benchmarks>/probe/{dataset}/{space}.tsv"
    wildcard_constraints:
        dataset=alternatives(PLAN.generated),
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(60),
    params:
        settings=as_json(lambda wildcards: probe_settings(PLAN.generated[wildcards.dataset], wildcards.space)),
        code=code("probe"),
    message:
        "Train a probe for the images of {wildcards.dataset} in {wildcards.space}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.probe '
        "--settings {params.settings:q} --images {input.images} --vectors {input.vectors} "
        "--predictions {output.predictions} &> {log}"


rule estimate_shares:
    input:
        images=all_shards("images"),
        predictions=used_predictions,
        probes=flat(probes),
    output:
        tables=stage_tables("estimate_shares"),
    log:
        "<logs>/estimate_shares/{dataset}.log",
    benchmark:
        "<benchmarks>/estimate_shares/{dataset}.tsv"
    wildcard_constraints:
        dataset=alternatives(PLAN.generated),
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(60),
    params:
        settings=as_json(lambda wildcards: share_settings(PLAN.generated[wildcards.dataset])),
        code=code("estimate_shares"),
        probes=by_name(probes),
    message:
        "Estimate the shares of the groups among the neutral images of {wildcards.dataset}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.estimate_shares '
        "--settings {params.settings:q} --images {input.images} --predictions {input.predictions} "
        "--probes {params.probes} --tables {output.tables} &> {log}"


rule calibrate_readout:
    input:
        images=all_shards("images"),
        predictions=used_predictions,
        probes=flat(probes),
        readout="<results>/tables/{dataset}-readout.csv",
        judges="<results>/tables/{dataset}-self_check.csv",
        shares=compared_shares,
    output:
        tables=stage_tables("calibrate_readout"),
    log:
        "<logs>/calibrate_readout/{dataset}.log",
    benchmark:
        "<benchmarks>/calibrate_readout/{dataset}.tsv"
    wildcard_constraints:
        dataset=alternatives(PLAN.generated),
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(60),
    params:
        settings=as_json(lambda wildcards: calibration_settings(PLAN.generated[wildcards.dataset])),
        code=code("calibrate_readout"),
        probes=by_name(probes),
    message:
        "Join counted shares of {wildcards.dataset} and the readout"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.calibrate_readout '
        "--settings {params.settings:q} --images {input.images} --predictions {input.predictions} "
        "--probes {params.probes} --readout {input.readout} --judges {input.judges} --shares {input.shares} "
        "--tables {output.tables} &> {log}"


rule depict:
    input:
        images=all_shards("images"),
        world=lambda wildcards: own_inputs(PLAN.generated[wildcards.dataset].world_files),
    output:
        depicted="<results>/{dataset}/depicted.parquet",
    log:
        "<logs>/depict/{dataset}.log",
    benchmark:
        "<benchmarks>/depict/{dataset}.tsv"
    wildcard_constraints:
        dataset=alternatives(PLAN.generated),
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(4000),
        runtime=scaled_by_attempt(60),
    params:
        settings=as_json(lambda wildcards: depiction_settings(PLAN.generated[wildcards.dataset])),
        code=code("depict"),
    message:
        "Find out what the images of {wildcards.dataset} depict"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.depict '
        "--settings {params.settings:q} --images {input.images} --world {input.world:q} "
        "--depicted {output.depicted} &> {log}"


rule audit_shares:
    input:
        images=all_shards("images"),
        depicted="<results>/{dataset}/depicted.parquet",
        shares="<results>/tables/{dataset}-shares.csv",
        world=lambda wildcards: own_inputs(PLAN.generated[wildcards.dataset].world_files),
    output:
        tables=stage_tables("audit_shares"),
    log:
        "<logs>/audit_shares/{dataset}.log",
    benchmark:
        "<benchmarks>/audit_shares/{dataset}.tsv"
    wildcard_constraints:
        dataset=alternatives(PLAN.generated),
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(4000),
        runtime=scaled_by_attempt(30),
    params:
        settings=as_json(lambda wildcards: share_audit_settings(PLAN.generated[wildcards.dataset])),
        code=code("audit_shares"),
    message:
        "Compare planted, depicted and judged shares of {wildcards.dataset}"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.audit_shares '
        "--settings {params.settings:q} --images {input.images} --depicted {input.depicted} "
        "--shares {input.shares} --world {input.world:q} --tables {output.tables} &> {log}"


rule recover_planted:
    input:
        images=all_shards("images"),
        depicted=depicted_images,
        shares="<results>/tables/{dataset}-shares.csv",
        planted=lambda wildcards: own_inputs(PLAN.generated[wildcards.dataset].planted_files),
    output:
        tables=stage_tables("recover_planted"),
    log:
        "<logs>/recover_planted/{dataset}.log",
    benchmark:
        "<benchmarks>/recover_planted/{dataset}.tsv"
    wildcard_constraints:
        dataset=alternatives(PLAN.generated),
    conda:
        CONDA
    resources:
        mem_mb=scaled_by_attempt(4000),
        runtime=scaled_by_attempt(30),
    params:
        settings=as_json(lambda wildcards: recovery_settings(PLAN.generated[wildcards.dataset])),
        code=code("recover_planted"),
    message:
        "Compare judged shares of {wildcards.dataset} with planted ones"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" python -P -m scripts.recover_planted '
        "--settings {params.settings:q} --images {input.images} --depicted {input.depicted} "
        "--shares {input.shares} --planted {input.planted:q} --tables {output.tables} &> {log}"
