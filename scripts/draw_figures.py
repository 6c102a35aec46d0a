"""Draw the printed figures of one dataset, in one process: starting Python takes longer than drawing."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from pydantic import BaseModel

from scripts.cli import run
from untold.base.progress import track
from untold.data.csv import read_csvs
from untold.data.parquet import read_table
from untold.report import figures as draw
from untold.report import wording
from untold.report.colours import colours
from untold.report.style import save


class Settings(BaseModel, frozen=True, extra="forbid"):
    """What the figures show.

    ``highlight`` is the column whose values are coloured in the maps, ``groups`` the axis with neutral first (empty
    for a folder: the values are found in the data), ``keys`` the manifest's column that each space is keyed by.
    """

    dataset: str
    highlight: str | None
    groups: list[str]
    contrast: str | None
    keys: dict[str, str]
    colours: dict[str, str]
    confidence: float


def main(*, settings: Settings, tables: list[Path], projections: Path, images: list[Path], figures: list[Path]) -> None:
    frames = read_csvs(tables, settings.dataset)
    manifest = read_table(images)
    places = read_table(projections)
    drawings = {**findings(settings, frames, manifest), **structure(settings, frames, manifest, places)}
    files: dict[str, list[Path]] = {}
    for path in figures:
        files.setdefault(path.stem.removeprefix(f"{settings.dataset}-"), []).append(path)
    for name, paths in track(files.items(), f"draw {settings.dataset}", len(files), "figure"):
        save(drawings[name](), paths)


def findings(
    settings: Settings, frames: dict[str, pd.DataFrame], manifest: pd.DataFrame
) -> dict[str, Callable[[], Figure]]:
    """What can be drawn from the tables of a whole dataset, by name."""
    tone = colours(settings.groups, settings.colours)
    t, marked, sure = frames, settings.groups[1:], settings.confidence
    if "attributes_errors" in t:
        return {
            "attribute_errors": partial(draw.error_rates, t["attributes_errors"]),
            "attribute_thresholds": lambda: draw.thresholds(t["attributes_thresholds"], t["attributes_summary"]),
            "attribute_calibration": partial(draw.calibration, t["attributes_calibration"]),
        }
    if "contrasts" not in t:
        return {}
    names = manifest.drop_duplicates("activity_id").set_index("activity_id")["activity"].to_dict()
    return {
        "answer": lambda: draw.answer(t["contrasts"], settings.contrast, sure),
        "forest": lambda: draw.forest(t["contrasts"], sure, settings.contrast),
        "similarity": lambda: draw.group_means(t["group_means"], marked, tone, sure),
        "categories": lambda: draw.categories(t["categories"], settings.contrast),
        "activities": lambda: draw.activities(t["activities"], settings.contrast, names, tone),
        "specifications": lambda: draw.specifications(t["specifications"], sure),
        "neutral": lambda: draw.age_position(t["nearest"], t["age_shares"], marked, tone, sure),
        "recovery": lambda: draw.recovery(t["recovery_points"], t["recovery"], marked, tone),
        "variance": lambda: draw.variance(t["variance"], settings.contrast),
    }


def structure(
    settings: Settings, frames: dict[str, pd.DataFrame], manifest: pd.DataFrame, places: pd.DataFrame
) -> dict[str, Callable[[], Figure]]:
    """Map and composition of every space, by name."""
    drawings: dict[str, Callable[[], Figure]] = {}
    for space, key in settings.keys.items():
        points = places[places["space"] == space]
        if settings.highlight:
            about = manifest.drop_duplicates(key).set_index(key)[settings.highlight]
            points = points.assign(group=points["key"].map(about).astype("string").fillna("unknown"))
        else:
            points = points.assign(group="image")
        tone = colours(settings.groups or sorted(points["group"].unique()), settings.colours)
        drawings[f"{space}-map"] = partial(draw.maps, points, wording.space_label(space), tone)
        drawings[f"{space}-composition"] = partial(draw.composition, frames[f"{space}-composition"])
    return drawings


if __name__ == "__main__":
    run(main)
