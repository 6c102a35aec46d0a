"""Labels of pictures: whose they are; subfolders, captions beside pictures, UTKFace file names, Open Images."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from untold.base.pictures import caption_file
from untold.images.folder import REJECTS
from untold.images.label_table import read_labels

GENDERS = ("male", "female")


RACES = ("white", "black", "asian", "indian", "other")


CONTRADICTORY = "contradictory labels: several rows name this file"


class LabelTable:
    """A table of labels beside a folder of pictures.

    Parameters
    ----------
    path : Path or str
        As in :func:`read_labels`.
    key : str or None
        The column that names the pictures; found out when None.
    columns : sequence of str
        Label columns to keep.
    caption : str or None
        The column that holds captions.
    folder : Path
        The folder of the pictures.
    files : sequence of str
        All relative paths of the folder (not of one shard, where a name may be unique by chance).

    Raises
    ------
    ValueError
        If the table cannot be read, lacks a column, or names no picture of the folder, which would end in a study
        without labels. The message shows two keys and two files side by side.
    """

    def __init__(
        self,
        path: Path | str,
        key: str | None,
        columns: Sequence[str],
        caption: str | None,
        folder: Path,
        files: Sequence[str],
    ) -> None:
        self.path, self.files = path, files
        table, found = read_labels(path, key)
        wanted = [*columns, *filter(None, [caption])]
        if missing := set(wanted) - set(table.columns):
            raise ValueError(f"{path}: has no column {', '.join(sorted(missing))} (it has {', '.join(table.columns)})")
        self.keys = table[found].fillna("").tolist()
        labels = table[[*columns]].assign(**({"caption": table[caption]} if caption else {}))
        self.matched, self.problems = match_labels(
            labels, self.keys, files, name=folder.resolve().name, home=_home(Path(path), folder)
        )
        if not len(self.matched) and not (self.problems["reason"] == CONTRADICTORY).any() and len(files):
            raise ValueError(f"{path}: no row names a picture of the folder: {self._side_by_side()}")

    def doubts(self, classes: Mapping[str, Sequence[str]]) -> list[str]:
        """What the table leaves to be desired, one line each, in words for the person who wrote the study.

        Parameters
        ----------
        classes : mapping of str to sequence of str
            The classes that are audited, by their label column.

        Raises
        ------
        ValueError
            If a class that is audited does not occur among the labels.
        """
        doubts = []
        for column, names in classes.items():
            labels = self.matched[column].dropna()
            values = sorted(set(labels))
            if absent := [name for name in names if name not in values]:
                found = (", ".join(map(repr, values[:5])) or "no values") + (" and others" if len(values) > 5 else "")
                raise ValueError(
                    f"{self.path}: no picture has the class {absent[0]!r} in the column {column}, which has {found}; "
                    "write the classes of zero_shot as the labels are written"
                )
            others = labels[~labels.isin(list(names))]
            if len(others):
                shown = ", ".join(map(repr, sorted(set(others))[:3]))
                doubts.append(
                    f"{self.path}: {len(others)} of {len(labels)} labels in the column {column} are none of the "
                    f"audited classes ({shown}) and are left out of the audit"
                )
        if len(self.matched) < len(self.files) / 2:
            doubts.append(
                f"{self.path}: only {len(self.matched)} of {len(self.files)} pictures have a label; the others have "
                f"none: {self._side_by_side()}"
            )
        return doubts

    def _side_by_side(self) -> str:
        keys = ", ".join(map(repr, self.keys[:2])) or "no rows"
        return (
            f"the table has {keys}, the folder has {', '.join(map(repr, self.files[:2]))}; name the column with `key`, "
            "or write the keys as the files are named"
        )


def _home(table: Path, folder: Path) -> str:
    """The subfolder of the pictures that a table lies in, to which its keys are relative, or "" if it has none."""
    place, root = table.resolve().parent, folder.resolve()
    return place.relative_to(root).as_posix() if place != root and place.is_relative_to(root) else ""


def match_labels(
    labels: pd.DataFrame, keys: Sequence[str], files: Sequence[str], *, name: str = "", home: str = ""
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Join labels to files by path, base name or stem, as long as only one file is meant.

    A key names the end of a file's path, with or without the extension, in any case and Unicode form; what matches
    exactly comes first. A key with more folders than the file has, such as an absolute path, is read from where it
    names the folder of the pictures on.

    Parameters
    ----------
    labels : DataFrame
        Label columns and, if there are captions, ``caption``.
    keys : sequence of str
        One per row.
    files : sequence of str
        All relative paths of the folder.
    name : str
        Name of the folder.
    home : str
        A subfolder that keys are relative to in the first place.

    Returns
    -------
    matched : DataFrame
        One row per labelled file, with its relative path in ``file``. Several rows of a file that agree count once,
        with the first of their captions.
    problems : DataFrame
        ``path, reason``: labels without a file, ambiguous or contradictory labels, files without a label.
    """
    places = _Places(files)
    targets: list[str | None] = []  # None if no file or several files are meant
    failures: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        candidates = places.find(key, name, home)
        targets.append(next(iter(candidates)) if len(candidates) == 1 else None)
        if not candidates:
            failures["label without a file"].append(key)
        elif len(candidates) > 1:
            meant = f"ambiguous label: {len(candidates)} files have this name; give the relative path"
            failures[meant].append(key)
    problems = [
        (same[0], reason if len(same) == 1 else f"{reason} (and {len(same) - 1} more such rows)")
        for reason, same in failures.items()
    ]
    matched = labels.assign(file=pd.Series(targets, index=labels.index, dtype=object)).dropna(subset="file")
    told = [column for column in matched.columns if column != "caption"]
    matched = matched.drop_duplicates(told)
    contradictory = matched["file"].duplicated(keep=False)
    for file in sorted(set(matched.loc[contradictory, "file"])):
        problems.append((file, CONTRADICTORY))
    matched = matched[~contradictory].sort_values("file", ignore_index=True)
    problems += [(file, "file without a label") for file in sorted(set(files) - set(targets))]
    return matched, pd.DataFrame(problems, columns=list(REJECTS))


class _Places:
    """Files by every end of their path, with and without the extension."""

    def __init__(self, files: Sequence[str]) -> None:
        self.known = set(files)
        self.ends: dict[str, set[str]] = defaultdict(set)
        for file in files:
            parts = file.split("/")
            for start in range(len(parts)):
                end = _folded("/".join(parts[start:]))
                self.ends[end].add(file)
                self.ends[os.path.splitext(end)[0]].add(file)

    def find(self, key: str, name: str, home: str) -> set[str]:
        """Files that a key may mean."""
        path = re.sub(r"/+", "/", key.replace("\\", "/")).removeprefix("./")
        parts = path.split("/")
        below = [
            "/".join(parts[n + 1 :]) for n, part in enumerate(parts[:-1]) if name and _folded(part) == _folded(name)
        ]
        for option in [*([f"{home}/{path}"] if home else []), path, *below]:
            if option in self.known:
                return {option}
            candidates = self.ends.get(_folded(option), set())
            exact = {file for file in candidates if f"/{file}".endswith((f"/{option}", f"/{option}{_suffix(file)}"))}
            if candidates:
                return exact or candidates
        return set()


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path.strip()).casefold()


def _suffix(file: str) -> str:
    return os.path.splitext(file)[1]


def subfolder_labels(files: Sequence[str], column: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The name of each picture's subfolder as its label, and problems as in :func:`match_labels`."""
    rows = [(file, PurePosixPath(file).parent.name) for file in sorted(files)]
    labels = pd.DataFrame([row for row in rows if row[1]], columns=["file", column])
    problems = [(file, "file without a label: it lies in no subfolder") for file, parent in rows if not parent]
    return labels, pd.DataFrame(problems, columns=list(REJECTS))


def captions_beside(folder: Path, files: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Captions ``file, caption`` from the text files beside pictures, ``0001.txt`` for ``0001.jpg``.

    A caption is the first line that is not blank. Problems are as in :func:`match_labels`.
    """
    rows, problems = [], []
    for file in sorted(files):
        try:
            lines = (folder / caption_file(file)).read_text(encoding="utf-8-sig").splitlines()
            rows.append((file, next(line.strip() for line in lines if line.strip())))
        except FileNotFoundError:
            problems.append((file, "file without a caption"))
        except StopIteration:
            problems.append((file, "its caption is empty"))
        except (OSError, UnicodeDecodeError) as error:
            problems.append((file, f"its caption cannot be read: {error}"))
    return pd.DataFrame(rows, columns=["file", "caption"]), pd.DataFrame(problems, columns=list(REJECTS))


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
    first = rows.drop_duplicates("ImageID")
    return match_labels(first[["label"]], first["ImageID"].tolist(), files)
