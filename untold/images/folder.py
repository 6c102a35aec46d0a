"""Index a folder of images: which can be used, which cannot, and why."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from untold.base.identity import file_digest
from untold.base.pictures import is_hidden, unread_kind
from untold.images.decode import MAX_PIXELS, UnreadableImage, decode

MANIFEST = ("key", "path", "sha256", "width", "height", "accepted", "reason")


REJECTS = ("path", "reason")


def index(
    folder: Path | str,
    paths: Iterable[str],
    *,
    max_pixels: int = MAX_PIXELS,
    min_side: int = 8,
    follow_links: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Decode every listed file and separate usable images from rejects.

    Parameters
    ----------
    folder : Path or str
        The folder, in the form to record in the manifest.
    paths : iterable of str
        Relative paths, all or some of those from :func:`list_images`.
    max_pixels : int
        See :func:`decode`.
    min_side : int
        Images with a side shorter than this, in pixels, are rejected because they show nothing.
    follow_links : bool
        Whether links to pictures outside the folder are followed.

    Returns
    -------
    manifest : DataFrame
        ``key, path, sha256, width, height, accepted, reason``. ``key`` hashes the relative path and the
        content: the same picture in two subfolders is two rows, and a replaced picture has a new key. Width
        and height are those of the upright image.
    rejects : DataFrame
        ``path, reason``. Every listed path is either here or in the manifest, exactly once.
    """
    root = Path(folder)
    accepted: list[tuple] = []
    rejected: list[tuple[str, str]] = []
    for relative in paths:
        path = root / relative
        try:
            _check_name(relative)
            _check_place(root, path, follow_links)
            width, height = decode(path, max_pixels=max_pixels).size
            if min(width, height) < min_side:
                raise UnreadableImage(f"{width} x {height} pixels: a side is shorter than {min_side}")
            digest = file_digest(path)
        except UnreadableImage as error:
            rejected.append((path.as_posix(), error.reason))
        else:
            key = hashlib.sha256(f"{digest}/{relative}".encode()).hexdigest()[:32]
            accepted.append((key, path.as_posix(), digest, width, height, True, ""))
    # An empty column has no type of its own, and one without a type is no mask.
    manifest = pd.DataFrame(accepted, columns=list(MANIFEST)).astype({"width": int, "height": int, "accepted": bool})
    return manifest, pd.DataFrame(rejected, columns=list(REJECTS))


def _check_name(relative: str) -> None:
    """Raise if the name says that the file is no picture of the collection, or none that can be read."""
    if is_hidden(relative):
        raise UnreadableImage("hidden: a name begins with a dot, or the folder is __MACOSX")
    if kind := unread_kind(relative):
        raise UnreadableImage(f"{kind} is not read: export the picture as JPEG, PNG or TIFF")


def _check_place(root: Path, path: Path, follow_links: bool) -> None:
    """Raise unless the path leads to a file, inside the folder if links are not followed."""
    try:
        real = path.resolve(strict=True)
    except FileNotFoundError as error:
        if path.is_symlink():
            raise UnreadableImage("symbolic link to nothing") from error
        if "\\x" in path.as_posix():
            raise UnreadableImage("the name is not UTF-8 (bytes shown escaped): rename the file") from error
        raise UnreadableImage("no such file") from error
    except (OSError, RuntimeError) as error:  # Python < 3.13 reports a loop of links as a RuntimeError.
        reason = "symbolic link that loops" if path.is_symlink() else f"cannot be opened: {error}"
        raise UnreadableImage(reason) from error
    if not follow_links and not real.is_relative_to(root.resolve()):
        raise UnreadableImage("leads out of the folder: links are followed there only with follow_links: true")
    if real.is_dir():
        link = path.is_symlink()
        raise UnreadableImage("symbolic link to a folder: not followed" if link else "folder that cannot be read")
