"""Fine-tune the decoder of the miniature autoencoder; the encoder is frozen, so existing latents stay valid."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from scripts.cli import run
from scripts.miniature.train_vae import scene_batch
from untold.base.devices import device, own_gpu
from untold.miniature.pixels import edge_loss
from untold.miniature.training import mixed, train
from untold.miniature.world import read_world


def main(settings: str, world: Path, start: Path, checkpoint: Path, vae: Path) -> None:
    """Train with ``settings`` (JSON) from the autoencoder in ``start``, and save the whole autoencoder to ``vae``."""
    chosen, truth = json.loads(settings), read_world(world)
    model = AutoencoderKL.from_pretrained(start).to(device())
    for part in (model.encoder, model.quant_conv):
        part.requires_grad_(False)
    spread = chosen["noise"] / model.config.scaling_factor

    def loss(step: int, generator: torch.Generator) -> torch.Tensor:
        wanted = scene_batch(truth, generator, chosen["batch"]).to(device())
        with mixed():
            with torch.no_grad():
                latents = model.encode(wanted).latent_dist.mean.float()
            # The latents of the UNet never match those of a scene exactly, so the decoder learns from noisy latents.
            noise = torch.randn(latents.shape, generator=generator).to(latents.device)
            made = model.decode(latents + spread * noise).sample
        return edge_loss(made.float(), wanted)

    averaged, _ = train(
        model,
        loss,
        steps=chosen["steps"],
        peak=chosen["peak"],
        seed=chosen["seed"],
        checkpoint=checkpoint,
        weight_decay=0.0,
    )
    averaged.save_pretrained(vae)


if __name__ == "__main__":
    with own_gpu():
        run(main)
