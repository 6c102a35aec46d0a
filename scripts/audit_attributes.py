"""Audit zero-shot attributes against labels: error rates by group, and the effect of the threshold."""

from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from untold.data.csv import leading, write_tables
from untold.data.parquet import read_table
from untold.data.predictions import beside_labels
from untold.judges import audit

SMALLEST = 10  # images; the worst of many smaller groups is mostly due to chance


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The two labels of each attribute (the second is positive), the columns to group by, the seed and the coverage."""

    dataset: str
    attributes: dict[str, tuple[str, str]]
    groups: list[str]
    seed: int
    confidence: float


def main(*, settings: Settings, images: list[Path], predictions: Path, tables: list[Path]) -> None:
    manifest, predicted = read_table(images), read_table(predictions)
    manifest = manifest[manifest["accepted"]]
    parts: dict[str, list[pd.DataFrame]] = {}
    for attribute, labels in settings.attributes.items():
        joined = beside_labels(predicted, manifest, attribute, labels)
        known = predicted.loc[predicted["attribute"] == attribute, "classifier"]
        for classifier in sorted(set(known)):  # even if no image has one of the two labels
            table = joined[joined["classifier"] == classifier]
            about = {"dataset": settings.dataset, "target": attribute, "classifier": classifier}
            for name, frame in judge(table, labels, settings).items():
                parts.setdefault(name, []).append(leading(frame.assign(**about), list(about)))
    write_tables(tables, settings.dataset, {name: pd.concat(found, ignore_index=True) for name, found in parts.items()})


def judge(table: pd.DataFrame, labels: tuple[str, str], settings: Settings) -> dict[str, pd.DataFrame]:
    """All tables of one classifier."""
    truth = (table["truth"] == labels[1]).to_numpy()
    probability = table["probability"].to_numpy()
    predicted = np.where(probability >= 0.5, labels[1], labels[0])
    groups = table[[name for name in settings.groups if name in table]]
    summary = audit.summary(truth, probability, seed=settings.seed, confidence=settings.confidence)
    curve, error = audit.calibration(truth, probability, confidence=settings.confidence)
    ece = pd.DataFrame(
        {"statistic": ["expected_calibration_error"], "n": [len(truth)], "estimate": [error], "note": [""]}
    )
    return {
        "attributes_summary": pd.concat([summary, ece], ignore_index=True),
        "attributes_thresholds": audit.sweep(truth, probability),
        "attributes_errors": audit.errors(table["truth"], predicted, groups, confidence=settings.confidence),
        "attributes_confusion": audit.confusion(table["truth"], predicted, groups),
        "attributes_gaps": audit.gaps(
            truth,
            predicted == labels[1],
            groups,
            minimum=SMALLEST,
            seed=settings.seed,
            confidence=settings.confidence,
        ),
        "attributes_calibration": curve,
    }


if __name__ == "__main__":
    run(main)
