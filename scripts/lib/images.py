"""Image folders from the wild: list, decode safely, index, and join labels, losing nothing.

Every file that looks like an image ends in the manifest or among the rejects with a reason.
"""

import hashlib
import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError

from scripts.lib.keys import file_digest

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MAX_PIXELS = 100_000_000
# Encoders resize the short side to about 224: a 1 x 1 000 000 strip would grow into a bomb there.
MAX_ASPECT = 50

MANIFEST = ("key", "path", "sha256", "width", "height", "accepted", "reason")
REJECTS = ("path", "reason")

# EXIF orientation -> the transposition that undoes it.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ORIENTATION = 0x0112


class UnreadableImage(ValueError):
    """A file that cannot be used as an image; ``reason`` says why in one line."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decode_known(path: Path, *, sha256: Mapping[Path, str], max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode a file that a manifest describes.

    Parameters
    ----------
    path : Path
    sha256 : mapping
        What the manifest says of each file.
    max_pixels : int
        As in ``decode``.

    Raises
    ------
    UnreadableImage
        For a file that is not the one the manifest was written for, or cannot be decoded.
    """
    if file_digest(path) != sha256[path]:
        remedy = "snakemake --forcerun synthesise index_images looks at every picture again"
        raise UnreadableImage(f"{path} is not the picture that its manifest describes; {remedy}")
    return decode(path, max_pixels=max_pixels)


def decode(path: Path | str, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode a file completely into an upright 8-bit RGB image.

    EXIF rotation is applied, transparency is composited on white, 16-bit grey is scaled to 8 bits, CMYK is
    converted, and of an animation the first frame is taken. The content tells the format, not the name.

    Parameters
    ----------
    path : Path or str
        A regular file.
    max_pixels : int
        Larger images are refused before their pixels are decoded; Pillow itself refuses above 179 million.

    Returns
    -------
    PIL.Image.Image
        Mode RGB.

    Raises
    ------
    UnreadableImage
        For whatever cannot be decoded, with the reason.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableImage("not a regular file")
        if status.st_size == 0:
            raise UnreadableImage("empty file (0 bytes)")
        with Image.open(path, formats=FORMATS) as image:
            _check_size(*image.size, max_pixels)
            image.load()
            turn = UPRIGHT.get(_orientation(image))
            rgb = _rgb(image)
        return rgb.transpose(turn) if turn is not None else rgb
    except (UnreadableImage, MemoryError):
        raise
    except UnidentifiedImageError:
        raise UnreadableImage(f"not a {', '.join(FORMATS)} image: the content begins {_head(path)}") from None
    except Image.DecompressionBombError as error:
        raise UnreadableImage(f"decompression bomb: {error}") from None
    except OSError as error:
        raise UnreadableImage(error.strerror or str(error)) from error
    except Exception as error:  # Decoders fed hostile bytes raise nearly anything.
        raise UnreadableImage(f"broken image: {type(error).__name__}: {error}") from error


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise UnreadableImage(f"{width} x {height} pixels: nothing to see")
    if width * height > max_pixels:
        raise UnreadableImage(f"decompression bomb: {width} x {height} is more than {max_pixels} pixels")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise UnreadableImage(f"{width} x {height} pixels: a strip, over {MAX_ASPECT} times longer than wide")


def _orientation(image: Image.Image) -> int | None:
    try:
        return image.getexif().get(ORIENTATION)
    except Exception:  # A good picture with broken metadata stays a good picture, shown as it is stored.
        return None


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        levels = np.asarray(image).astype(np.uint16)
        return Image.fromarray(((levels.astype(np.uint32) + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise UnreadableImage("32-bit pixels have no agreed white point: convert the file to 8 or 16 bits")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _head(path: Path | str) -> str:
    with open(path, "rb") as file:
        return ascii(file.read(16).decode("latin-1"))


def list_images(folder: Path | str) -> list[str]:
    r"""List what looks like an image below a folder, whatever the file system holds.

    Links to folders are not entered, so loops end; the link itself is listed, as is a folder that cannot be
    read, and :func:`index` rejects both with the reason. A name that is not UTF-8 is listed with its bytes
    escaped (``caf\xe9.jpg``), since no table can hold it.

    Parameters
    ----------
    folder : Path or str

    Returns
    -------
    list of str
        Unique paths relative to ``folder``, with ``/``, sorted by code point (the same in every locale).

    Raises
    ------
    NotADirectoryError
        If ``folder`` is not a folder.
    """
    root = os.fspath(folder)
    if not os.path.isdir(root):
        raise NotADirectoryError(f"{root}: not a folder; name the folder that holds the images")
    found: list[str] = []

    def unreadable(error: OSError) -> None:
        found.append(os.path.relpath(error.filename, root))

    for parent, folders, files in os.walk(root, onerror=unreadable):
        linked = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        pictures = [name for name in files if os.path.splitext(name)[1].lower() in EXTENSIONS]
        found += [os.path.relpath(os.path.join(parent, name), root) for name in linked + pictures]

    names = {name for name in found if _is_text(name)}
    for name in sorted(set(found) - names):
        escaped = os.fsencode(name).decode("utf-8", "backslashreplace")
        while escaped in names:  # Another file may really have backslashes in its name.
            escaped += "?"
        names.add(escaped)
    return sorted(name.replace(os.sep, "/") for name in names)


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def index(
    folder: Path | str, paths: Iterable[str], *, max_pixels: int = MAX_PIXELS, min_side: int = 8
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Decode every listed file and tell the usable ones from the rejects.

    Parameters
    ----------
    folder : Path or str
        As it is to stand in the manifest.
    paths : iterable of str
        Relative paths, of :func:`list_images` or a part of it.
    max_pixels : int
        See :func:`decode`.
    min_side : int
        Images with a shorter side, in pixels, are rejected: they show nothing.

    Returns
    -------
    manifest : DataFrame
        ``key, path, sha256, width, height, accepted, reason``. ``key`` hashes the relative path and the
        content: the same picture in two subfolders is two rows, and a replaced picture has a new key. Width
        and height are those of the upright image.
    rejects : DataFrame
        ``path, reason``. Together with the manifest it holds every listed path once.
    """
    root = Path(folder)
    accepted: list[tuple] = []
    rejected: list[tuple[str, str]] = []
    for relative in paths:
        path = root / relative
        try:
            _check_place(root, path)
            width, height = decode(path, max_pixels=max_pixels).size
            if min(width, height) < min_side:
                raise UnreadableImage(f"{width} x {height} pixels: a side is shorter than {min_side}")
            digest = file_digest(path)
        except UnreadableImage as error:
            rejected.append((path.as_posix(), error.reason))
        else:
            key = hashlib.sha256(f"{digest}/{relative}".encode()).hexdigest()[:32]
            accepted.append((key, path.as_posix(), digest, width, height, True, ""))
    return pd.DataFrame(accepted, columns=list(MANIFEST)), pd.DataFrame(rejected, columns=list(REJECTS))


def _check_place(root: Path, path: Path) -> None:
    """Raise unless the path leads to a file inside the folder."""
    try:
        real = path.resolve(strict=True)
    except FileNotFoundError as error:
        if path.is_symlink():
            raise UnreadableImage("symbolic link to nothing") from error
        if "\\x" in path.as_posix():
            raise UnreadableImage("the name is not UTF-8 (bytes shown escaped): rename the file") from error
        raise UnreadableImage("no such file") from error
    except (OSError, RuntimeError) as error:  # Python < 3.13 reports a loop of links as RuntimeError.
        reason = "symbolic link that loops" if path.is_symlink() else f"cannot be opened: {error}"
        raise UnreadableImage(reason) from error
    if not real.is_relative_to(root.resolve()):
        raise UnreadableImage("leads out of the folder: links are not followed there")
    if real.is_dir():
        link = path.is_symlink()
        raise UnreadableImage("symbolic link to a folder: not followed" if link else "folder that cannot be read")


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
        The column that names the file; by default the first of ``file, filename, path, image, ...`` there is.

    Returns
    -------
    DataFrame
        ``file`` (str, with ``/``) and the label columns as they are. In a CSV only an empty cell is missing:
        ``NA`` and ``None`` are labels.

    Raises
    ------
    ValueError
        If the table cannot be read, no column names files, or a label column has a name the manifest needs.
    """
    path = Path(path)
    try:
        if path.suffix.lower() == ".parquet":
            table = pd.read_parquet(path)
        else:
            # Only an empty cell is missing: NA and None are labels somewhere.
            empty = {"keep_default_na": False, "na_values": [""]}
            table = pd.read_csv(path, encoding="utf-8-sig", low_memory=False, **empty)
    except (ValueError, OSError) as error:  # pandas' and pyarrow's own errors are ValueErrors
        raise ValueError(f"{path}: not a label table ({error}); give UTF-8 CSV or Parquet") from error
    table.columns = table.columns.astype(str)
    if column is None:
        lower = {name.strip().lower(): name for name in reversed(table.columns)}
        column = next((lower[name] for name in FILE_COLUMNS if name in lower), None)
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


def match_labels(labels: pd.DataFrame, files: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Join labels to files: by relative path, else by a base name, else by a stem, that only one file has.

    Parameters
    ----------
    labels : DataFrame
        With a column ``file``, as :func:`read_labels` returns it.
    files : sequence of str
        All relative paths of the folder (not one shard's: a name may be unique there by chance).

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
    targets: list[str | None] = []
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
        problems.append((file, "contradictory labels: several rows name this file"))
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

    What follows the first digits of the timestamp does not matter, so that real names with a stray blank or
    without a dot (``55_0_0_20170116232725357jpg.chip.jpg``) are read.

    Returns
    -------
    dict
        ``age`` (int, years), ``gender`` and ``race`` (of ``GENDERS`` and ``RACES``), all perceived.

    Raises
    ------
    ValueError
        With the field that is missing or out of range.

    References
    ----------
    method.md section 9; Zhang, Song, Qi (2017), https://susanqq.github.io/UTKFace.
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
    """Labels ``file, age, gender, race`` from UTKFace file names, and problems, as :func:`match_labels`."""
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
    """One label per photograph from the image-level CSV files that Open Images publishes.

    A photograph has many labels and clusters are compared with one: the rarest that people confirmed
    (``Confidence`` 1) and that at least ``min_images`` of the files have, so the most specific one that can
    still form a group. Ties go to the first name in the alphabet.

    Parameters
    ----------
    labels : Path or str
        CSV with ``ImageID, Source, LabelName, Confidence``.
    descriptions : Path or str
        CSV of label names and display names, with or without a header.
    min_images : int
    files : sequence of str
        All relative paths of the folder; the CSV has millions of rows about others, which are no problem.

    Returns
    -------
    matched, problems : DataFrame
        As of :func:`match_labels`, with the columns ``file, label``.
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
