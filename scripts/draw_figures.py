"""Draw the static figures of one dataset in one process, because starting Python takes longer than drawing."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from untold.base.progress import track
from untold.catalogue.figures import entry
from untold.data.csv import read_csvs
from untold.data.parquet import read_table
from untold.report.colours import colours
from untold.report.figures import DRAW, Design
from untold.report.style import save
from untold.report.wording import activity_titles, space_label


class Settings(BaseModel, frozen=True, extra="forbid"):
    """What the figures show.

    ``highlight`` is the column whose values are coloured on the maps; ``groups`` is the axis with neutral first (empty
    for a folder, whose values are taken from the data); ``keys`` gives the column of the manifest with the keys of each
    space.
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
    manifest, places = read_table(images), read_table(projections)
    design = whole_design(settings, manifest)
    files: dict[str, list[Path]] = {}
    for path in figures:
        files.setdefault(path.stem.removeprefix(f"{settings.dataset}-"), []).append(path)
    for name, paths in track(files.items(), f"draw {settings.dataset}", len(files), "figure"):
        figure = entry(name)
        space = name.removesuffix(figure.name).removesuffix("-")
        drawn = [frames[f"{space}-{table}".removeprefix("-")] for table in figure.tables]
        save(
            DRAW[figure.name](*drawn, space_design(design, settings, space, manifest, places) if space else design),
            paths,
        )


def whole_design(settings: Settings, manifest: pd.DataFrame) -> Design:
    """The settings shared by all figures of the dataset."""
    return Design(
        groups=settings.groups[1:],
        contrast=settings.contrast or "",
        colour=colours(settings.groups, settings.colours),
        confidence=settings.confidence,
        activities=activity_titles(manifest) if settings.groups else {},
    )


def space_design(
    design: Design, settings: Settings, space: str, manifest: pd.DataFrame, places: pd.DataFrame
) -> Design:
    """Add the map of one space, coloured by the values of the highlighted column."""
    points, key = places[places["space"] == space], settings.keys[space]
    if settings.highlight:
        about = manifest.drop_duplicates(key).set_index(key)[settings.highlight]
        points = points.assign(group=points["key"].map(about).astype("string").fillna("unknown"))
    else:
        points = points.assign(group="image")
    tone = colours(settings.groups or sorted(points["group"].unique()), settings.colours)
    return replace(design, points=points, title=space_label(space), colour=tone)


if __name__ == "__main__":
    run(main)
