"""Encode scenes of every face with every object once, for the training of the UNet."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file
from torch import Tensor

from scripts.cli import run
from untold.base.devices import device, own_gpu
from untold.base.files import atomic
from untold.miniature.pixels import to_tensor
from untold.miniature.training import mixed
from untold.miniature.world import AGES, GENDERS, TONES, World, draw, read_world, vary


@torch.no_grad()
def encode_world(world: World, vae: AutoencoderKL, variants: int, seed: int) -> Tensor:
    """Compute the scaled latents of every face with every object.

    Returns
    -------
    Tensor of shape (ages, genders, tones, activities, variants, 4, 8, 8), float16
        Balanced, so that drawing attributes from the planted shares and then a variant reproduces exactly those shares.
    """
    shape = (len(AGES), len(GENDERS), len(TONES), len(world.activities), variants)
    age, gender, tone, activity, _ = (part.ravel() for part in np.indices(shape))
    rng = np.random.default_rng(seed)
    encoded = []
    for start in range(0, len(age), 256):
        part = slice(start, start + 256)
        scenes = vary(rng, activity[part], age[part], gender[part], tone[part])
        with mixed():
            latents = vae.encode(to_tensor(draw(world, scenes)).to(vae.device)).latent_dist.mean
        encoded.append((latents.float() * vae.config.scaling_factor).half().cpu().contiguous())
    return torch.cat(encoded).view(*shape, 4, 8, 8)


def main(settings: str, world: Path, vae: Path, latents: Path) -> None:
    """Encode with the autoencoder in ``vae``; ``settings`` (JSON) holds the seed and the number of variants."""
    chosen = json.loads(settings)
    encoder = AutoencoderKL.from_pretrained(vae).to(device()).eval()
    encoded = encode_world(read_world(world), encoder, chosen["variants"], chosen["seed"])
    with atomic(latents) as part:
        save_file({"latents": encoded}, part)


if __name__ == "__main__":
    with own_gpu():
        run(main)
