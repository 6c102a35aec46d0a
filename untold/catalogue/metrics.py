"""The similarity metrics. To add one, add its entry here and its function in `untold.similarity`.

The function has the name of the metric. It belongs in `untold.similarity.vectors` or `untold.similarity.patches`,
depending on what it compares.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One way to compare two images.

    Attributes
    ----------
    name : str
        Value of the column ``metric`` in tables.
    label : str
        Words that follow the name of the space; empty for the default.
    compares : {"vectors", "tokens", "prompt", "classes"}
        One vector per image, the tokens of a vision transformer, an image and its own prompt, or no images:
        ``classes`` marks the shares of a classifier in tables that also hold shares by similarity.
    primary : bool
        Whether its gaps are part of the answer and its tests part of the family corrected by Holm's procedure. The
        other metrics are sensitivity checks.
    class_token : bool
        For tokens: whether the class token is compared as well.
    row : str
        Name of its row in the original study's table, which follows the name of the encoder.
    published : str
        How the row relates to the published code.
    """

    name: str
    label: str
    compares: Literal["vectors", "tokens", "prompt", "classes"]
    primary: bool
    description: str
    class_token: bool = True
    row: str = ""
    published: str = ""


METRICS = {
    metric.name: metric
    for metric in (
        Metric("cosine", "", "vectors", True, description="cosine similarity of two vectors"),
        Metric(
            "patch_maxsim",
            "split (patch max-sim)",
            "tokens",
            True,
            class_token=False,
            row="split",
            published="the study's text; its code compared in one direction, with the class token",
            description="mean over patch tokens of the best cosine in the other image, averaged over both directions",
        ),
        Metric(
            "maxsim_forward",
            "split, one way",
            "tokens",
            False,
            row="split, one way",
            published="as in the published code",
            description="as `patch_maxsim`, in one direction only and with the class token",
        ),
        Metric(
            "dcr_split",
            "split (DCR)",
            "tokens",
            False,
            row="split (DCR)",
            published="as in Somepalli et al. 2023, from whom the name comes",
            description="largest inner product of tokens at the same position (Somepalli et al. 2023)",
        ),
        Metric(
            "dcr_cross",
            "split (DCR, cross)",
            "tokens",
            False,
            row="split (DCR, cross)",
            published="as in Somepalli et al. 2023, over all pairs",
            description="as `dcr_split`, over all pairs of tokens",
        ),
        Metric(
            "image_prompt",
            "image and prompt",
            "prompt",
            False,
            description="cosine similarity of an image and its own prompt",
        ),
        Metric("zero_shot", "zero shot", "classes", False, description="labels of a zero-shot classifier"),
    )
}


def of(compares: str) -> list[Metric]:
    """The metrics that compare one kind of thing, such as vectors."""
    return [metric for metric in METRICS.values() if metric.compares == compares]


def primary_metrics() -> list[str]:
    """Names of the metrics whose tests form one family and whose gaps are part of the answer."""
    return [metric.name for metric in METRICS.values() if metric.primary]
