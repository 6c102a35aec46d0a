"""Assemble the trained parts into a float16 folder that ``StableDiffusionXLPipeline`` can load."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionXLPipeline

from scripts.cli import run
from untold.miniature.diffusion import build_denoiser, build_scheduler
from untold.miniature.tokens import build_tokenizer
from untold.miniature.world import read_world, vocabulary


def main(world: Path, vae: Path, denoiser: Path, sdxl: Path) -> None:
    """Read the autoencoder folder and the weights of the denoiser, and save the pipeline to ``sdxl``."""
    tokenizer = build_tokenizer(vocabulary(read_world(world)))
    parts = build_denoiser(tokenizer)
    parts.load_state_dict(torch.load(denoiser, weights_only=True))
    pipeline = StableDiffusionXLPipeline(
        vae=AutoencoderKL.from_pretrained(vae),
        text_encoder=parts["text_encoder"],
        text_encoder_2=parts["text_encoder_2"],
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=parts["unet"],
        scheduler=build_scheduler(),
        force_zeros_for_empty_prompt=False,  # training used the real embedding of the empty caption
        add_watermarker=False,
    )
    pipeline.to(torch.float16).save_pretrained(sdxl, safe_serialization=True)


if __name__ == "__main__":
    run(main)
