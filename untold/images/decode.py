"""Decode image files to upright RGB images within a size limit."""

import io
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError
from pillow_heif import register_heif_opener

from untold.base.identity import file_digest

register_heif_opener()


FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "JPEG2000")


MAX_PIXELS = 100_000_000


# Encoders resize the short side to about 224 pixels, which would turn a 1 x 1 000 000 strip into a huge image.
MAX_ASPECT = 50


# A progressive JPEG is decoded once per scan: cameras and encoders write about ten, an attacker thousands.
MAX_SCANS = 200


# EXIF orientation and the transposition that undoes it.
UPRIGHT: dict[int | None, Image.Transpose] = {
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
    """The file cannot be used as an image; ``reason`` says why in one line."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decode_known(path: Path, *, sha256: Mapping[Path, str], max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode a file listed in a manifest.

    Parameters
    ----------
    path : Path
    sha256 : mapping
        SHA-256 of each file according to the manifest.
    max_pixels : int
        As in ``decode``.

    Raises
    ------
    UnreadableImage
        If the file has changed since the manifest was written, or cannot be decoded.
    """
    if file_digest(path) != sha256[path]:
        remedy = "snakemake --forcerun synthesise index_images looks at every picture again"
        raise UnreadableImage(f"{path} is not the picture that its manifest describes; {remedy}")
    return decode(path, max_pixels=max_pixels)


def decode(path: Path | str, *, max_pixels: int = MAX_PIXELS, about: int | None = None) -> Image.Image:
    """Decode a file completely into an upright 8-bit RGB image.

    EXIF rotation is applied, transparency is composited on white, 16-bit grey is scaled to 8 bits, colours are
    converted from the embedded profile to sRGB, and the first frame of an animation is used. The format is detected by
    content, not by name.

    Parameters
    ----------
    path : Path or str
        A regular file.
    max_pixels : int
        Images with more pixels are refused before decoding; Pillow itself refuses more than 179 million.
    about : int, optional
        Sides of about this many pixels will do, which JPEGs can be decoded to in a fraction of the time.

    Returns
    -------
    PIL.Image.Image
        Mode RGB.

    Raises
    ------
    UnreadableImage
        If the file cannot be decoded, with the reason.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableImage("not a regular file")
        if status.st_size == 0:
            raise UnreadableImage("empty file (0 bytes)")
        with Image.open(path, formats=FORMATS) as image:
            _check_size(*image.size, max_pixels)
            if image.info.get("progressive"):
                _check_scans(path)
            if about and image.format == "JPEG":  # of other kinds, this could be an embedded thumbnail
                image.draft(None, (about, about))
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
    except Exception as error:  # Given malicious bytes, decoders may raise almost any exception.
        raise UnreadableImage(f"broken image: {type(error).__name__}: {error}") from error


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise UnreadableImage(f"{width} x {height} pixels: nothing to see")
    if width * height > max_pixels:
        raise UnreadableImage(f"decompression bomb: {width} x {height} is more than {max_pixels} pixels")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise UnreadableImage(f"{width} x {height} pixels: a strip, over {MAX_ASPECT} times longer than wide")


def _check_scans(path: Path | str) -> None:
    scans = Path(path).read_bytes().count(b"\xff\xda")  # entropy-coded data never hold a marker
    if scans > MAX_SCANS:
        raise UnreadableImage(f"progressive JPEG with {scans} scans, which take too long to decode: save it again")


def _orientation(image: Image.Image) -> int | None:
    try:
        return image.getexif().get(ORIENTATION)
    except Exception:  # A good picture with broken metadata is kept, in the orientation in which it is stored.
        return None


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        levels = np.asarray(image).astype(np.uint16)
        return Image.fromarray(((levels.astype(np.uint32) + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise UnreadableImage("32-bit pixels have no agreed white point: convert the file to 8 or 16 bits")
    profile = image.info.get("icc_profile")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    elif image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    return _to_srgb(image, profile) if profile else image.convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert colours from an embedded profile; a good picture with a broken profile keeps its numbers."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return image.convert("RGB")
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB")
    assert converted is not None  # it is None only when the conversion is in place
    return converted


def _head(path: Path | str) -> str:
    with open(path, "rb") as file:
        return ascii(file.read(16).decode("latin-1"))
