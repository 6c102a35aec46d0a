"""The interface of a sampler: its requests and its results."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np


class Request(NamedTuple):
    """A request for one image."""

    prompt: str
    negative: str
    noise_seed: int


class Sample(NamedTuple):
    """A generated image, uint8 (height, width, 3), and its float16 latents; or no image, and the reason."""

    image: np.ndarray | None
    latents: np.ndarray
    reason: str


class Sampler(Protocol):
    """A generator of images, such as the one in ``sampler.py``; ``facts`` says how it makes them."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Device, types and versions."""

    def run(self, requests: list[Request]) -> Iterable[list[Sample]]:
        """Generate the images in order, one batch at a time."""
