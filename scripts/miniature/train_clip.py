"""Train the CLIP of the miniature world contrastively on scenes and their captions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import open_clip
import torch
from safetensors.torch import save_file
from torch import Tensor

from scripts.cli import run
from untold.base.devices import device, own_gpu
from untold.base.files import atomic
from untold.miniature.pixels import disturb, to_tensor
from untold.miniature.tokens import CONTEXT, build_tokenizer
from untold.miniature.training import half, mixed, train
from untold.miniature.world import AGES, GENDERS, SIZE, TONES, draw, read_world, sample_pairs, vocabulary

PREPROCESSING = {
    "size": [SIZE, SIZE],
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "interpolation": "bicubic",
    "resize_mode": "squash",
}


def clip_config(vocabulary_size: int) -> dict:
    """Configure an open_clip model: a modified ResNet for 64 x 64 pixels and a text transformer of three layers."""
    return {
        "embed_dim": 128,
        "vision_cfg": {"image_size": SIZE, "layers": [1, 1, 1, 1], "width": 16, "head_width": 64, "patch_size": None},
        "text_cfg": {
            "context_length": CONTEXT,
            "vocab_size": vocabulary_size,
            "width": 128,
            "heads": 4,
            "layers": 3,
            "hf_tokenizer_name": "miniature",  # only indicates that the tokenizer is stored with the weights
        },
    }


def main(settings: str, world: Path, checkpoint: Path, clip: Path) -> None:
    """Train with ``settings`` (JSON) on the world in a folder, and save an open_clip folder."""
    chosen, truth = json.loads(settings), read_world(world)
    torch.manual_seed(chosen["seed"])
    tokenizer = build_tokenizer(vocabulary(truth))
    config = clip_config(len(tokenizer))
    model = open_clip.CLIP(**config)
    # The contrastive loss alone never learns gender, because neither tower encodes it for the other to learn from.
    # Classifying the face from the image embedding breaks this deadlock. The classification head is not exported.
    model.add_module("name_face", torch.nn.Linear(config["embed_dim"], len(AGES) * len(GENDERS) * len(TONES)))
    model.to(device())

    def loss(step: int, generator: torch.Generator) -> Tensor:
        rng = np.random.default_rng(generator.initial_seed())
        # Objects are easy to distinguish. In every other batch all scenes share one, so that the model must learn the
        # differences between faces.
        scenes, captions = sample_pairs(truth, rng, chosen["batch"], chosen["gendered"], one_activity=step % 2 == 1)
        pictures = disturb(to_tensor(draw(truth, scenes)), generator).to(device())
        texts = tokenizer(captions, padding="max_length", return_tensors="pt").input_ids.to(device())
        with mixed():
            seen = model.encode_image(pictures)
            named = model.name_face(seen).float()
            read = model.encode_text(texts, normalize=True)
        seen = torch.nn.functional.normalize(seen.float(), dim=-1)
        scores = model.logit_scale.exp().clamp(max=100) * seen @ read.float().T
        # Captions with few attributes repeat within a batch; all pictures with the same caption count as matches.
        same = torch.tensor([[a == b for b in captions] for a in captions], dtype=torch.float32, device=device())
        wanted = same / same.sum(dim=1, keepdim=True)
        cross_entropy = torch.nn.functional.cross_entropy
        contrast = (cross_entropy(scores, wanted) + cross_entropy(scores.T, wanted)) / 2
        return contrast + chosen["naming"] * cross_entropy(named, torch.from_numpy(scenes.face).to(device()))

    # Export the last weights instead of their average, because gender is learned late and an average lags behind.
    trained, _ = train(
        model,
        loss,
        steps=chosen["steps"],
        peak=chosen["peak"],
        seed=chosen["seed"],
        checkpoint=checkpoint,
        decay=None,
    )
    del trained.name_face
    tokenizer.save_pretrained(clip)
    (clip / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": PREPROCESSING}, indent=1) + "\n", encoding="utf-8"
    )
    with atomic(clip / "open_clip_model.safetensors") as part:
        save_file(half(trained), part)


if __name__ == "__main__":
    with own_gpu():
        run(main)
