"""Parts of the miniature SDXL that are shared by its training and its assembly."""

from __future__ import annotations

import torch
from diffusers import EulerAncestralDiscreteScheduler, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from untold.miniature.tokens import CONTEXT
from untold.miniature.training import mixed
from untold.miniature.world import SIZE

LATENT = SIZE // 8
TIME_IDS = (SIZE, SIZE, 0, 0, SIZE, SIZE)  # SDXL's size conditioning: original size, crop corner, target size
WIDTHS = (64, 128)


def text_encoder_config(tokenizer: CLIPTokenizer, width: int, layers: int) -> CLIPTextConfig:
    """Return the configuration of a small CLIP text encoder for the tokenizer's vocabulary."""
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=4 * width,
        projection_dim=width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=CONTEXT,
        hidden_act="gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def build_denoiser(tokenizer: CLIPTokenizer) -> nn.ModuleDict:
    """Build the parts to train, ``unet``, ``text_encoder`` and ``text_encoder_2``, from the classes of SDXL."""
    first, second = WIDTHS
    unet = UNet2DConditionModel(
        sample_size=LATENT,
        in_channels=4,
        out_channels=4,
        block_out_channels=(64, 112),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=2,
        norm_num_groups=16,
        attention_head_dim=4,
        cross_attention_dim=first + second,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=second + 32 * len(TIME_IDS),
    )
    return nn.ModuleDict(
        {
            "unet": unet,
            "text_encoder": CLIPTextModel(text_encoder_config(tokenizer, first, 2)),
            "text_encoder_2": CLIPTextModelWithProjection(text_encoder_config(tokenizer, second, 3)),
        }
    )


def build_scheduler() -> EulerAncestralDiscreteScheduler:
    """Build a scheduler with SDXL's noise levels and velocity prediction.

    A small network learns velocity more evenly over the noise levels.
    """
    return EulerAncestralDiscreteScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        prediction_type="v_prediction",
        timestep_spacing="trailing",
    )


def encode_prompts(denoiser: nn.ModuleDict, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Compute SDXL's conditioning of token ids (n, CONTEXT): text states and the pooled second embedding."""
    first = denoiser["text_encoder"](tokens, output_hidden_states=True)
    second = denoiser["text_encoder_2"](tokens, output_hidden_states=True)
    states = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)
    return states, second.text_embeds


def velocity_loss(
    denoiser: nn.ModuleDict, latents: Tensor, tokens: Tensor, levels: Tensor, generator: torch.Generator
) -> Tensor:
    """Compute the mean squared error of the predicted velocity at random timesteps.

    ``levels`` holds the cumulative product of alphas, shape (1000,). See Salimans and Ho (2022), section 4.
    """
    n, on = len(latents), latents.device
    times = torch.randint(0, len(levels), (n,), generator=generator)
    noise = torch.randn(latents.shape, generator=generator).to(on)
    level = levels[times].view(n, 1, 1, 1).to(on)
    signal, blur = level.sqrt(), (1 - level).sqrt()
    noisy = signal * latents + blur * noise
    with mixed():
        states, pooled = encode_prompts(denoiser, tokens)
        conditions = {"text_embeds": pooled, "time_ids": torch.tensor([TIME_IDS] * n, device=on)}
        made = denoiser["unet"](noisy, times.to(on), states, added_cond_kwargs=conditions, return_dict=False)[0]
    return torch.nn.functional.mse_loss(made.float(), signal * noise - blur * latents)
