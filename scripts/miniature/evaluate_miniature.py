"""Evaluate the miniature models against the goals of docs/miniature.md, and draw a sample sheet."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image

from scripts.cli import run
from untold.base.files import atomic
from untold.miniature.evaluation import (
    MARKED,
    NEUTRAL,
    depicted_shares,
    load_pipeline,
    marked_accuracy,
    paint,
    zero_shot,
)
from untold.miniature.pixels import to_tensor
from untold.miniature.world import AGES, SIZE, World, draw, read_world, sample_scenes


def sample_sheet(world: World, pipeline, guidance: float, activities: np.ndarray, seed: int) -> Image.Image:
    """Draw blocks of four rows (neutral, young, middle, older) and sixteen columns.

    Each column shows one activity, and its four pictures share their noise.
    """
    templates = [NEUTRAL, *MARKED.values()]
    prompts = [t.format(activity=world.activities["activity"][row]) for t in templates for row in activities]
    pictures = paint(pipeline, prompts, [seed + int(row) for row in activities] * len(templates), guidance)
    grid = pictures.reshape(len(templates), -1, 16, SIZE, SIZE, 3).transpose(1, 0, 3, 2, 4, 5)
    return Image.fromarray(grid.reshape(-1, 16 * SIZE, 3))


def main(settings: str, world: Path, sdxl: Path, clip: Path, resnet: Path, evaluation: Path, samples: Path) -> None:
    """Evaluate with ``settings`` (JSON: seed, guidance, seeds per marked prompt, number of neutral pictures)."""
    chosen, truth = json.loads(settings), read_world(world)
    pipeline = load_pipeline(sdxl)
    every = np.arange(len(truth.activities))
    some = every[::4]  # the rows run from the youngest to the oldest activity
    shares = depicted_shares(truth, pipeline, chosen["guidance"], chosen["neutral"], some)
    planted = truth.age_shares[some]
    held_out = sample_scenes(truth, np.random.default_rng(chosen["seed"]), chosen["scenes"])
    with torch.no_grad():
        named = timm.create_model(f"local-dir:{resnet}", pretrained=True).eval()(to_tensor(draw(truth, held_out)))
    result = {
        "guidance": chosen["guidance"],
        "steps": 20,
        "marked": marked_accuracy(truth, pipeline, chosen["guidance"], chosen["marked"], every),
        "neutral": {
            "pictures_per_activity": chosen["neutral"],
            "mean_absolute_error": float(np.abs(shares - planted).mean()),
            "shares": {
                truth.activities["id"][row]: {"planted": planted[i].tolist(), "depicted": shares[i].round(4).tolist()}
                for i, row in enumerate(some)
            },
        },
        "clip_zero_shot": zero_shot(clip, truth, held_out),
        "resnet": {"activity": float((named.argmax(dim=1).numpy() == held_out.activity).mean())},
        "ages": list(AGES),
    }
    with atomic(evaluation) as part:
        part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    with atomic(samples) as part:
        sample_sheet(truth, pipeline, chosen["guidance"], every, chosen["seed"]).save(part, optimize=True)


if __name__ == "__main__":
    run(main)
