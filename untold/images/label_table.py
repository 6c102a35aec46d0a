"""Tables of labels in the layouts in which they are published: CSV, JSON lines, Parquet, and CelebA's text files."""

import csv
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

FILE_COLUMNS = (
    "file",
    "filename",
    "file_name",
    "filepath",
    "file_path",
    "path",
    "image",
    "image_path",
    "imageid",
    "image_id",
    "img",
    "name",
    "key",  # img2dataset and WebDataset
    "id",
)
SEPARATORS = (",", ";", "\t", "|")
DECLARED = re.compile(r'"?sep=(.)"?\s*')  # the first line of a CSV that Excel wrote or is to read


def read_labels(path: Path | str, key: str | None = None) -> tuple[pd.DataFrame, str]:
    """Read a table of labels, one row per image or several.

    Parameters
    ----------
    path : Path or str
        CSV separated by commas, semicolons, tabs or bars (UTF-8, or UTF-16 with a mark), JSON lines (``.jsonl``),
        Parquet, or CelebA's text, whose first line is a count.
    key : str, optional
        The column that names the file; by default the first existing one of ``FILE_COLUMNS``.

    Returns
    -------
    table : DataFrame
        All cells are text as the table has it, without blanks around it, or missing: 000001 stays 000001, and 1 is not
        1.0. In a CSV, only empty cells are missing; ``NA`` and ``None`` are labels.
    key : str
        The column that names the file.

    Raises
    ------
    ValueError
        If the table cannot be read, or no column names files.
    """
    path = Path(path)
    try:
        match path.suffix.lower():
            case ".parquet":
                table = pd.read_parquet(path)
            case ".jsonl" | ".ndjson":
                table = pd.read_json(path, lines=True, dtype=False, encoding="utf-8-sig")
            case _:
                table = _read_text(path, key)
    except (ValueError, OSError, csv.Error, pd.errors.ParserWarning) as error:  # pyarrow's own are ValueErrors
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: not a label table ({reason}); give CSV in UTF-8, JSON lines or Parquet") from error
    table.columns = table.columns.astype(str).str.strip()
    found = key or _file_column(table.columns)
    if found is None or found not in table.columns:
        raise ValueError(
            f"{path}: no column {found or 'that names files'} among {', '.join(table.columns)}; "
            "name it with `key`, or call it `file`"
        )
    return table.apply(_as_text), found


def _file_column(columns: Iterable[str]) -> str | None:
    lower = {name.lower(): name for name in reversed(list(columns))}
    return next((lower[name] for name in FILE_COLUMNS if name in lower), None)


def _read_text(path: Path, key: str | None) -> pd.DataFrame:
    with open(path, "rb") as file:
        encoding = "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    with open(path, encoding=encoding, newline="") as file:
        first, second, third = (file.readline() for _ in range(3))
    # Only empty cells are missing, because NA and None may be labels.
    options: dict[str, Any] = {"encoding": encoding, "dtype": str, "keep_default_na": False, "na_values": [""]}
    if first.strip().isdecimal() and second.strip():
        names = second.split()
        if len(third.split()) == len(names) + 1:  # CelebA's attributes, whose header does not name the file
            names = ["file", *names]
        return pd.read_csv(path, sep=r"\s+", skiprows=2, names=names, index_col=False, **options)
    declared = DECLARED.fullmatch(first)
    separator = declared[1] if declared else _separator(first, key)
    with warnings.catch_warnings():
        # A row with more cells than the header must not move the others by one column.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(
            path, sep=separator, skiprows=1 if declared else 0, index_col=False, low_memory=False, **options
        )


def _separator(header: str, key: str | None) -> str:
    """The separator that makes a column for files of the header, or else the most columns."""
    columns = {mark: [name.strip() for name in next(csv.reader([header], delimiter=mark), [])] for mark in SEPARATORS}

    def fits(mark: str) -> tuple[bool, int]:
        return (key or _file_column(columns[mark])) in columns[mark], len(columns[mark])

    return max(SEPARATORS, key=fits)  # the first of equals


def _as_text(column: pd.Series) -> pd.Series:
    return column.astype(object).map(_text, na_action="ignore")


def _text(value: object) -> str | None:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))  # a whole number beside missing ones
    return str(value).strip() or None
