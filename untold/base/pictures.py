"""What files of a folder are, by their names: pictures, pictures of kinds that are not read, captions."""

import os
from pathlib import PurePosixPath

READ = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"),
        *(".heic", ".heif", ".jp2", ".j2k", ".jpf", ".jpx"),
    }
)
# Raw photographs hold a small JPEG or TIFF, which would be read in place of the picture.
NOT_READ = frozenset(
    {
        *(".svg", ".psd", ".jxl", ".ico", ".tga", ".eps", ".exr", ".hdr"),
        *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".srw", ".pef", ".raw"),
    }
)
# How files begin that have no extension; of ISO media, the brand follows at byte 4.
HEADS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
BRANDS = (b"ftypavif", b"ftypavis", b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1")


def is_picture(path: str) -> bool:
    """Whether a file looks like a picture: by its extension or, if it has none, by how it begins."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix:
        return suffix in READ or suffix in NOT_READ
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            head = file.read(12)
    except OSError:  # a file that cannot be opened, or a pipe
        return False
    return head.startswith(HEADS) or head[4:] in BRANDS or (head[:4], head[8:]) == (b"RIFF", b"WEBP")


def unread_kind(path: str) -> str:
    """The extension of a picture of a kind that is not read, or ""."""
    suffix = PurePosixPath(path).suffix.lower()
    return suffix if suffix in NOT_READ else ""


def is_hidden(path: str) -> bool:
    """Whether a relative path is hidden, or is what macOS adds to archives.

    Examples
    --------
    >>> is_hidden("a/.thumbnails/1.jpg"), is_hidden("__MACOSX/._1.jpg"), is_hidden("a/1.jpg")
    (True, True, False)
    """
    parts = (part for part in PurePosixPath(path).parts if part != "..")
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def caption_file(picture: str) -> str:
    """The text file that holds a picture's caption, if it has one.

    Examples
    --------
    >>> caption_file("a/0001.jpg")
    'a/0001.txt'
    """
    return os.path.splitext(picture)[0] + ".txt"
