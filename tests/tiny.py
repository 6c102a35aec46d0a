"""Text-to-image models of the real classes with random weights and a size of a few hundred kilobytes."""

import json
from pathlib import Path

import torch
from diffusers import (
    AutoencoderDC,
    AutoencoderKL,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
    PNDMScheduler,
    SanaPipeline,
    SanaTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Gemma2Config,
    Gemma2Model,
    GemmaTokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

LENGTH = 64  # tokens per prompt; each token is a character
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def tiny_sdxl(folder: Path, seed: int = 0) -> Path:
    """Write a folder that ``StableDiffusionXLPipeline.from_pretrained`` loads, for images with 8-pixel latents.

    Parameters
    ----------
    folder : Path
        Created.
    seed : int
        Seed of the weights; equal seeds give equal files.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = _unet(
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 16,
            cross_attention_dim=32,
        )
        pipeline = StableDiffusionXLPipeline(
            vae=_vae(),
            text_encoder=CLIPTextModel(_text_config()),
            text_encoder_2=CLIPTextModelWithProjection(_text_config(projection_dim=16)),
            tokenizer=tokenizer(folder / "tokenizer"),
            tokenizer_2=tokenizer(folder / "tokenizer_2"),
            unet=unet,
            scheduler=EulerAncestralDiscreteScheduler(**BETAS),
            add_watermarker=False,
        )
    pipeline.save_pretrained(folder)
    return folder


def tiny_sd(folder: Path, seed: int = 0) -> Path:
    """Write a folder for ``StableDiffusionPipeline``, with one text encoder and another scheduler."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = StableDiffusionPipeline(
            vae=_vae(),
            text_encoder=CLIPTextModel(_text_config()),
            tokenizer=tokenizer(folder / "tokenizer"),
            unet=_unet(cross_attention_dim=16),
            scheduler=PNDMScheduler(**BETAS, skip_prk_steps=True, steps_offset=1),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    pipeline.save_pretrained(folder)
    return folder


def tiny_sd3(folder: Path, seed: int = 0) -> Path:
    """Write a folder for ``StableDiffusion3Pipeline``, with a transformer, three text encoders and flow matching."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = StableDiffusion3Pipeline(
            transformer=SD3Transformer2DModel(
                sample_size=8,
                patch_size=1,
                in_channels=4,
                out_channels=4,
                num_layers=2,
                attention_head_dim=8,
                num_attention_heads=4,
                caption_projection_dim=32,
                joint_attention_dim=32,
                pooled_projection_dim=32,
                pos_embed_max_size=16,
            ),
            scheduler=FlowMatchEulerDiscreteScheduler(),
            vae=_vae(shift_factor=0.06),
            text_encoder=CLIPTextModelWithProjection(_text_config()),
            text_encoder_2=CLIPTextModelWithProjection(_text_config()),
            text_encoder_3=_t5(),
            tokenizer=tokenizer(folder / "tokenizer"),
            tokenizer_2=tokenizer(folder / "tokenizer_2"),
            tokenizer_3=_t5_tokenizer(),
        )
    pipeline.save_pretrained(folder)
    return folder


def tiny_flux(folder: Path, seed: int = 0) -> Path:
    """Write a folder for ``FluxPipeline``, with latents packed into tokens and no negative prompt by default."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = FluxPipeline(
            transformer=FluxTransformer2DModel(
                patch_size=1,
                in_channels=16,
                num_layers=1,
                num_single_layers=1,
                attention_head_dim=16,
                num_attention_heads=2,
                joint_attention_dim=32,
                pooled_projection_dim=16,
                axes_dims_rope=(4, 4, 8),
            ),
            scheduler=FlowMatchEulerDiscreteScheduler(),
            vae=_vae(shift_factor=0.06),
            text_encoder=CLIPTextModel(_text_config()),
            text_encoder_2=_t5(),
            tokenizer=tokenizer(folder / "tokenizer"),
            tokenizer_2=_t5_tokenizer(),
        )
    pipeline.save_pretrained(folder)
    return folder


def tiny_pixart(folder: Path, seed: int = 0) -> Path:
    """Write a folder for ``PixArtSigmaPipeline``, which by default makes the nearest size it was trained at."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = PixArtSigmaPipeline(
            transformer=PixArtTransformer2DModel(
                num_attention_heads=2,
                attention_head_dim=8,
                num_layers=1,
                cross_attention_dim=16,
                caption_channels=32,
                # Sizes of training are known for 32, 64 and 128 only.
                sample_size=128,
                use_additional_conditions=False,
            ),
            scheduler=EulerDiscreteScheduler(**BETAS),
            vae=_vae(),
            text_encoder=_t5(),
            tokenizer=_t5_tokenizer(),
        )
    pipeline.save_pretrained(folder)
    return folder


def tiny_sana(folder: Path, seed: int = 0) -> Path:
    """Write a folder for ``SanaPipeline``, with another autoencoder and a language model that elaborates the prompt."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        letters = {chr(code): number for number, code in enumerate(range(33, 127), start=6)}
        pipeline = SanaPipeline(
            transformer=SanaTransformer2DModel(
                in_channels=4,
                out_channels=4,
                num_attention_heads=2,
                attention_head_dim=8,
                num_layers=1,
                num_cross_attention_heads=2,
                cross_attention_head_dim=8,
                cross_attention_dim=16,
                caption_channels=16,
                sample_size=32,
            ),
            scheduler=FlowMatchEulerDiscreteScheduler(),
            vae=AutoencoderDC(
                latent_channels=4,
                attention_head_dim=8,
                encoder_block_out_channels=(8, 8, 16, 16),
                decoder_block_out_channels=(8, 8, 16, 16),
                encoder_layers_per_block=(1, 1, 1, 1),
                decoder_layers_per_block=(1, 1, 1, 1),
                encoder_qkv_multiscales=((), (), (), ()),
                decoder_qkv_multiscales=((), (), (), ()),
            ),
            text_encoder=Gemma2Model(
                Gemma2Config(
                    vocab_size=128,
                    hidden_size=16,
                    intermediate_size=32,
                    num_hidden_layers=1,
                    num_attention_heads=2,
                    num_key_value_heads=1,
                    head_dim=8,
                )
            ),
            tokenizer=GemmaTokenizer(
                vocab={"<pad>": 0, "<eos>": 1, "<bos>": 2, "<unk>": 3, "<mask>": 4, "▁": 5, **letters}
            ),
        )
    pipeline.save_pretrained(folder)
    return folder


def _t5() -> T5EncoderModel:
    return T5EncoderModel(T5Config(vocab_size=128, d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=2))


def _t5_tokenizer() -> T5Tokenizer:
    letters = [(chr(code), -3.0) for code in range(33, 127)]
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -2.0), ("▁", -2.0), *letters]
    return T5Tokenizer(vocab=vocabulary, model_max_length=LENGTH, extra_ids=0)


def _unet(**conditioning) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=8,
        norm_num_groups=8,
        **conditioning,
    )


def _vae(**options) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=64,
        scaling_factor=0.13025,
        **options,
    )


def _text_config(projection_dim: int = 16) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=514,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=LENGTH,
        projection_dim=projection_dim,
        bos_token_id=512,
        eos_token_id=513,
        pad_token_id=513,
    )


def tokenizer(folder: Path, length: int = LENGTH) -> CLIPTokenizer:
    """Build CLIP's byte-level tokenizer without merges for ``length`` tokens, so that each character is a token."""
    folder.mkdir(parents=True, exist_ok=True)
    # Printable characters represent the 256 bytes, as in GPT-2: bytes without a glyph are shifted beyond 255.
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(byte) for byte in shown] + [chr(256 + i) for i in range(256 - len(shown))]
    tokens = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=length)
