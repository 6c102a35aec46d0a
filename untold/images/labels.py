"""Labels of images: tables, UTKFace file names, Open Images."""

import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from untold.images.folder import MANIFEST, REJECTS

# --- Labels -----------------------------------------------------------------------------------------------

FILE_COLUMNS = ("file", "filename", "file_name", "path", "image", "image_path", "imageid", "image_id", "name")


RESERVED = frozenset({*MANIFEST, "profile"})


GENDERS = ("male", "female")


RACES = ("white", "black", "asian", "indian", "other")


def read_labels(path: Path | str, *, column: str | None = None) -> pd.DataFrame:
    """Read a table of labels, one row per image.

    Parameters
    ----------
    path : Path or str
        CSV (UTF-8) or Parquet.
    column : str, optional
        The column that names the file; by default the first existing one of ``file, filename, path, image, ...``.

    Returns
    -------
    DataFrame
        ``file`` (str, with ``/``) and the label columns unchanged. In a CSV only empty cells are missing values;
        ``NA`` and ``None`` are labels.

    Raises
    ------
    ValueError
        If the table cannot be read, no column names files, or a label column has a name reserved by the manifest.
    """
    path = Path(path)
    try:
        table = pd.read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path, column)
    except (ValueError, OSError, pd.errors.ParserWarning) as error:  # pandas' and pyarrow's own errors are ValueErrors
        raise ValueError(f"{path}: not a label table ({error}); give UTF-8 CSV or Parquet") from error
    table.columns = table.columns.astype(str)
    column = column or _file_column(table.columns)
    if column not in table.columns:
        raise ValueError(
            f"{path}: no column {column or 'that names files'} among {', '.join(table.columns)}; "
            "name it in the configuration, or call it `file`"
        )
    labels = table.drop(columns=column)
    if clash := sorted(RESERVED & set(labels.columns)):
        raise ValueError(f"{path}: the manifest has its own column {clash[0]}; rename it in the labels")
    if "file" in labels.columns:
        raise ValueError(f"{path}: both {column} and file could name the image; drop or rename one")
    files = table[column].astype("string").fillna("").str.replace("\\", "/").str.removeprefix("./")
    labels.insert(0, "file", files.astype(object))
    return labels


def _file_column(columns: Iterable[str]) -> str | None:
    lower = {name.strip().lower(): name for name in reversed(list(columns))}
    return next((lower[name] for name in FILE_COLUMNS if name in lower), None)


def _read_csv(path: Path, column: str | None) -> pd.DataFrame:
    """Read a CSV whose keys stay text and whose cells stay in their columns.

    000001 is not 1, and a row with more cells than the header must not move the others by one column.
    """
    options: dict[str, Any] = {"encoding": "utf-8-sig", "index_col": False}
    header = pd.read_csv(path, nrows=0, **options).columns.astype(str)
    key = column or _file_column(header)
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        # Only empty cells are missing values, because NA and None may be labels.
        return pd.read_csv(
            path, dtype={key: str} if key else None, low_memory=False, keep_default_na=False, na_values=[""], **options
        )


CONTRADICTORY = "contradictory labels: several rows name this file"


def labels_of(
    path: Path | str, key: str | None, columns: Sequence[str], files: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the label columns of a table for the pictures of a folder.

    Parameters
    ----------
    path : Path or str
        CSV (UTF-8) or Parquet.
    key : str or None
        The column that names the pictures.
    columns : sequence of str
        Columns to keep.
    files : sequence of str
        All relative paths of the folder.

    Returns
    -------
    matched, problems : DataFrame
        As from :func:`match_labels`.

    Raises
    ------
    ValueError
        If the table cannot be read, lacks a column, or names no picture of the folder, which would end in a study
        without labels. The message shows two keys and two files side by side.
    """
    labels = read_labels(path, column=key)
    if missing := set(columns) - set(labels.columns):
        raise ValueError(f"{path}: has no column {', '.join(sorted(missing))} (it has {', '.join(labels.columns)})")
    matched, problems = match_labels(labels[["file", *columns]], files)
    if not len(matched) and not (problems["reason"] == CONTRADICTORY).any() and len(files):
        raise ValueError(f"{path}: no row names a picture of the folder: {_side_by_side(labels, files)}")
    return matched, problems


def label_doubts(
    path: Path | str,
    key: str | None,
    columns: Sequence[str],
    classes: Mapping[str, Sequence[str]],
    files: Sequence[str],
) -> list[str]:
    """What a table of labels leaves to be desired, one line each, in words for the person who wrote the study.

    Parameters
    ----------
    path, key, columns, files
        As in :func:`labels_of`.
    classes : mapping of str to sequence of str
        The classes that are audited, by their label column.

    Raises
    ------
    ValueError
        As :func:`labels_of`, and if a class that is audited does not occur among the labels.
    """
    matched, _ = labels_of(path, key, columns, files)
    for column, names in classes.items():
        values = sorted(set(matched[column].dropna().astype(str)))
        if absent := [name for name in names if name not in values]:
            found = (", ".join(map(repr, values[:5])) or "no values") + (" and others" if len(values) > 5 else "")
            raise ValueError(
                f"{path}: no picture has the class {absent[0]!r} in the column {column}, which has {found}; write the "
                "classes of zero_shot as the labels are written"
            )
    if len(matched) < len(files) / 2:
        rest = f"the others have none: {_side_by_side(read_labels(path, column=key), files)}"
        return [f"{path}: only {len(matched)} of {len(files)} pictures have a label; {rest}"]
    return []


def _side_by_side(labels: pd.DataFrame, files: Sequence[str]) -> str:
    keys = ", ".join(map(repr, labels["file"].head(2))) or "no rows"
    return (
        f"the table has {keys}, the folder has {', '.join(map(repr, files[:2]))}; name the column with `key`, or write "
        "the keys as the files are named"
    )


def match_labels(labels: pd.DataFrame, files: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Join labels to files by relative path, or by a base name or stem that only one file has.

    Parameters
    ----------
    labels : DataFrame
        With a column ``file``, as returned by :func:`read_labels`.
    files : sequence of str
        All relative paths of the folder (not of one shard, where a name may be unique by chance).

    Returns
    -------
    matched : DataFrame
        One row per labelled file; ``file`` is its relative path.
    problems : DataFrame
        ``path, reason``: labels without a file, ambiguous or contradictory labels, files without a label.
    """
    places: dict[str, set[str]] = defaultdict(set)
    known = set(files)
    for file in files:
        name = PurePosixPath(file)
        places[name.name].add(file)
        places[name.stem].add(file)
    targets: list[Any] = []  # a file, or None if no file or several files have this name
    problems: list[tuple[str, str]] = []
    for file in labels["file"]:
        candidates = {file} if file in known else places.get(file, set())
        if len(candidates) == 1:
            targets.append(next(iter(candidates)))
            continue
        targets.append(None)
        reason = "label without a file"
        if candidates:
            reason = f"ambiguous label: {len(candidates)} files have this name; give the relative path"
        problems.append((file, reason))
    matched = labels.assign(file=targets).dropna(subset="file").drop_duplicates()
    contradictory = matched["file"].duplicated(keep=False)
    for file in sorted(set(matched.loc[contradictory, "file"])):
        problems.append((file, CONTRADICTORY))
    matched = matched[~contradictory].sort_values("file", ignore_index=True)
    named = set(targets)
    problems += [(file, "file without a label") for file in sorted(known - named)]
    return matched, pd.DataFrame(problems, columns=list(REJECTS))


def attach_labels(manifest: pd.DataFrame, matched: pd.DataFrame, folder: Path | str) -> pd.DataFrame:
    """Add the columns of :func:`match_labels` to a manifest; images without labels get missing values."""
    root = Path(folder).as_posix()
    relative = [PurePosixPath(path).relative_to(root).as_posix() for path in manifest["path"]]
    joined = manifest.assign(file=pd.Series(relative, index=manifest.index, dtype=object))
    return joined.merge(matched, on="file", how="left", validate="one_to_one").drop(columns="file")


def parse_utkface(name: str) -> dict[str, int | str]:
    """Read the labels in a UTKFace file name, ``age_gender_race_timestamp.jpg``.

    Anything after the first digits of the timestamp is ignored, because some real names have a stray blank or lack a
    dot (``55_0_0_20170116232725357jpg.chip.jpg``).

    Returns
    -------
    dict
        ``age`` (int, years), ``gender`` (in ``GENDERS``) and ``race`` (in ``RACES``), all perceived.

    Raises
    ------
    ValueError
        If a field is missing or out of range; the message names the field.

    References
    ----------
    docs/method.md section 9; Zhang, Song, Qi (2017), https://susanqq.github.io/UTKFace.
    """
    fields = PurePosixPath(name).name.split("_")
    timestamp = re.match(r"\d{8,}", fields[3], re.ASCII) if len(fields) == 4 else None
    if not timestamp:
        raise ValueError(f"{len(fields)} fields, not age_gender_race_timestamp")
    limits = {"age": 120, "gender": len(GENDERS) - 1, "race": len(RACES) - 1}
    values = {}
    for (field, limit), text in zip(limits.items(), fields, strict=False):
        if not re.fullmatch(r"\d{1,3}", text, re.ASCII) or int(text) > limit:
            raise ValueError(f"{field} {text!r} is not a whole number from 0 to {limit}")
        values[field] = int(text)
    return {"age": values["age"], "gender": GENDERS[values["gender"]], "race": RACES[values["race"]]}


def utkface_labels(files: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Labels ``file, age, gender, race`` from UTKFace file names, and problems as in :func:`match_labels`."""
    rows, problems = [], []
    for file in sorted(files):
        try:
            rows.append({"file": file, **parse_utkface(file)})
        except ValueError as error:
            problems.append((file, f"malformed UTKFace name: {error}"))
    labels = pd.DataFrame(rows, columns=["file", "age", "gender", "race"])
    return labels, pd.DataFrame(problems, columns=list(REJECTS))


def open_images_labels(
    labels: Path | str, descriptions: Path | str, *, min_images: int, files: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One label per photograph, from the image-level CSV files published by Open Images.

    A photograph has many labels, but clusters are compared with only one: the rarest label that annotators confirmed
    (``Confidence`` 1) and that at least ``min_images`` of the files have. It is the most specific one that can still
    form a group. Ties go to the alphabetically first name.

    Parameters
    ----------
    labels : Path or str
        CSV with ``ImageID, Source, LabelName, Confidence``.
    descriptions : Path or str
        CSV of label names and display names, with or without a header.
    min_images : int
    files : sequence of str
        All relative paths of the folder. Rows of the CSV about other images, often millions, are ignored.

    Returns
    -------
    matched, problems : DataFrame
        As returned by :func:`match_labels`, with the columns ``file, label``.
    """
    stems = {PurePosixPath(file).stem for file in files}
    columns = ["ImageID", "LabelName", "Confidence"]
    try:
        types = {"ImageID": str, "LabelName": str}
        chunks = pd.read_csv(labels, usecols=columns, dtype=types, chunksize=1_000_000)
        rows = pd.concat([part[part["ImageID"].isin(stems) & (part["Confidence"] == 1)] for part in chunks])
        names = pd.read_csv(descriptions, header=None, dtype=str, keep_default_na=False).set_index(0)[1]
    except (ValueError, OSError) as error:
        raise ValueError(f"{labels}, {descriptions}: not Open Images label files ({error})") from error
    rows = rows.assign(label=rows["LabelName"].map(names[~names.index.duplicated()]).fillna(rows["LabelName"]))
    rows = rows.drop_duplicates(["ImageID", "label"])
    rows["images"] = rows.groupby("label")["ImageID"].transform("size")
    rows = rows[rows["images"] >= min_images].sort_values(["ImageID", "images", "label"])
    first = rows.drop_duplicates("ImageID").rename(columns={"ImageID": "file"})[["file", "label"]]
    return match_labels(first, files)
