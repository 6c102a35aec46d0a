"""Compare shares that were planted, depicted and judged: the errors of the generator and of the audit, apart."""

from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from untold.data.csv import leading, read_csvs, write_tables
from untold.data.parquet import read_table
from untold.judges.depicted import audit_error, depicted_shares, generator_error
from untold.judges.judgement import pictures_of
from untold.miniature.world import read_world
from untold.statistics.resampling import Resampling


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Groups in order, digests of the files of the world, and parameters of the intervals."""

    dataset: str
    groups: list[str]
    world: list[str]
    resampling: Resampling


def main(
    *,
    settings: Settings,
    images: list[Path],
    depicted: Path,
    shares: Path,
    world: list[Path],
    tables: list[Path],
) -> None:
    neutral = pictures_of(read_table(images), settings.groups).query("role == 'neutral'")
    seen = read_table(depicted).drop(columns="activity_id").merge(neutral[["key", "activity_id"]], on="key")
    known = read_world(world[0].parent)
    planted = known.activities.rename(columns={"id": "activity_id"}).set_index("activity_id")[settings.groups]
    age = depicted_shares(seen, "age", settings.groups)
    judged = read_csvs([shares], settings.dataset)["shares"]
    errors = [generator_error(age, planted.loc[age.index], "age", settings.resampling)]
    for axis in ("gender", "tone"):
        shares_of = depicted_shares(seen, axis, list(known.shares[axis]))
        errors.append(generator_error(shares_of, known.shares[axis], axis, settings.resampling))
    frames = {
        "audit_error": audit_error(judged, age, settings.resampling),
        "generator_error": pd.concat(errors, ignore_index=True),
    }
    write_tables(
        tables,
        settings.dataset,
        {name: leading(frame.assign(dataset=settings.dataset), ["dataset"]) for name, frame in frames.items()},
    )


if __name__ == "__main__":
    run(main)
