"""Detect failed images."""

import numpy as np


def is_constant(image: np.ndarray) -> bool:
    """Whether all pixels of an image of shape (height, width, channels) are equal, as after an overflow."""
    return bool((image == image[:1, :1]).all())
