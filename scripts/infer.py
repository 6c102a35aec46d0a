"""Test the gaps between groups: overall, by category and by activity, and under alternative choices."""

from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from untold.data.csv import empty, write_tables
from untold.data.parquet import read_table
from untold.data.predictions import beside_groups
from untold.judges.groups import gate
from untold.similarity.balanced import gap_range, with_balanced
from untold.similarity.nearest import chi_square
from untold.similarity.original import original_table
from untold.statistics.contrasts import (
    NET_COLUMNS,
    by_activity,
    by_category,
    contrasts,
    equivalence,
    group_means,
    net_of_placebo,
    page_trend,
)
from untold.statistics.crossed import NOT_COUNTED
from untold.statistics.resampling import Resampling
from untold.statistics.specification import specification_curve
from untold.statistics.variance import seeds_needed, variance_components
from untold.study.schema_analysis import Inference


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Groups, whether they have an order, pairs (the main one first), rows of the original table, and parameters."""

    dataset: str
    groups: list[str]
    ordered: bool
    placebos: list[str]
    pairs: list[tuple[str, str]]
    rows: list[tuple[str, str, str, str]]
    shared_noise: bool
    inference: Inference


def main(
    *,
    settings: Settings,
    similarity: list[Path],
    reference: Path,
    images: list[Path],
    predictions: list[Path],
    tables: list[Path],
) -> None:
    chosen, pairs = settings.inference, settings.pairs
    resampling = Resampling(chosen.resamples, chosen.permutations, chosen.confidence, chosen.seed)
    noise = settings.shared_noise
    everything = read_table(similarity)
    groups = with_balanced(everything, settings.groups)
    floor = pd.read_csv(reference)
    raw = groups.drop(columns="balanced")
    means, counts = group_means(raw, resampling, shared_noise=noise), chi_square(raw, settings.groups)
    gaps = contrasts(groups, pairs, resampling, reference=floor, shared_noise=noise)
    components = variance_components(raw, pairs, resampling)
    curve, summary = specification_curve(groups, pairs[0], resampling)
    frames = {
        "group_means": means,
        "chi_square": counts,
        "original_table": original_table(means, counts, settings.groups, settings.rows),
        "contrasts": gaps,
        "contrasts_adherent": gaps.iloc[:0],
        "net_of_placebo": gaps.iloc[:0].drop(columns=[*NET_COLUMNS]),
        "trend": page_trend(groups, settings.groups, resampling) if settings.ordered else empty("trend"),
        "categories": by_category(groups, pairs, resampling, shared_noise=noise),
        "activities": by_activity(groups, pairs, confidence=chosen.confidence),
        "equivalence": equivalence(
            groups,
            pairs,
            gap_range(everything, pairs),
            margin=chosen.equivalence_margin,
            confidence=chosen.confidence,
        ),
        "variance": components,
        "seeds_needed": seeds_needed(components, width=chosen.interval_width, confidence=chosen.confidence),
        "specifications": curve,
        "specifications_summary": summary,
    }
    if settings.placebos:
        paired = everything[everything["role"].isin(["group", "placebo"])]
        frames["net_of_placebo"] = net_of_placebo(
            paired, settings.groups, settings.placebos, resampling, shared_noise=noise
        )
    if predictions:
        known = beside_groups(read_table(predictions), read_table(images), settings.dataset, "zero_shot")
        adherent = gate(groups, known, settings.groups)
        frames["contrasts_adherent"] = contrasts(adherent, pairs, resampling, reference=floor, shared_noise=noise)
    if noise:
        for name in ("chi_square", "trend", "equivalence", "specifications", "specifications_summary"):
            found = frames[name]["note"].fillna("")
            frames[name]["note"] = found.where(found != "", NOT_COUNTED)
    write_tables(tables, settings.dataset, frames)


if __name__ == "__main__":
    run(main)
