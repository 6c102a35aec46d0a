"""Draw the labelled faces: held-out scenes with file names in the format of UTKFace."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from scripts.cli import run
from untold.miniature.world import AGES, GENDERS, TONES, YEARS, draw, read_world, vary

SEXES = {"man": 0, "woman": 1}
FIRST_TIMESTAMP = 20261121000000000


def main(settings: str, world: Path, faces: Path) -> None:
    """Draw ``settings["count"]`` scenes with the shares of faces in ``world.json``."""
    chosen, truth = json.loads(settings), read_world(world)
    planted = truth.shares["faces"]
    rng = np.random.default_rng(chosen["seed"])
    n = chosen["count"]
    age, gender, tone = (
        np.array([names.index(name) for name in rng.choice(list(shares), n, p=list(shares.values()))])
        for names, shares in ((AGES, planted["age"]), (GENDERS, planted["gender"]), (TONES, planted["tone"]))
    )
    pictures = draw(truth, vary(rng, rng.integers(0, len(truth.activities), n), age, gender, tone))
    faces.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        years = rng.integers(*YEARS[AGES[age[number]]])
        sex, race = SEXES[GENDERS[gender[number]]], planted["race"][TONES[tone[number]]]
        name = f"{years}_{sex}_{race}_{FIRST_TIMESTAMP + number}.png"
        Image.fromarray(picture).save(faces / name, optimize=True)


if __name__ == "__main__":
    run(main)
