"""The oracle's table says of drawn scenes what was drawn."""

import numpy as np
import pandas as pd
from PIL import Image

from scripts import depict
from tests.conftest import ROOT
from untold.base.identity import file_digest
from untold.data.parquet import read_table, write_table
from untold.miniature.world import AGES, GENDERS, TONES, draw, read_world, sample_scenes

WORLD = ROOT / "resources" / "miniature"


def test_drawn_scenes_are_recognised(tmp_path):
    world = read_world(WORLD)
    scenes = sample_scenes(world, np.random.default_rng(0), 60)
    rows = []
    for number, pixels in enumerate(draw(world, scenes)):
        path = tmp_path / f"{number:02}.png"
        Image.fromarray(pixels).save(path)
        rows.append((f"{59 - number:02}", str(path), file_digest(path), number != 7))
    write_table(tmp_path / "images.parquet", pd.DataFrame(rows, columns=["key", "path", "sha256", "accepted"]))
    files = [WORLD / name for name in ("world.csv", "world.json", "sprites.png")]
    settings, out = depict.Settings(world=["x"]), tmp_path / "depicted.parquet"
    depict.main(settings=settings, images=[tmp_path / "images.parquet"], world=files, depicted=out)
    table = read_table(out)
    kept = np.array([number for number in range(59, -1, -1) if number != 7])  # in the order of the keys
    assert table["key"].tolist() == [f"{59 - number:02}" for number in kept]
    assert table["age"].tolist() == [AGES[code] for code in scenes.age[kept]]
    assert table["gender"].tolist() == [GENDERS[code] for code in scenes.gender[kept]]
    assert table["tone"].tolist() == [TONES[code] for code in scenes.tone[kept]]
    assert table["activity_id"].tolist() == world.activities["id"].iloc[scenes.activity[kept]].tolist()
    assert table["distance"].max() < 1
