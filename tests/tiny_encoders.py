"""Encoders of the real libraries with random weights and a few megabytes, in the folder format of the workflow."""

import json
from pathlib import Path

import open_clip
import timm
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

CLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
WEIGHTS = "open_clip_model.safetensors"
NORMALISE = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}


def tiny_clip(folder: Path, quick_gelu: bool = False) -> Path:
    """Write an open_clip model with 16-dimensional vectors."""
    return save_clip(folder, CLIP | ({"quick_gelu": True} if quick_gelu else {}))


def save_clip(folder: Path, model: dict) -> Path:
    """Save random weights for an open_clip configuration."""
    folder.mkdir(parents=True)
    config = {"model_cfg": model, "preprocess_cfg": NORMALISE}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_file(open_clip.CLIP(**model).state_dict(), folder / WEIGHTS)
    return folder


def tiny_siglip(folder: Path) -> Path:
    """Write a model in the layout of SigLIP 2: a tower of timm, and a tokenizer of Transformers that reads 8 tokens."""
    words = ["<pad>", "<eos>", "<unk>", "a", "photo", "of", "person", "old", "young", "cooking"]
    split = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    split.pre_tokenizer = Whitespace()
    split.post_processor = TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=split, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
    ).save_pretrained(folder)
    model = {
        "embed_dim": 16,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": {
            "image_size": 224,
            "timm_model_name": "vit_tiny_patch16_224",
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "linear",
        },
        "text_cfg": {
            "context_length": 8,
            "vocab_size": len(words),
            "hf_tokenizer_name": "owner/tokenizer",
            "width": 16,
            "heads": 2,
            "layers": 1,
            "no_causal_mask": True,
            "pool_type": "last",
        },
    }
    normalise = {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model, "preprocess_cfg": normalise}))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = open_clip.CustomTextCLIP(**{key: value for key, value in model.items() if key != "custom_text"})
    save_file({name: value.contiguous() for name, value in made.state_dict().items()}, folder / WEIGHTS)
    return folder


def tiny_dino(folder: Path) -> Path:
    """Write a vision transformer with 4 x 4 patches and a class token."""
    arguments = {"img_size": 32, "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2}
    return save_timm(folder, "vit_small_patch16_224", 32, arguments)


def tiny_resnet(folder: Path) -> Path:
    """Write a residual network with 64-dimensional vectors."""
    arguments = {"layers": [1, 1, 1, 1], "channels": [8, 16, 32, 64]}
    return save_timm(folder, "resnet18", 32, arguments)


def save_timm(folder: Path, architecture: str, size: int, arguments: dict) -> Path:
    """Save random weights for a timm architecture."""
    folder.mkdir(parents=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = timm.create_model(architecture, num_classes=0, **arguments)
    config = {
        "architecture": architecture,
        "num_classes": 0,
        "num_features": model.num_features,
        "model_args": arguments,
        "pretrained_cfg": {
            "input_size": [3, size, size],
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
            "interpolation": "bicubic",
            "crop_pct": 0.9,
            "num_classes": 0,
        },
    }
    (folder / "config.json").write_text(json.dumps(config))
    save_file(model.state_dict(), folder / "model.safetensors")
    return folder
