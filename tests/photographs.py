"""Photographs for tests: crops of those that scikit-learn and Matplotlib contain."""

from pathlib import Path

import numpy as np
from matplotlib.cbook import get_sample_data
from PIL import Image
from sklearn.datasets import load_sample_image


def write_photographs(folder: Path, count: int) -> list[Path]:
    """Write distinct JPEG files: crops of a temple, of a flower and of a portrait in turn.

    Parameters
    ----------
    folder : Path
        Created.
    count : int

    Returns
    -------
    list of Path
        Sorted by name. The aspect ratio is 4:3 and the width 280 to 480 pixels.
    """
    whole = [Image.fromarray(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]
    whole.append(Image.open(get_sample_data("grace_hopper.jpg", asfileobj=False)).convert("RGB"))
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        photograph = whole[number % len(whole)]
        width = 4 * int(rng.integers(70, 121))
        height = width * 3 // 4
        left, top = (int(rng.integers(0, room + 1)) for room in (photograph.width - width, photograph.height - height))
        paths.append(folder / f"{number:03d}.jpg")
        photograph.crop((left, top, left + width, top + height)).save(paths[-1], quality=95)
    return paths
