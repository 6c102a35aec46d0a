"""What a sampler is asked for and what it returns."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np


class Request(NamedTuple):
    """One image to make."""

    prompt: str
    negative: str
    noise_seed: int


class Sample(NamedTuple):
    """One image made: uint8 (height, width, 3) and float16 latents; or no image, and the reason."""

    image: np.ndarray | None
    latents: np.ndarray
    reason: str


class Sampler(Protocol):
    """What makes images: see ``sampler.py``."""

    def run(self, requests: list[Request]) -> Iterable[list[Sample]]:
        """Make the images in order, a batch at a time."""
