"""Join counted shares and the readout: shares of activities from both, and how much guidance amplifies."""

from pathlib import Path

import pandas as pd

from scripts.cli import NamedFiles, run
from scripts.estimate_shares import AXIS, JudgeSettings, read_judgements
from untold.data.csv import empty, leading, read_csvs, write_tables
from untold.data.parquet import read_table
from untold.judges.judgement import pictures_of
from untold.judges.readout import amplification
from untold.judges.shares import INVERSION
from untold.judges.stereotype import ranks


class Settings(JudgeSettings):
    """What judgements depend on, and the dataset that is drawn without guidance."""

    unguided: str | None


def main(
    *,
    settings: Settings,
    images: list[Path],
    predictions: list[Path],
    probes: NamedFiles,
    readout: Path,
    judges: Path,
    shares: list[Path],
    tables: list[Path],
) -> None:
    pictures = pictures_of(read_table(images), settings.groups)
    activities = sorted(pictures["activity_id"].unique())
    read = read_csvs([readout], settings.dataset)["readout"]
    weights = read.pivot(index="activity_id", columns="group", values="weight")[settings.groups]
    checked = read_csvs([judges], settings.dataset)["self_check"].query("verdict == 'passes'")
    judgements, _, _ = read_judgements(settings, pictures, predictions, probes)
    joined, slopes = [], []
    for judge, space in zip(checked["judge"], checked["space"], strict=True):
        judgement = judgements[f"{judge}@{space}"]
        own = activities[: judgement.activities]
        found = ranks(judgement, own, INVERSION, settings.resampling, weights.reindex(own).to_numpy(float))
        joined.append(found.assign(judge=judge, space=space))
        drawn, *others = (
            activity_shares(read_csvs([path], name)["shares"], judge, space)
            for path, name in zip(shares, filter(None, (settings.dataset, settings.unguided)), strict=True)
        )
        unguided = dict(zip(filter(None, [settings.unguided]), others, strict=True))
        slopes.append(amplification(drawn, weights, unguided, settings.resampling).assign(judge=judge, space=space))
    head = ["dataset", "axis", "judge", "space"]
    named = {"readout_shares": joined, "amplification": slopes}
    frames = {name: pd.concat(found) if found else empty(name) for name, found in named.items()}
    frames = {name: frame.assign(dataset=settings.dataset, axis=AXIS) for name, frame in frames.items()}
    write_tables(tables, settings.dataset, {name: leading(frame, head) for name, frame in frames.items()})


def activity_shares(shares: pd.DataFrame, judge: str, space: str) -> pd.DataFrame:
    """Corrected shares of each activity (rows) and group by one judge; no rows if it says nothing."""
    chosen = (shares["judge"] == judge) & (shares["space"] == space) & (shares["estimator"] == INVERSION)
    return shares[chosen & (shares["level"] == "activity")].pivot(
        index="activity_id", columns="group", values="estimate"
    )


if __name__ == "__main__":
    run(main)
