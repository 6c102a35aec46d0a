"""Human-readable names of spaces, metrics, contrasts and activities."""

import pandas as pd

from untold.catalogue.metrics import METRICS
from untold.report.numbers import MINUS

SPACES = {
    "latents": "Latents",
    "resnet50": "ResNet-50",
    "dino": "DINO",
    "dino_mean": "DINO, mean of tokens",
    "clip_text": "CLIP prompts",
    "clip_image": "CLIP images",
    "vae": "VAE latents",
}


def metric_label(metric: str) -> str:
    """A metric in words; empty for the cosine, which is the default."""
    return METRICS[metric].label if metric in METRICS else metric.replace("_", " ")


def space_label(space: str, metric: str = "cosine") -> str:
    """A space in words, followed by the metric unless it is the cosine."""
    name = SPACES.get(space, space.removesuffix("_image").removesuffix("_text").replace("_", " "))
    if space not in SPACES:
        name += " images" * space.endswith("_image") + " prompts" * space.endswith("_text")
    extra = metric_label(metric)
    return f"{name}, {extra}" if extra else name


def judge_label(judge: str, space: str) -> str:
    """A judge in words.

    Examples
    --------
    >>> judge_label("probe", "dino")
    'probe in DINO'
    """
    return f"{judge.replace('_', '-')} in {space_label(space)}"


def primary_space(spaces: list[str]) -> str | None:
    """The space used for the answer: preferably not CLIP, because CLIP-like encoders condition the generator.

    See docs/method.md section 2: ``clip_*`` is partly circular; DINO and ResNet are the check.
    """
    seen = [space for space in spaces if not space.endswith(("_text", "_mean")) and space != "latents"]
    independent = [space for space in seen if not space.endswith("_image")]
    for space in ("dino", *independent, *seen, *spaces):
        if space in spaces:
            return space
    return None


def contrast_label(contrast: str) -> str:
    """A contrast such as ``young-older``, with a minus sign between the groups."""
    return f" {MINUS} ".join(contrast.split("-"))


def activity_titles(manifest: pd.DataFrame) -> dict[str, str]:
    """The phrase of each activity in a manifest, by its id."""
    activities = manifest.drop_duplicates("activity_id")
    return dict(zip(activities["activity_id"], activities["activity"], strict=True))
