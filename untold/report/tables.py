"""Tables for the page, with an estimate and its interval in one cell and no more digits than are meaningful."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from untold.catalogue.metrics import primary_metrics
from untold.catalogue.tables import PAGES, Kind, Shown
from untold.report.numbers import NONE, measured, number, p_value, percent
from untold.report.wording import contrast_label, space_label


@dataclass(frozen=True)
class Cell:
    """The text shown, and the number to sort by (text cells have none and sort alphabetically)."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class ShownTable:
    """A table on the page; ``file`` is the CSV with all columns at full precision."""

    file: str
    caption: str
    header: list[str]
    rows: list[list[Cell]]
    notes: list[str] = field(default_factory=list)
    open: bool = False
    searchable: bool = False


def words(row: pd.Series, shown: Shown) -> Cell:
    """Text, with spaces for underscores."""
    return Cell(NONE if pd.isna(row[shown.column]) else str(row[shown.column]).replace("_", " "))


def verbatim(row: pd.Series, shown: Shown) -> Cell:
    """Unchanged text, such as a file name."""
    return Cell(NONE if pd.isna(row[shown.column]) else str(row[shown.column]))


def space(row: pd.Series, shown: Shown) -> Cell:
    """A space and its metric."""
    metric = row.get("metric", "cosine")
    return Cell(space_label(row[shown.column], metric if isinstance(metric, str) else "cosine"))


def other_space(row: pd.Series, shown: Shown) -> Cell:
    """A space without the metric."""
    return Cell(space_label(row[shown.column]))


def contrast(row: pd.Series, shown: Shown) -> Cell:
    """A contrast with a minus sign; an order of groups is left unchanged."""
    name = row[shown.column]
    return Cell(contrast_label(name) if ">" not in name and "<" not in name and " " not in name else name)


def interval(row: pd.Series, shown: Shown) -> tuple[float, float]:
    """The ends of the interval; NaN if the table has none."""
    return row.get(shown.low, float("nan")), row.get(shown.high, float("nan"))


def estimate(row: pd.Series, shown: Shown) -> Cell:
    """An estimate with its interval."""
    value = row[shown.column]
    return Cell(measured(value, *interval(row, shown), shown.signed), float(value))


def alone(row: pd.Series, shown: Shown) -> Cell:
    """A number without an interval."""
    value = float(row[shown.column])
    return Cell(number(value, signed=shown.signed), value)


def count(row: pd.Series, shown: Shown) -> Cell:
    """A whole number."""
    value = row[shown.column]
    return Cell(NONE if pd.isna(value) else f"{int(value)}", float(value))


def share(row: pd.Series, shown: Shown) -> Cell:
    """A share in percent, with its interval."""
    value = row[shown.column]
    return Cell(percent(value, *interval(row, shown)), float(value))


def p(row: pd.Series, shown: Shown) -> Cell:
    """A p-value."""
    value = float(row[shown.column])
    return Cell(p_value(value), value)


CELLS: Mapping[Kind, Callable[[pd.Series, Shown], Cell]] = {
    "words": words,
    "verbatim": verbatim,
    "space": space,
    "other space": other_space,
    "contrast": contrast,
    "measured": estimate,
    "number": alone,
    "count": count,
    "share": share,
    "p": p,
}


def make_table(name: str, file: str, frame: pd.DataFrame) -> ShownTable | None:
    """Format a table as its entry in the catalogue specifies; None if it has no rows.

    Columns that are missing or entirely empty are left out. The notes of the rows are collected below the table.
    """
    if frame.empty:
        return None
    page = PAGES[name]
    header, columns = [], []
    for shown in page.columns:
        if shown.column not in frame:
            continue
        cells = [CELLS[shown.kind](row, shown) for _, row in frame.iterrows()]
        if any(cell.text != NONE for cell in cells):
            header.append(shown.heading)
            columns.append(cells)
    notes = frame["note"].dropna().astype(str).unique().tolist() if "note" in frame else []
    rows = [list(row) for row in zip(*columns, strict=True)]
    return ShownTable(file, page.caption, header, rows, notes[:4], page.open, page.searchable)


def original(file: str, frame: pd.DataFrame, groups: Sequence[str]) -> ShownTable:
    """The original study's table: a row per space, a column per group, and the chi-square test."""
    columns = [
        *(Shown(f"Neutral and {group}", "measured", group, f"{group}_low", f"{group}_high") for group in groups),
        Shown("Chi-square", "number", "chi_square"),
        Shown("p (Holm)", "p", "p"),
        Shown("n", "count", "n"),
        Shown("Beside the published code", "verbatim", "note"),
    ]
    rows = [[Cell(row["row"]), *(CELLS[shown.kind](row, shown) for shown in columns)] for _, row in frame.iterrows()]
    header = ["", *(shown.heading for shown in columns)]
    return ShownTable(file, PAGES["original_table"].caption, header, rows)


def overall(shares: pd.DataFrame) -> pd.DataFrame:
    """Corrected shares over all activities, by judge."""
    return shares[(shares["level"] == "overall") & (shares["estimator"] == "inversion")]


def by_activity(file: str, frame: pd.DataFrame, contrast_name: str, names: Mapping[str, str]) -> ShownTable | None:
    """One row per activity, one column per space: the gap of the main contrast with its interval over seeds."""
    part = frame[(frame["contrast"] == contrast_name) & frame["metric"].isin(primary_metrics())]
    if part.empty:
        return None
    places = list(part[["space", "metric"]].drop_duplicates().itertuples(index=False, name=None))
    found = part.set_index(["activity_id", "space", "metric"]).sort_index()
    who = part.drop_duplicates("activity_id").sort_values("activity_id")
    gap = Shown("", "measured", "estimate", signed=True)
    rows = []
    for activity, category in who[["activity_id", "category"]].itertuples(index=False, name=None):
        cells = [
            estimate(found.loc[(activity, *place)], gap) if (activity, *place) in found.index else Cell(NONE)
            for place in places
        ]
        rows.append([Cell(names.get(activity, activity)), Cell(str(category)), *cells])
    header = ["Activity", "Category", *(space_label(*place) for place in places)]
    page = PAGES["activities"]
    caption = f"Gap {contrast_label(contrast_name)} for each activity, with intervals over seeds"
    return ShownTable(file, caption, header, rows, open=page.open, searchable=page.searchable)
