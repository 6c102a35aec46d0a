"""Train the ResNet of the miniature world to classify the object of a scene."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import timm
import torch
from torch import Tensor

from scripts.cli import run
from untold.base.devices import device, own_gpu
from untold.miniature.pixels import disturb, to_tensor
from untold.miniature.training import mixed, save_timm, train
from untold.miniature.world import draw, read_world, sample_scenes


def build_resnet(classes: int) -> torch.nn.Module:
    """Build a timm ResNet of ten layers with narrow stages."""
    return timm.create_model("resnet10t", num_classes=classes, channels=(24, 48, 72, 128), stem_width=16)


def main(settings: str, world: Path, checkpoint: Path, resnet: Path) -> None:
    """Train with ``settings`` (JSON) on the world in a folder, and save a timm folder."""
    chosen, truth = json.loads(settings), read_world(world)
    torch.manual_seed(chosen["seed"])
    model = build_resnet(len(truth.activities)).to(device())

    def loss(step: int, generator: torch.Generator) -> Tensor:
        scenes = sample_scenes(truth, np.random.default_rng(generator.initial_seed()), chosen["batch"])
        pictures = disturb(to_tensor(draw(truth, scenes)), generator).to(device())
        with mixed():
            scores = model(pictures)
        return torch.nn.functional.cross_entropy(scores.float(), torch.from_numpy(scenes.activity).to(device()))

    averaged, _ = train(
        model, loss, steps=chosen["steps"], peak=chosen["peak"], seed=chosen["seed"], checkpoint=checkpoint, decay=0.99
    )
    save_timm(averaged, resnet)


if __name__ == "__main__":
    with own_gpu():
        run(main)
