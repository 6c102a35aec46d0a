"""Training that can be interrupted at any time and resumes from its last checkpoint."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import save_file
from timm.models._hub import save_config_for_hf
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from untold.base.devices import device
from untold.base.files import atomic

Model = TypeVar("Model", bound=nn.Module)


def learning_rate(step: int, steps: int, peak: float, warmup: int = 100) -> float:
    """Compute the learning rate: a linear warm-up, then a cosine decay from ``peak`` to a hundredth of it."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def mixed() -> torch.autocast:
    """Return a context that autocasts to bfloat16 on the training device."""
    return torch.autocast(device().type, torch.bfloat16)


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, step: int, decay: float) -> None:
    """Update an exponential moving average of ``model``; early steps use a smaller decay than ``decay``."""
    weight = 1 - min(decay, (1 + step) / (10 + step))
    for slow, fast in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if slow.is_floating_point():
            slow.lerp_(fast, weight)
        else:
            slow.copy_(fast)


def train(
    model: Model,
    loss: Callable[[int, torch.Generator], Tensor],
    *,
    steps: int,
    peak: float,
    checkpoint: Path | None = None,
    seed: int = 0,
    decay: float | None = 0.999,
    weight_decay: float = 0.01,
    every: int = 100,
    after_step: Callable[[int], None] | None = None,
) -> tuple[Model, list[float]]:
    """Minimise ``loss`` with AdamW.

    Each step draws from a generator seeded by (seed, step), so a resumed run sees the same batches as an
    uninterrupted one.

    Parameters
    ----------
    model : Module
        Contains all trained parameters, on the training device; changed in place.
    loss : callable
        ``loss(step, generator)`` returns the scalar loss of one batch.
    steps, peak : int, float
        Number of updates and the highest learning rate.
    checkpoint : Path or None
        File to resume from and to save to every ``every`` steps; no checkpoint is kept if None.
    decay : float or None
        Decay of the moving average of the weights; the last weights are returned if None.

    Returns
    -------
    averaged : Module
        The model to export, in eval mode, on the CPU.
    losses : list of float
        Mean loss over every ``every`` steps, including a shorter last interval.

    Raises
    ------
    FloatingPointError
        If the loss is not finite.
    """
    torch.set_flush_denormal(True)
    average = copy.deepcopy(model).eval().requires_grad_(False) if decay else model
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=peak, betas=(0.9, 0.99), weight_decay=weight_decay)
    start, losses, seconds = 0, [], 0.0
    if checkpoint is not None and checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device(), weights_only=True)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"])
        start, losses, seconds = saved["step"], saved["losses"], saved["seconds"]
    model.train()
    recent: list[float] = []
    began = time.monotonic()
    for step in range(start, steps):
        torch.manual_seed(seed * 1_000_003 + step)
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, peak)
        # On a CPU, the backward pass of fused attention takes longer than the rest of a small network.
        with sdpa_kernel(SDPBackend.MATH):
            value = loss(step, generator)
        if not torch.isfinite(value):
            raise FloatingPointError(f"loss {value.item()} at step {step}; lower the learning rate")
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        if decay:
            follow(average, model, step, decay)
        if after_step is not None:
            after_step(step)
        recent.append(value.item())
        if (step + 1) % every == 0 or step + 1 == steps:
            losses.append(sum(recent) / len(recent))
            recent = []
            spent = seconds + time.monotonic() - began
            print(f"step {step + 1}/{steps} loss {losses[-1]:.5f} {spent:.0f} s", flush=True)
            if checkpoint is not None:
                with atomic(checkpoint) as part:
                    state = {
                        "model": model.state_dict(),
                        "average": average.state_dict(),
                        "optimizer": optimizer.state_dict(),
                        "step": step + 1,
                        "losses": losses,
                        "seconds": spent,
                    }
                    torch.save(state, part)
    seconds += time.monotonic() - began
    if checkpoint is not None:
        last = losses[-1] if losses else None
        record(checkpoint.with_suffix(".json"), steps=steps, seconds=round(seconds), loss=last)
    return average.eval().cpu(), losses


def record(path: Path, **facts: object) -> None:
    """Write the training record of a model."""
    facts = {**facts, "torch": torch.__version__, "device": device().type, "threads": torch.get_num_threads()}
    with atomic(path) as part:
        part.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def half(model: nn.Module) -> dict[str, Tensor]:
    """Return the weights of a model in float16, ready for safetensors; integer buffers keep their type."""
    return {
        name: (value.half() if value.is_floating_point() else value).detach().cpu().contiguous()
        for name, value in model.state_dict().items()
    }


def save_timm(model: nn.Module, folder: Path) -> None:
    """Save a model made by ``timm.create_model`` as a float16 folder that ``local-dir:`` loads."""
    data = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "crop_pct": 1.0, "interpolation": "bicubic"}
    folder.mkdir(parents=True, exist_ok=True)
    save_config_for_hf(model, str(folder / "config.json"), data_config={**data, "input_size": (3, 64, 64)})
    with atomic(folder / "model.safetensors") as part:
        save_file(half(model), part)
