"""Conversion and augmentation of pictures as tensors, and a loss that keeps edges sharp."""

import numpy as np
import torch
from torch import Tensor, nn


def to_tensor(pixels: np.ndarray) -> Tensor:
    """Convert uint8 pictures (n, h, w, 3) to float32 in [-1, 1], shape (n, 3, h, w)."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(127.5).sub_(1).contiguous()


def to_pixels(pictures: Tensor) -> np.ndarray:
    """Convert pictures in [-1, 1], shape (n, 3, h, w), to uint8 (n, h, w, 3)."""
    return pictures.float().add(1).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()


def edge_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Compute the L1 distance of pixels plus that of their horizontal and vertical differences.

    The second term penalises a blurred edge twice, which keeps small objects crisp.
    """
    error = made - wanted
    across, down = error.diff(dim=-1), error.diff(dim=-2)
    return error.abs().mean() + across.abs().mean() + down.abs().mean()


def disturb(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Blur half of the pictures and add noise to all, because generated pictures are less clean than drawn ones."""
    n = len(pictures)
    soft = nn.functional.avg_pool2d(pictures, 3, stride=1, padding=1, count_include_pad=False)
    blur = torch.rand(n, 1, 1, 1, generator=generator) * (torch.rand(n, 1, 1, 1, generator=generator) < 0.5)
    noise = torch.rand(n, 1, 1, 1, generator=generator) * 0.08
    return pictures.lerp(soft, blur) + noise * torch.randn(pictures.shape, generator=generator)


def crop(pictures: Tensor, generator: torch.Generator, size: int, area: tuple[float, float]) -> Tensor:
    """Crop a random square of each picture, whose share of the picture lies within ``area``, and resize it."""
    n = len(pictures)
    side = torch.empty(n).uniform_(*area, generator=generator).sqrt()
    centre = (torch.rand(n, 2, generator=generator) * 2 - 1) * (1 - side[:, None])
    mirror = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    corners = torch.zeros(n, 2, 3)
    corners[:, 0, 0], corners[:, 1, 1], corners[:, :, 2] = side * mirror, side, centre
    grid = nn.functional.affine_grid(corners, [n, 3, size, size], align_corners=False)
    return nn.functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
