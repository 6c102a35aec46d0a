"""Show each k-means cluster of one space by the images nearest to and farthest from its centre."""

from pathlib import Path

from PIL.Image import Image
from pydantic import BaseModel

from scripts.cli import run
from untold.base.files import atomic
from untold.data.parquet import read_table
from untold.images.decode import UnreadableImage, decode
from untold.report.contact import Strip, contact_sheet

LARGEST = 40  # clusters shown; nobody scrolls through more


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The dataset and space, and the largest image that is decoded."""

    dataset: str
    space: str
    max_pixels: int


def main(*, settings: Settings, images: list[Path], clusters: Path, representative: Path, sheet: Path) -> None:
    paths = read_table(images, columns=["key", "path"]).drop_duplicates("key").set_index("key")["path"]
    found = read_table(clusters)
    sizes = found.loc[found["method"] == "kmeans", "cluster"].value_counts().sort_index()  # 0 is the largest
    shown = read_table(representative)
    shown = shown[shown["method"] == "kmeans"].sort_values(["cluster", "role", "rank"])
    strips = []
    for cluster, size in sizes.head(LARGEST).items():
        here = shown[shown["cluster"] == cluster]
        sides = [
            [thumbnail(Path(paths[key]), settings.max_pixels) for key in here.loc[here["role"] == role, "key"]]
            for role in ("nearest", "outlier")
        ]
        strips.append(Strip(f"cluster {cluster}", f"n = {size}", *sides))
    title = f"{settings.dataset}: k-means clusters in {settings.space}"
    if len(sizes) > LARGEST:
        title += f", the largest {LARGEST} of {len(sizes)}"
    with atomic(sheet) as part:
        contact_sheet(title, strips).save(part, format="PNG")


def thumbnail(path: Path, max_pixels: int) -> Image:
    """Read an image, reduced so that hundreds fit in memory."""
    try:
        image = decode(path, max_pixels=max_pixels)
    except UnreadableImage as error:
        raise ValueError(f"{path}: {error.reason}; it was readable when it was indexed, so restore it") from None
    image.thumbnail((512, 512))
    return image


if __name__ == "__main__":
    run(main)
