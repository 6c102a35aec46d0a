"""Contact sheets: clusters shown by their images."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont, ImageOps

SIDE, GAP, MARGIN, LABEL, HEAD = 96, 4, 16, 104, 64  # pixels
INK, MUTED, PAPER = "#1c1e21", "#666b73", "#ffffff"


@dataclass(frozen=True)
class Strip:
    """One row: what it is, how many, and the images of both halves."""

    name: str
    size: str
    nearest: Sequence[Image.Image]
    outliers: Sequence[Image.Image]


def contact_sheet(title: str, strips: Sequence[Strip]) -> Image.Image:
    """Rows of thumbnails, the nearest to the centre on the left and the farthest from it on the right.

    Parameters
    ----------
    title : str
        The first line.
    strips : sequence of Strip
        From top to bottom; images are scaled into squares, never cropped.

    Returns
    -------
    PIL.Image.Image
        RGB, as wide as the longest strip.
    """
    left = max([1, *(len(strip.nearest) for strip in strips)]) * (SIDE + GAP)
    right = max([1, *(len(strip.outliers) for strip in strips)]) * (SIDE + GAP)
    large, small = ImageFont.load_default(size=16), ImageFont.load_default(size=13)
    starts = (MARGIN + LABEL, MARGIN + LABEL + left + MARGIN)
    heads = ("nearest to the centre", "farthest from it")
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
