"""Refuse, before anything is loaded, a machine on which a shard would take weeks."""

import logging
import os
from math import prod
from pathlib import Path

import torch
from safetensors import safe_open

from untold.base.devices import MachineError
from untold.base.driver import gpu_problem

log = logging.getLogger(__name__)

# Parameters of a denoiser that is too slow for a CPU. Stable Diffusion 1.5 has 0.86 billion, SDXL 2.57.
LARGE = 1_000_000_000
ON_THE_CPU = "or set CUDA_VISIBLE_DEVICES= (to nothing) to compute on the CPU all the same"


def require_machine(folder: Path, profile: str) -> None:
    """Refuse a machine whose GPU cannot be used, or that has none and would need one.

    A small model in ``reference`` makes the same pictures on a CPU in bearable time, which a warning says.

    Parameters
    ----------
    folder : Path
        A pipeline saved by diffusers.
    profile : str
        ``synthesis.profile``.

    Raises
    ------
    MachineError
        With the remedy.
    """
    count = denoiser_parameters(folder)
    problem = gpu_problem()
    if problem and (profile != "reference" or count >= LARGE):
        raise MachineError(f"{problem}; {ON_THE_CPU}")
    if problem:
        log.warning("%s; computing on the CPU", problem)
    elif not torch.cuda.is_available() and count >= LARGE and "CUDA_VISIBLE_DEVICES" not in os.environ:
        raise MachineError(
            f"{folder}: the denoiser has {count / 1e9:.1f} billion parameters and this machine has no GPU, so an image "
            f"would take minutes: run the study on a machine with a GPU (docs/cluster.md), {ON_THE_CPU}"
        )


def denoiser_parameters(folder: Path) -> int:
    """Number of parameters of the denoiser, from the headers of its files.

    A denoiser in several variants counts as its largest file, or as its shards together.
    """
    counts: dict[str, int] = {}
    for name in ("unet", "transformer"):
        for file in sorted((folder / name).glob("*.safetensors")):
            with safe_open(file, framework="numpy") as weights:
                shapes = [weights.get_slice(key).get_shape() for key in weights.keys()]  # noqa: SIM118
            shard = "-of-" in file.name
            own = sum(map(prod, shapes))
            counts[name + " shards" * shard] = (
                counts.get(name + " shards", 0) + own if shard else max(own, counts.get(name, 0))
            )
    return max(counts.values(), default=0)
