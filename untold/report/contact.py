"""Contact sheets that show clusters by their images."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont, ImageOps

SIDE, GAP, MARGIN, LABEL, HEAD = 96, 4, 16, 104, 64  # pixels
INK, MUTED, PAPER = "#1c1e21", "#666b73", "#ffffff"


@dataclass(frozen=True)
class Strip:
    """One row: its name, its size, and the images in its two halves."""

    name: str
    size: str
    nearest: Sequence[Image.Image]
    outliers: Sequence[Image.Image]


def contact_sheet(title: str, strips: Sequence[Strip]) -> Image.Image:
    """Draw one row per cluster, with its most central images on the left and its most distant ones on the right.

    Parameters
    ----------
    title : str
        Text of the first line.
    strips : sequence of Strip
        Rows from top to bottom. Images are scaled to fit squares, never cropped.

    Returns
    -------
    PIL.Image.Image
        In RGB, as wide as the longest strip.
    """
    left = max([1, *(len(strip.nearest) for strip in strips)]) * (SIDE + GAP)
    right = max([1, *(len(strip.outliers) for strip in strips)]) * (SIDE + GAP)
    large, small = ImageFont.load_default(size=16), ImageFont.load_default(size=13)
    starts = (MARGIN + LABEL, MARGIN + LABEL + left + MARGIN)
    heads = ("nearest to the centre", "farthest from the centre")
    width = max(starts[1] + right + MARGIN - GAP, int(large.getlength(title)) + 2 * MARGIN)
    sheet = Image.new("RGB", (width, HEAD + len(strips) * (SIDE + GAP) + MARGIN), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, 12), title, INK, large)
    for start, head in zip(starts, heads, strict=True):
        pen.text((start, HEAD - 22), head, MUTED, small)
    for row, strip in enumerate(strips):
        top = HEAD + row * (SIDE + GAP)
        pen.text((MARGIN, top + SIDE // 2 - 18), strip.name, INK, small)
        pen.text((MARGIN, top + SIDE // 2), strip.size, MUTED, small)
        for start, images in zip(starts, (strip.nearest, strip.outliers), strict=True):
            for column, image in enumerate(images):
                sheet.paste(ImageOps.pad(image, (SIDE, SIDE), color=PAPER), (start + column * (SIDE + GAP), top))
    return sheet
