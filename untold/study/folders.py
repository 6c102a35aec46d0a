"""List the images in a folder."""

import os
from pathlib import Path

from untold.base.pictures import is_picture


def list_images(folder: Path | str) -> list[str]:
    r"""List the files below a folder that look like images.

    Kinds of pictures that are not read and hidden files are listed too, so that :func:`index` can say what is left out.
    Links to folders are not followed, so there are no loops. The link itself is listed, as is a folder that cannot be
    read, and :func:`index` rejects both with a reason. A name that is not UTF-8 is listed with its bytes escaped
    (``caf\xe9.jpg``), because no table can hold it.

    Parameters
    ----------
    folder : Path or str

    Returns
    -------
    list of str
        Unique paths relative to ``folder``, with ``/`` as separator, sorted by code point (independent of locale).

    Raises
    ------
    NotADirectoryError
        If ``folder`` is not a folder.
    """
    root = os.fspath(folder)
    if not os.path.isdir(root):
        raise NotADirectoryError(f"{root}: is not a folder; give the folder that holds the images")
    found: list[str] = []

    def unreadable(error: OSError) -> None:
        found.append(os.path.relpath(error.filename, root))

    for parent, folders, files in os.walk(root, onerror=unreadable):
        linked = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        pictures = [name for name in files if is_picture(os.path.join(parent, name))]
        below = os.path.relpath(parent, root)
        found += linked + pictures if below == "." else [os.path.join(below, name) for name in linked + pictures]

    names = {name for name in found if _is_text(name)}
    for name in sorted(set(found) - names):
        escaped = os.fsencode(name).decode("utf-8", "backslashreplace")
        while escaped in names:  # Another file's name may contain these very backslashes.
            escaped += "?"
        names.add(escaped)
    return sorted(name.replace(os.sep, "/") for name in names)


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
