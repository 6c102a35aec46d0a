"""Read the shares of the groups from the denoiser: one call per prompt and noise, and no image."""

from functools import partial
from pathlib import Path

from pydantic import BaseModel

from scripts.cli import run
from untold.base.devices import own_gpu
from untold.data.csv import leading, write_tables
from untold.data.parquet import read_table
from untold.judges.readout import readout
from untold.study.schema_models import Source
from untold.study.schema_synthesis import Synthesis
from untold.synthesis.readout import products, questions
from untold.synthesis.shard import recipe

AXIS = "group"  # the column of the prompts with the groups of the axis


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Groups in order, seeds of the noises, and what the predictions depend on apart from the prompts."""

    dataset: str
    groups: list[str]
    seeds: list[int]
    synthesis: Synthesis
    model: Source
    identity: str
    variant: str | None


def main(*, settings: Settings, prompts: list[Path], store: Path, tables: list[Path]) -> None:
    from untold.synthesis import sampler
    from untold.synthesis.readiness import require_machine

    folder, synthesis, variant = Path(settings.model.folder), settings.synthesis, settings.variant
    dtype = sampler.type_name(sampler.denoiser_type(synthesis.profile, sampler.device()))

    def load() -> sampler.Sampler:
        require_machine(folder, synthesis.profile)
        return sampler.Sampler(folder, None, synthesis, variant, store.parent / "compiled" / "batch_sizes.json")

    asked = questions(read_table(prompts), settings.groups, settings.seeds)
    made = partial(recipe, synthesis=synthesis, identity={"model": settings.identity}, dtype=dtype, variant=variant)
    found = products(asked, store, made, load).reshape(-1, len(settings.seeds), *[len(settings.groups)] * 2)
    activities = list(dict.fromkeys(question.activity_id for question in asked))
    frame = readout(activities, settings.groups, found).assign(dataset=settings.dataset, axis=AXIS)
    write_tables(tables, settings.dataset, {"readout": leading(frame, ["dataset", "axis"])})


if __name__ == "__main__":
    with own_gpu():
        run(main)
