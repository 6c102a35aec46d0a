"""Train the vision transformer of the miniature world by self-distillation without labels (DINO)."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import timm
import torch
from torch import Tensor, nn

from scripts.cli import run
from untold.base.devices import device, own_gpu
from untold.miniature.pixels import crop, disturb, to_tensor
from untold.miniature.training import learning_rate, mixed, save_timm, train
from untold.miniature.world import SIZE, draw, read_world, sample_scenes

WIDTH = 96
PROTOTYPES = 512


def build_vit() -> nn.Module:
    """Build a timm vision transformer with a class token and 64 patches of 8 x 8 pixels."""
    return timm.create_model(
        "vit_tiny_patch16_224",
        img_size=SIZE,
        patch_size=8,
        embed_dim=WIDTH,
        depth=4,
        num_heads=4,
        num_classes=0,
        dynamic_img_size=True,
    )


class Distiller(nn.Module):
    """Backbone with DINO's projection head, whose last layer has rows of unit norm (Caron et al. 2021, section 3.1)."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = build_vit()
        self.project = nn.Sequential(nn.Linear(WIDTH, 256), nn.GELU(), nn.Linear(256, 64))
        self.prototypes = nn.utils.parametrizations.weight_norm(nn.Linear(64, PROTOTYPES, bias=False))

    def forward(self, pictures: Tensor) -> Tensor:
        """Compute the scores of the prototypes, shape (n, PROTOTYPES)."""
        projected = nn.functional.normalize(self.project(self.backbone(pictures)).float(), dim=-1)
        return self.prototypes(projected).float()


class DinoLoss:
    """Cross-entropy between the centred, sharpened teacher output and the student output for other views of a scene."""

    def __init__(self, student: Distiller, steps: int) -> None:
        self.student, self.steps = student, steps
        self.followed = list(student.parameters())
        self.teacher = copy.deepcopy(student).requires_grad_(False)
        self.centre = torch.zeros(PROTOTYPES, device=device())

    def __call__(self, views: list[Tensor]) -> Tensor:
        """Compute the loss of views, each of shape (n, 3, h, w); the teacher sees only the first two, global views."""
        with torch.no_grad():
            taught = [self.teacher(view) for view in views[:2]]
            targets = [((scores - self.centre) / 0.04).softmax(dim=-1) for scores in taught]
            self.centre.lerp_(torch.cat(taught).mean(dim=0), 0.1)
        answers = [(self.student(view) / 0.1).log_softmax(dim=-1) for view in views]
        terms = [
            -(target * answer).sum(dim=-1).mean()
            for t, target in enumerate(targets)
            for a, answer in enumerate(answers)
            if a != t
        ]
        return torch.stack(terms).mean()

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Update the teacher towards the student with a momentum that increases from 0.99 to 1."""
        momentum = 1 - 0.01 * learning_rate(step, self.steps, 1.0, warmup=0)
        for slow, fast in zip(self.teacher.parameters(), self.followed, strict=True):
            slow.lerp_(fast, 1 - momentum)


def main(settings: str, world: Path, checkpoint: Path, dino: Path) -> None:
    """Train with ``settings`` (JSON) on the world in a folder, and save the teacher's backbone as a timm folder."""
    chosen, truth = json.loads(settings), read_world(world)
    torch.manual_seed(chosen["seed"])
    student = Distiller().to(device())
    distil = DinoLoss(student, chosen["steps"])
    # The teacher and its centre are part of the training state, so the checkpoint holds them with the student.
    student.add_module("teacher", distil.teacher)
    student.register_buffer("centre", distil.centre)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        scenes = sample_scenes(truth, np.random.default_rng(generator.initial_seed()), chosen["batch"])
        pictures = to_tensor(draw(truth, scenes))
        views = [crop(disturb(pictures, generator), generator, SIZE, (0.5, 1.0)) for _ in range(2)]
        views += [crop(pictures, generator, SIZE // 2, (0.15, 0.5)) for _ in range(2)]
        with mixed():
            return distil([view.to(device()) for view in views])

    train(
        student,
        loss,
        steps=chosen["steps"],
        peak=chosen["peak"],
        seed=chosen["seed"],
        checkpoint=checkpoint,
        decay=None,
        weight_decay=0.04,
        after_step=distil.follow,
    )
    save_timm(distil.teacher.backbone.eval(), dino)


if __name__ == "__main__":
    with own_gpu():
        run(main)
