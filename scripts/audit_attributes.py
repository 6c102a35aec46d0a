"""Audit zero-shot attributes against labels: error rates by group, and the effect of the threshold."""

from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from untold.data.csv import empty, leading, write_tables
from untold.data.parquet import read_table
from untold.data.predictions import beside_classes, beside_labels
from untold.judges import audit

SMALLEST = 10  # images; the worst of many smaller groups is mostly due to chance


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The labels of each attribute (the second of two is positive), the columns to group by, the seed and coverage."""

    dataset: str
    attributes: dict[str, list[str]]
    groups: list[str]
    seed: int
    confidence: float


def main(*, settings: Settings, images: list[Path], predictions: Path, tables: list[Path]) -> None:
    manifest, predicted = read_table(images), read_table(predictions)
    manifest = manifest[manifest["accepted"]]
    parts: dict[str, list[pd.DataFrame]] = {}
    for attribute, labels in settings.attributes.items():
        beside, tables_of = (beside_labels, judge) if len(labels) == 2 else (beside_classes, judge_classes)
        joined = beside(predicted, manifest, attribute, labels)
        known = predicted.loc[predicted["attribute"] == attribute, "classifier"]
        for classifier in sorted(set(known)):  # even if no image has one of the two labels
            table = joined[joined["classifier"] == classifier]
            about = {"dataset": settings.dataset, "target": attribute, "classifier": classifier}
            for name, frame in tables_of(table, labels, settings).items():
                parts.setdefault(name, []).append(leading(frame.assign(**about), list(about)))
    write_tables(tables, settings.dataset, {name: pd.concat(found, ignore_index=True) for name, found in parts.items()})


def judge(table: pd.DataFrame, labels: list[str], settings: Settings) -> dict[str, pd.DataFrame]:
    """All tables of one classifier of two labels."""
    truth = (table["truth"] == labels[1]).to_numpy()
    probability = table["probability"].to_numpy()
    predicted = np.where(probability >= 0.5, labels[1], labels[0])
    groups = table[[name for name in settings.groups if name in table]]
    summary = audit.summary(truth, probability, seed=settings.seed, confidence=settings.confidence)
    curve, error = audit.calibration(truth, probability, confidence=settings.confidence)
    return {
        "attributes_summary": with_calibration_error(summary, len(truth), error),
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


def judge_classes(table: pd.DataFrame, labels: list[str], settings: Settings) -> dict[str, pd.DataFrame]:
    """All tables of one classifier of more than two labels, none of which is positive: no threshold and no parity."""
    wrong = (table["truth"] != table["predicted"]).to_numpy()
    groups = table[[name for name in settings.groups if name in table]]
    seed, confidence = settings.seed, settings.confidence
    summary = audit.class_scores(table["truth"], table["predicted"], labels, seed=seed, confidence=confidence)
    curve, error = audit.calibration(~wrong, table["probability"].to_numpy(), confidence=confidence)
    gaps = audit.gaps(np.zeros_like(wrong), wrong, groups, minimum=SMALLEST, seed=seed, confidence=confidence)
    return {
        "attributes_summary": with_calibration_error(summary, len(wrong), error),
        "attributes_thresholds": empty("attributes_thresholds"),
        "attributes_errors": audit.errors(table["truth"], table["predicted"], groups, confidence=confidence),
        "attributes_confusion": audit.confusion(table["truth"], table["predicted"], groups),
        "attributes_gaps": gaps[gaps["statistic"] == audit.WORST],
        "attributes_calibration": curve,
    }


def with_calibration_error(summary: pd.DataFrame, n: int, error: float) -> pd.DataFrame:
    """The summary of a classifier and its expected calibration error."""
    ece = pd.DataFrame({"statistic": ["expected_calibration_error"], "n": [n], "estimate": [error], "note": [""]})
    return pd.concat([summary, ece], ignore_index=True)


if __name__ == "__main__":
    run(main)
