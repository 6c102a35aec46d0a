"""Thumbnails for the page, packed into WebP sheets that are embedded as data URIs."""

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from joblib import cpu_count
from PIL import Image

from untold.images.decode import UnreadableImage, decode

EDGE = 96  # pixels; smaller if there are many images
LEAST = 40  # pixels; below this a person is a blur. 20 000 photographs at this size take 9.4 MB.
BUDGET = 2000 * EDGE**2  # pixels of all thumbnails of a dataset, about 4.5 MB
PER_SHEET = 400
COLUMNS = 20
PAPER = (238, 238, 238)
ANY_SIZE = 2**31  # pixels; images were accepted by their dataset's own limit


@dataclass(frozen=True)
class Sheets:
    """Sheets of thumbnails. Thumbnail i is on sheet ``i // per_sheet``, which is filled row by row."""

    edge: int
    columns: int
    per_sheet: int
    uris: list[str]


def encode(image: Image.Image, quality: int) -> bytes:
    """Encode an image as WebP."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=4)
    return buffer.getvalue()


def data_uri(image: Image.Image, quality: int = 60) -> str:
    """Encode an image as a WebP data URI."""
    return "data:image/webp;base64," + base64.b64encode(encode(image, quality)).decode()


def picture(path: Path, edge: int) -> Image.Image:
    """Read an image as encoders do, and centre it in a square of ``edge`` pixels.

    Raises
    ------
    ValueError
        If it cannot be read any more; a grey square would be taken for a result.
    """
    square = Image.new("RGB", (edge, edge), PAPER)
    try:
        small = decode(path, max_pixels=ANY_SIZE, about=2 * edge)
    except UnreadableImage as error:
        remedy = "bring it back, or look at every picture again with snakemake --forcerun synthesise index_images"
        raise ValueError(f"{path} was read before and cannot be shown now: {error.reason}; {remedy}") from error
    # Reducing by an integer factor first takes a fifth of the time; pixels differed by at most 1 of 255 when tested.
    scale = edge / max(small.size)
    width, height = (max(1, round(scale * side)) for side in small.size)
    small = small.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3)
    square.paste(small, ((edge - small.width) // 2, (edge - small.height) // 2))
    return square


def edge_for(sizes: Sequence[int]) -> int:
    """Edge of the thumbnails in pixels, given the longer side of each image.

    No larger than the images, and within the budget unless a person would become unrecognisable.
    """
    if not sizes:
        return EDGE
    return min(EDGE, max(16, *sizes), max(LEAST, int((BUDGET / len(sizes)) ** 0.5)))


def sheets(paths: Sequence[Path], edge: int) -> Sheets:
    """Thumbnails of all images, in order. All cores are used, because decoding takes most of the time."""
    uris = []
    with ThreadPoolExecutor(cpu_count()) as pool:
        for start in range(0, len(paths), PER_SHEET):
            part = paths[start : start + PER_SHEET]
            sheet = Image.new("RGB", (COLUMNS * edge, -(-len(part) // COLUMNS) * edge), PAPER)
            for i, small in enumerate(pool.map(partial(picture, edge=edge), part)):
                sheet.paste(small, (i % COLUMNS * edge, i // COLUMNS * edge))
            uris.append(data_uri(sheet))
    return Sheets(edge, COLUMNS, PER_SHEET, uris)
