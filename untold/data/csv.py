"""CSV I/O: deterministic bytes, atomic writes, safe to open in a spreadsheet."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from untold.base.files import atomic
from untold.catalogue.tables import TABLES


def leading(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Reorder a table so that the given columns come first.

    Examples
    --------
    >>> list(leading(pd.DataFrame(columns=["n", "estimate", "space"]), ["space"]))
    ['space', 'n', 'estimate']
    """
    return frame[[*columns, *frame.columns.difference(list(columns), sort=False)]]


def empty(table: str) -> pd.DataFrame:
    """A table of the catalogue without rows, where a study has nothing to put into it."""
    return pd.DataFrame(columns=[column.name for column in TABLES[table].all_columns])


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a human-readable table: UTF-8, ``\\n``, ten significant digits, formulas defused.

    Spreadsheets run cells that begin with ``= + - @`` (or a tab or carriage return) as formulas, so such text is
    prefixed with an apostrophe. Other carriage returns become newlines, because unquoted they would end the row.
    """
    frame = frame.rename(columns=_defused)
    for column in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            frame[column] = frame[column].astype(object).map(_defused)
    with atomic(path) as part:
        frame.to_csv(part, index=False, float_format="%.10g", lineterminator="\n")


def _defused(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    mark = "'" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else ""
    return mark + cell.replace("\r\n", "\n").replace("\r", "\n")


def write_tables(paths: Sequence[Path], dataset: str, frames: Mapping[str, pd.DataFrame]) -> None:
    """Write each table to its file ``{dataset}-{name}.csv``.

    Raises
    ------
    ValueError
        If the requested files do not match the given tables.
    """
    files = {path.stem.removeprefix(f"{dataset}-"): path for path in paths}
    if files.keys() != frames.keys():
        raise ValueError(f"tables wanted: {sorted(files)}; tables made: {sorted(frames)}")
    for name, frame in frames.items():
        write_csv(files[name], frame)


def read_csvs(paths: Iterable[Path], dataset: str) -> dict[str, pd.DataFrame]:
    """Read the tables of a dataset by name: ``people-dino-composition.csv`` is ``dino-composition`` of ``people``.

    Only empty cells are missing values, so a group called "None" or "NA" is kept.
    """
    prefix = f"{dataset}-"
    found = {}
    for path in paths:
        if path.name.startswith(prefix):
            frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
            found[path.stem.removeprefix(prefix)] = frame
    return found
