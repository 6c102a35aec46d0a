"""Train the UNet and both text encoders of the miniature SDXL jointly on the latents of scenes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from scripts.cli import run
from untold.base.devices import device, own_gpu
from untold.base.files import atomic
from untold.miniature.diffusion import build_denoiser, build_scheduler, velocity_loss
from untold.miniature.tokens import build_tokenizer
from untold.miniature.training import train
from untold.miniature.world import read_world, sample_pairs, vocabulary


def main(settings: str, world: Path, latents: Path, checkpoint: Path, denoiser: Path) -> None:
    """Train with ``settings`` (JSON) on the ``latents`` of rule encode_scenes, and save the averaged weights."""
    chosen, truth = json.loads(settings), read_world(world)
    encoded = load_file(latents)["latents"]
    tokenizer = build_tokenizer(vocabulary(truth))
    levels = build_scheduler().alphas_cumprod
    torch.manual_seed(chosen["seed"])
    model = build_denoiser(tokenizer).to(device())

    def loss(step: int, generator: torch.Generator) -> Tensor:
        rng = np.random.default_rng(generator.initial_seed())
        scenes, captions = sample_pairs(truth, rng, chosen["batch"])
        variant = rng.integers(0, encoded.shape[4], chosen["batch"])
        batch = encoded[scenes.age, scenes.gender, scenes.tone, scenes.activity, variant].float().to(device())
        said = np.where(rng.random(chosen["batch"]) < chosen["dropout"], "", captions).tolist()
        tokens = tokenizer(said, padding="max_length", return_tensors="pt").input_ids.to(device())
        return velocity_loss(model, batch, tokens, levels, generator)

    averaged, _ = train(
        model, loss, steps=chosen["steps"], peak=chosen["peak"], seed=chosen["seed"], checkpoint=checkpoint
    )
    with atomic(denoiser) as part:
        torch.save(averaged.state_dict(), part)


if __name__ == "__main__":
    with own_gpu():
        run(main)
