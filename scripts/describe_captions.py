"""Find the words about gender, age and emotion that are more frequent in the captions of each cluster."""

from pathlib import Path

from pydantic import BaseModel

from scripts.cli import run
from untold.data.csv import leading, write_csv
from untold.data.parquet import read_table
from untold.structure.captions import word_log_odds
from untold.structure.sampling import members


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The space of the clusters."""

    space: str


def main(*, settings: Settings, images: list[Path], clusters: Path, captions: Path) -> None:
    manifest = read_table(images, columns=["key", "caption", "accepted"])
    manifest = manifest[manifest["accepted"]].sort_values("key")
    table = word_log_odds(manifest["caption"].tolist(), members(read_table(clusters), "kmeans", manifest["key"]))
    about = {"space": settings.space, "algorithm": "kmeans"}
    write_csv(captions, leading(table.assign(**about), list(about)))


if __name__ == "__main__":
    run(main)
