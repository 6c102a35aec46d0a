"""List the images in a folder."""

import os
from pathlib import Path

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})


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
