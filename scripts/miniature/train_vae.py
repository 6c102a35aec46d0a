"""Train the autoencoder of the miniature world on whole scenes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL

from scripts.cli import run
from untold.base.devices import device, own_gpu
from untold.miniature.pixels import edge_loss, to_tensor
from untold.miniature.training import mixed, train
from untold.miniature.world import SIZE, World, draw, read_world, sample_scenes


def build_vae(channels: list[int]) -> AutoencoderKL:
    """Build a small ``AutoencoderKL`` with factor 8 and four latent channels, like that of SDXL."""
    return AutoencoderKL(
        block_out_channels=channels,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=4,
        sample_size=SIZE,
        force_upcast=False,
    )


def scene_batch(world: World, generator: torch.Generator, n: int) -> torch.Tensor:
    """Draw ``n`` random scenes in [-1, 1], shape (n, 3, 64, 64)."""
    rng = np.random.default_rng(generator.initial_seed())
    return to_tensor(draw(world, sample_scenes(world, rng, n)))


@torch.no_grad()
def scaling_factor(model: AutoencoderKL, pictures: torch.Tensor) -> float:
    """Compute the factor that gives latents the unit variance that the UNet expects."""
    return round(1 / model.encode(pictures).latent_dist.mean.std().item(), 4)


def main(settings: str, world: Path, checkpoint: Path, vae: Path) -> None:
    """Train with ``settings`` (JSON) on the world in a folder, and save to the folder ``vae``."""
    chosen, truth = json.loads(settings), read_world(world)
    torch.manual_seed(chosen["seed"])
    model = build_vae(chosen["channels"]).to(device())

    def loss(step: int, generator: torch.Generator) -> torch.Tensor:
        wanted = scene_batch(truth, generator, chosen["batch"]).to(device())
        with mixed():
            posterior = model.encode(wanted).latent_dist
            made = model.decode(posterior.sample()).sample
        divergence = posterior.kl().float().mean() / posterior.mean[0].numel()
        return edge_loss(made.float(), wanted) + chosen["kl"] * divergence

    averaged, _ = train(
        model,
        loss,
        steps=chosen["steps"],
        peak=chosen["peak"],
        seed=chosen["seed"],
        checkpoint=checkpoint,
        weight_decay=0.0,
    )
    pictures = scene_batch(truth, torch.Generator().manual_seed(0), 256)
    averaged.register_to_config(scaling_factor=scaling_factor(averaged, pictures))
    averaged.save_pretrained(vae)


if __name__ == "__main__":
    with own_gpu():
        run(main)
