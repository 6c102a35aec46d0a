"""Evaluation of the miniature SDXL and CLIP against the planted truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import open_clip
import torch
from diffusers import StableDiffusionXLPipeline

from untold.miniature.oracle import nearest_scene
from untold.miniature.pixels import to_tensor
from untold.miniature.world import AGES, GENDERS, SIZE, STUDY_PREFIX, STUDY_WORDS, Scenes, World, draw

BATCH = 48
NEUTRAL = STUDY_PREFIX + " a person {activity}"
MARKED = {age: f"{STUDY_PREFIX} a {words} person {{activity}}" for age, words in STUDY_WORDS.items()}


def load_pipeline(sdxl: Path) -> StableDiffusionXLPipeline:
    """Load the miniature SDXL in float32, without progress bars."""
    pipeline = StableDiffusionXLPipeline.from_pretrained(sdxl, use_safetensors=True, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def paint(
    pipeline: StableDiffusionXLPipeline, prompts: list[str], seeds: list[int], guidance: float, steps: int = 20
) -> np.ndarray:
    """Generate a picture for each prompt from its own seed, shape (n, 64, 64, 3), uint8."""
    pictures = []
    for start in range(0, len(prompts), BATCH):
        part = prompts[start : start + BATCH]
        made = pipeline(
            part,
            negative_prompt=[""] * len(part),
            height=SIZE,
            width=SIZE,
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=[torch.Generator().manual_seed(seed) for seed in seeds[start : start + BATCH]],
            output_type="np",
        ).images
        pictures.append(np.rint(made * 255).astype(np.uint8))
    return np.concatenate(pictures)


def marked_accuracy(
    world: World, pipeline: StableDiffusionXLPipeline, guidance: float, seeds: int, activities: np.ndarray
) -> dict[str, float]:
    """Compute the share of marked pictures whose nearest scene has the requested age, and the requested activity.

    Pictures cover every combination of age, ``activities`` (row numbers of ``world.csv``) and ``seeds`` seeds. The
    ages of one activity and seed share their noise (docs/method.md section 1).
    """
    asked = [(row, age, seed) for row in activities for age in range(len(AGES)) for seed in range(seeds)]
    phrases = world.activities["activity"]
    prompts = [MARKED[AGES[age]].format(activity=phrases[row]) for row, age, _ in asked]
    pictures = paint(pipeline, prompts, [1000 * int(row) + seed for row, _, seed in asked], guidance)
    seen = nearest_scene(world, pictures)
    row, age, _ = (np.array(column) for column in zip(*asked, strict=True))
    return {
        "age": float((seen.age == age).mean()),
        "activity": float((seen.activity == row).mean()),
        "distance": float(seen.distance.mean()),
    }


def depicted_shares(
    world: World, pipeline: StableDiffusionXLPipeline, guidance: float, seeds: int, activities: np.ndarray
) -> np.ndarray:
    """Compute the age shares of neutral pictures by their nearest scenes, shape (len(activities), 3)."""
    shares = []
    for row in activities:
        prompt = NEUTRAL.format(activity=world.activities["activity"][row])
        seen = nearest_scene(
            world, paint(pipeline, [prompt] * seeds, [1_000_000 + 1000 * int(row) + s for s in range(seeds)], guidance)
        )
        shares.append(np.bincount(seen.age, minlength=len(AGES)) / seeds)
    return np.array(shares)


@torch.no_grad()
def zero_shot(clip: Path, world: World, scenes: Scenes) -> dict[str, float]:
    """Compute CLIP's zero-shot accuracy on scenes for age, gender (of gendered scenes) and activity."""
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{clip}")
    model.eval()
    tokenizer = open_clip.get_tokenizer(f"local-dir:{clip}")
    seen = model.encode_image(to_tensor(draw(world, scenes)), normalize=True)

    def nearest(captions: list[str]) -> np.ndarray:
        return (seen @ model.encode_text(tokenizer(captions), normalize=True).T).argmax(dim=1).numpy()

    age = nearest([f"a photo of {words} person" for words in ("a young", "a middle-aged", "an older")])
    gender = 1 + nearest([f"a photo of a {GENDERS[code]}" for code in (1, 2)])
    activity = nearest([f"a photo of a person {phrase}" for phrase in world.activities["activity"]])
    gendered = scenes.gender > 0
    return {
        "age": float((age == scenes.age).mean()),
        "gender": float((gender == scenes.gender)[gendered].mean()),
        "activity": float((activity == scenes.activity).mean()),
    }
