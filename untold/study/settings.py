"""What each stage depends on: exactly the part of the study that its jobs read, as the rules hand it to the scripts."""

from typing import Any

from untold.study.plan import DatasetPlan, FolderPlan, GeneratedPlan, Plan, identity
from untold.study.rules import digests
from untold.study.schema_datasets import Readout
from untold.study.schema_models import Source

Settings = dict[str, Any]


def prompt_settings(plan: GeneratedPlan, shard: str) -> Settings:
    """Of write_prompts."""
    return {
        "activities": [vars(activity) for activity in plan.synthesis[shard]],
        "prompts": plan.settings.prompts.model_dump(exclude={"ordered"}),
        "first_seed": plan.settings.first_seed,
        "seeds": plan.settings.seeds,
        "neutral_seeds": plan.settings.neutral_seeds or plan.settings.seeds,
        "noise": plan.settings.synthesis.noise,
    }


def drawing_sources(plan: GeneratedPlan) -> list[Source]:
    """The weights that pictures are made with; all profiles but ``reference`` decode with the replacement VAE."""
    model = plan.study.models[plan.settings.model]
    return [model.source, model.vae] if model.vae and plan.settings.synthesis.profile != "reference" else [model.source]


def synthesis_settings(plan: GeneratedPlan) -> Settings:
    """Of synthesise."""
    source, *others = drawing_sources(plan)
    vae = others[0] if others else None
    return {
        "synthesis": plan.settings.synthesis.model_dump(),
        "model": source.model_dump(exclude_none=True),
        "vae": vae and vae.model_dump(exclude_none=True),
        "identity": {"model": identity(source), "vae": vae and identity(vae)},
        "variant": plan.study.models[plan.settings.model].variant,
    }


def reading_settings(plan: GeneratedPlan) -> Settings:
    """Of read_denoiser. All activities start from the noise of their seed, which leaves their order as it is."""
    source = plan.study.models[plan.settings.model].source
    noises = (plan.settings.readout or Readout()).noises
    return {
        "dataset": plan.name,
        "groups": plan.groups,
        "seeds": [plan.settings.first_seed + number for number in range(noises)],
        "synthesis": plan.settings.synthesis.readout.model_dump(),
        "model": source.model_dump(exclude_none=True),
        "identity": identity(source),
        "variant": plan.study.models[plan.settings.model].variant,
    }


def index_settings(plan: FolderPlan, shard: str) -> Settings:
    """Of index_images."""
    return {
        "dataset": plan.settings.model_dump(exclude={"zero_shot", "balance", "encoders"}),
        "labels": digests(plan.label_files),
        "names": plan.names,
        "files": plan.fingerprint(shard),
        "shard": int(shard.split("-")[0]),
    }


def reference_settings(plan: GeneratedPlan) -> Settings:
    """Of measure_reference."""
    return {
        "dataset": plan.name,
        "spaces": {name: plan.spaces[name].column for name in plan.picture_spaces},
        "resampling": resampling(plan),
    }


def inference_settings(plan: GeneratedPlan) -> Settings:
    """Of infer."""
    return {
        "dataset": plan.name,
        "groups": plan.groups,
        "ordered": plan.settings.prompts.ordered and len(plan.groups) > 2,
        "placebos": list(plan.settings.prompts.placebos),
        "pairs": plan.pairs,
        "rows": plan.original_rows,
        "shared_noise": plan.shared_noise,
        "inference": plan.study.inference.model_dump(),
    }


def position_settings(plan: GeneratedPlan) -> Settings:
    """Of locate_neutral."""
    return {
        "dataset": plan.name,
        "groups": plan.groups,
        "space": f"{plan.texts[0]}_image" if plan.texts else None,
        "resampling": resampling(plan),
    }


def resampling(plan: GeneratedPlan) -> Settings:
    """The part of the inference that resampling needs."""
    return plan.study.inference.model_dump(include={"resamples", "permutations", "confidence", "seed"})


def probe_settings(plan: GeneratedPlan, space: str) -> Settings:
    """Of probe."""
    return {"groups": plan.groups, "column": plan.spaces[space].column, "seed": plan.study.inference.seed}


def share_settings(plan: GeneratedPlan) -> Settings:
    """Of estimate_shares."""
    return {**judge_settings(plan), "margin": plan.study.inference.equivalence_margin}


def judge_settings(plan: GeneratedPlan) -> Settings:
    """Of the jobs that read what the judges say."""
    return {
        "dataset": plan.name,
        "groups": plan.groups,
        "space": f"{plan.texts[0]}_image" if plan.predictor else None,
        "shared_noise": plan.shared_noise,
        "resampling": resampling(plan),
    }


def calibration_settings(plan: GeneratedPlan) -> Settings:
    """Of calibrate_readout."""
    return {**judge_settings(plan), "unguided": plan.unguided}


def depiction_settings(plan: GeneratedPlan) -> Settings:
    """Of depict."""
    return {"world": digests(plan.world_files)}


def recovery_settings(plan: GeneratedPlan) -> Settings:
    """Of recover_planted."""
    return {
        "dataset": plan.name,
        "groups": plan.groups,
        "planted": digests(plan.planted_files),
        "resampling": resampling(plan),
    }


def share_audit_settings(plan: GeneratedPlan) -> Settings:
    """Of audit_shares."""
    return {
        "dataset": plan.name,
        "groups": plan.groups,
        "world": digests(plan.world_files),
        "resampling": resampling(plan),
    }


def projection_settings(plan: DatasetPlan) -> Settings:
    """Of project."""
    return {
        "projections": plan.study.projections.model_dump(),
        "spaces": {name: [space.column, space.key] for name, space in plan.spaces.items()},
    }


def cluster_settings(plan: DatasetPlan, space: str) -> Settings:
    """Of cluster."""
    return {
        "clusters": plan.study.clusters.model_dump(exclude={"permutations", "duplicate_cosine"}),
        "space": space,
        "column": plan.spaces[space].column,
        "key": plan.spaces[space].key,
    }


def composition_settings(plan: DatasetPlan, space: str) -> Settings:
    """Of compose."""
    return {
        "space": space,
        "column": plan.spaces[space].column,
        "key": plan.spaces[space].key,
        "attributes": plan.attributes,
        "predicted": plan.predicted,
        "nested": isinstance(plan, GeneratedPlan),
        "seed": plan.study.clusters.seed,
        "draws": plan.study.clusters.permutations,
        "confidence": plan.study.inference.confidence,
    }


def rebalance_settings(plan: DatasetPlan, space: str) -> Settings:
    """Of rebalance."""
    attributes, predicted = plan.balanced
    return {
        "space": space,
        "column": plan.spaces[space].column,
        "attributes": attributes,
        "predicted": predicted,
        "duplicate_cosine": plan.study.clusters.duplicate_cosine,
        "seed": plan.study.clusters.seed,
    }


def audit_settings(plan: DatasetPlan) -> Settings:
    """Of audit_attributes."""
    return {
        "dataset": plan.name,
        "attributes": plan.audited,
        "groups": plan.attributes,
        "seed": plan.study.inference.seed,
        "confidence": plan.study.inference.confidence,
    }


def figure_settings(plan: DatasetPlan) -> Settings:
    """Of draw_figures."""
    return {
        "dataset": plan.name,
        "highlight": next(iter(plan.attributes), None),
        "groups": plan.axis,
        "contrast": "-".join(plan.pairs[0]) if plan.pairs else None,
        "keys": {space: place.key for space, place in plan.spaces.items()},
        "colours": plan.study.report.colours,
        "confidence": plan.study.inference.confidence,
    }


def page_settings(plan: DatasetPlan) -> Settings:
    """One dataset's part of the settings of write_report."""
    drawn = figure_settings(plan)
    return {
        **{key: drawn[key] for key in ("groups", "contrast", "keys")},
        "kind": plan.settings.kind,
        "model": plan.settings.model if isinstance(plan, GeneratedPlan) else None,
        "negative": plan.settings.prompts.negative if isinstance(plan, GeneratedPlan) else "",
        "labels": plan.settings.columns if isinstance(plan, FolderPlan) else [],
        "audited": plan.audited,
        "classifier": plan.main_classifier,
        "facets": [*plan.attributes, *(["activity"] if isinstance(plan, GeneratedPlan) else [])],
    }


def report_settings(plan: Plan) -> Settings:
    """Of write_report."""
    study = plan.study
    return {
        "report": study.report.model_dump(),
        "datasets": {name: page_settings(dataset) for name, dataset in plan.datasets.items()},
        "confidence": study.inference.confidence,
        "pictures": study.projections.points,
        "study": study.model_dump(exclude={"report"}),
        "identities": model_identities(plan),
    }


def crate_settings(plan: Plan, version: str) -> Settings:
    """Of export_crate."""
    return {
        "title": plan.study.report.title,
        "version": version,
        "study": plan.study.model_dump(exclude={"report"}),
        "identities": model_identities(plan),
    }


def model_identities(plan: Plan) -> dict[str, str]:
    """What the study's models and encoders are."""
    sources = {name: model.source for name, model in plan.study.models.items()}
    sources |= {name: encoder.source for name, encoder in plan.study.encoders.items()}
    return {name: identity(source) for name, source in sources.items()}
