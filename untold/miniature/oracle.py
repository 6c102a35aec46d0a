"""Classification of pictures of the miniature world by the nearest scene in pixel space.

The oracle uses only the artwork and no network, so it can judge the networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from untold.miniature.world import CELL, GENDERS, OBJECT_AT, PERSON_AT, SHIFT, SIZE, TONES, World

FACES = 54


@dataclass(frozen=True)
class Verdict:
    """Codes of the nearest scene of each picture, as in ``world.Scenes``, and its distance.

    ``distance`` is the root mean square difference over the compared pixels of face and object, in grey levels
    (0 to 255).
    """

    activity: np.ndarray
    age: np.ndarray
    gender: np.ndarray
    tone: np.ndarray
    distance: np.ndarray


def nearest_scene(world: World, pixels: np.ndarray) -> Verdict:
    """Find the nearest scene of each picture by comparing it with every face and every object at every shift.

    Face and object are matched separately, each in an area that the other cannot cover. The background is the median
    colour of the two empty corners.

    Parameters
    ----------
    pixels : ndarray of shape (n, 64, 64, 3), uint8
    """
    if pixels.shape[1:] != (SIZE, SIZE, 3):
        raise ValueError(f"the oracle reads pictures of {SIZE} x {SIZE} pixels, not {pixels.shape[1:]}")
    pictures = pixels.astype(np.float32)
    corners = [pictures[:, :16, 48:].reshape(len(pictures), -1, 3), pictures[:, 48:, :16].reshape(len(pictures), -1, 3)]
    background = np.median(np.concatenate(corners, axis=1), axis=1)
    rows, columns = np.indices((SIZE, SIZE))
    person_end, object_start = PERSON_AT[0] + SHIFT + CELL, OBJECT_AT[0] - SHIFT
    face_area = (rows < person_end) & (columns < person_end)
    object_area = (rows >= object_start) & (columns >= object_start)
    overlap = face_area & object_area
    face, face_error = _nearest(world.sprites[:FACES], PERSON_AT, pictures, background, face_area & ~overlap)
    thing, thing_error = _nearest(world.sprites[FACES:], OBJECT_AT, pictures, background, object_area & ~overlap)
    return Verdict(
        activity=thing,
        age=face // (len(GENDERS) * len(TONES)),
        gender=face // len(TONES) % len(GENDERS),
        tone=face % len(TONES),
        distance=np.sqrt((face_error + thing_error) / 2),
    )


def _nearest(
    sprites: np.ndarray, corner: tuple[int, int], pictures: np.ndarray, background: np.ndarray, area: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the index of the best sprite and its mean squared error, over the pixels of ``area``.

    With opacity a, colour c and background b, a template is b + a (c - b). Its squared distance to a picture expands
    into products of picture and template, so that all pairs need only three matrix products per channel.
    """
    shifts = [(x, y) for y in range(-SHIFT, SHIFT + 1) for x in range(-SHIFT, SHIFT + 1)]
    canvas = np.zeros((len(sprites), len(shifts), SIZE + CELL, SIZE + CELL, 4), np.float32)
    for number, (x, y) in enumerate(shifts):
        top, left = corner[1] + y, corner[0] + x
        canvas[:, number, top : top + CELL, left : left + CELL] = sprites
    templates = canvas[:, :, :SIZE, :SIZE][:, :, area].reshape(-1, area.sum(), 4)
    opacity = templates[..., 3] / 255
    error = np.zeros((len(pictures), len(templates)), np.float32)
    for channel in range(3):
        b = background[:, channel, None]
        difference = pictures[:, area][..., channel] - b
        colour = opacity * templates[..., channel]
        error += (difference**2).sum(axis=1, keepdims=True)
        error -= 2 * (difference @ colour.T - b * (difference @ opacity.T))
        error += (colour**2).sum(axis=1) - 2 * b * (colour * opacity).sum(axis=1) + b**2 * (opacity**2).sum(axis=1)
    best = error.argmin(axis=1)
    return best // len(shifts), np.maximum(error[np.arange(len(best)), best], 0) / (3 * area.sum())
