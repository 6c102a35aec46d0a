"""Write the prompts of one shard's activities."""

from pathlib import Path

from pydantic import BaseModel

from scripts.cli import run
from untold.data.parquet import write_table
from untold.study.activities import Activity
from untold.study.schema_prompts import Prompts
from untold.synthesis.prompts import write_prompts


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Everything the prompts of a shard depend on."""

    activities: list[Activity]
    prompts: Prompts
    first_seed: int
    seeds: int
    neutral_seeds: int
    noise: str


def main(*, settings: Settings, table: Path) -> None:
    seeds = range(settings.first_seed, settings.first_seed + settings.seeds)
    neutral = range(seeds.stop, settings.first_seed + settings.neutral_seeds)
    write_table(table, write_prompts(settings.activities, settings.prompts, seeds, neutral, settings.noise))


if __name__ == "__main__":
    run(main)
