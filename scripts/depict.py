"""Record what each generated picture of the miniature world depicts, according to the pixel oracle."""

from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from untold.data.parquet import read_table, write_table
from untold.images.decode import decode_known
from untold.miniature.oracle import nearest_scene
from untold.miniature.world import AGES, GENDERS, SIZE, TONES, read_world

BATCH = 256


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Digests of the files of the world: its shares and its artwork."""

    world: list[str]


def main(*, settings: Settings, images: list[Path], world: list[Path], depicted: Path) -> None:
    known = read_world(world[0].parent)
    table = read_table(images).query("accepted").sort_values("key", ignore_index=True)
    parts = []
    for start in range(0, len(table), BATCH):
        part = table[start : start + BATCH]
        digests = dict(zip(map(Path, part["path"]), part["sha256"], strict=True))
        decoded = [decode_known(Path(path), sha256=digests, max_pixels=SIZE * SIZE) for path in part["path"]]
        pixels = np.stack([np.asarray(image) for image in decoded])
        seen = nearest_scene(known, pixels)
        columns = {
            "key": part["key"],
            "activity_id": known.activities["id"].to_numpy()[seen.activity],
            "age": np.array(AGES)[seen.age],
            "gender": np.array(GENDERS)[seen.gender],
            "tone": np.array(TONES)[seen.tone],
            "distance": seen.distance.round(3),
        }
        parts.append(pd.DataFrame(columns))
    write_table(depicted, pd.concat(parts, ignore_index=True), sort_by=["key"])


if __name__ == "__main__":
    run(main)
