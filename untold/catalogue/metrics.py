"""The metrics of similarity: to add one, add its entry here and its function in `untold.similarity`.

The function has the metric's name and is in the module of what it compares: `untold.similarity.vectors` or
`untold.similarity.patches`.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One way to compare two images.

    Attributes
    ----------
    name : str
        As in the tables' column ``metric``.
    label : str
        In words, behind the name of the space; empty for the one that needs no mention.
    compares : {"vectors", "tokens", "prompt", "classes"}
        One vector per image, the tokens of a vision transformer, an image with its own prompt, or no images at all:
        ``classes`` marks shares of a classifier in tables that hold shares by similarity too.
    primary : bool
        Whether its tests belong to the family that Holm's procedure corrects, and its gaps to the answer. The others
        are sensitivity checks.
    class_token : bool
        Of tokens: whether the class token is compared too.
    row : str
        What the original study calls it, behind the name of the encoder.
    """

    name: str
    label: str
    compares: Literal["vectors", "tokens", "prompt", "classes"]
    primary: bool
    description: str
    class_token: bool = True
    row: str = ""


METRICS = {
    metric.name: metric
    for metric in (
        Metric("cosine", "", "vectors", True, description="cosine of two vectors"),
        Metric(
            "patch_maxsim",
            "split (patch max-sim)",
            "tokens",
            True,
            class_token=False,
            row="split",
            description="mean over patch tokens of the best cosine in the other image, both ways",
        ),
        Metric("maxsim_forward", "split, one way", "tokens", False, description="the same, one way, with class token"),
        Metric(
            "dcr_split",
            "split (DCR)",
            "tokens",
            False,
            description="largest inner product of tokens at the same place (Somepalli et al. 2023)",
        ),
        Metric("dcr_cross", "split (DCR, cross)", "tokens", False, description="the same over all pairs of tokens"),
        Metric(
            "image_prompt", "image and prompt", "prompt", False, description="cosine of an image and its own prompt"
        ),
        Metric("zero_shot", "zero shot", "classes", False, description="a zero-shot classifier"),
    )
}


def of(compares: str) -> list[Metric]:
    """The metrics that compare this."""
    return [metric for metric in METRICS.values() if metric.compares == compares]


def primary_metrics() -> list[str]:
    """Names of the metrics whose tests form one family and whose gaps are the answer."""
    return [metric.name for metric in METRICS.values() if metric.primary]
