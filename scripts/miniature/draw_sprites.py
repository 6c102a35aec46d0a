"""Draw the sprite sheet of the miniature world with the Noto Color Emoji font."""

from pathlib import Path

import pandas as pd

from scripts.cli import run
from untold.base.files import atomic
from untold.miniature.world import draw_sprites


def main(world: Path, font: Path, sprites: Path) -> None:
    """Read the emoji from ``world.csv`` and save the sprite sheet."""
    sheet = draw_sprites(font, pd.read_csv(world)["emoji"].tolist())
    with atomic(sprites) as part:
        sheet.save(part, optimize=True)


if __name__ == "__main__":
    run(main)
