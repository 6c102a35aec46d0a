"""Where a model runs; one GPU for one job, where a workstation has several (docs/design.md, facts about Snakemake)."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)


def device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    import torch  # takes seconds, and planning a study counts GPUs without it

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def own_gpu(devices: Path = Path("/dev"), locks: Path | None = None) -> Iterator[str | None]:
    """Wait for a GPU that no other job of this machine has, and let CUDA see that one only.

    Use it around everything that may start CUDA, which reads CUDA_VISIBLE_DEVICES once. The lock belongs to the
    process: when it dies, however that happens, its GPU is free. Nothing is done inside a SLURM job, whose devices
    SLURM chose and numbered, nor on a machine without NVIDIA devices.

    Parameters
    ----------
    devices : Path
        Where the driver's device files are.
    locks : Path, optional
        Folder that all jobs of the machine share; the system's temporary one by default.

    Yields
    ------
    str or None
        The device as CUDA_VISIBLE_DEVICES names it.
    """
    found = None if "SLURM_JOB_ID" in os.environ else _visible(devices)
    if not found:
        yield None
        return
    folder = locks or Path(tempfile.gettempdir())
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    device, lock = _first_free(found, folder)
    os.environ["CUDA_VISIBLE_DEVICES"] = device
    try:
        yield device
    finally:
        os.close(lock)
        if before is None:
            del os.environ["CUDA_VISIBLE_DEVICES"]
        else:
            os.environ["CUDA_VISIBLE_DEVICES"] = before


def gpu_count(devices: Path = Path("/dev")) -> int:
    """Number of NVIDIA GPUs of this machine."""
    return sum(re.fullmatch(r"nvidia\d+", file.name) is not None for file in devices.iterdir())


def _visible(devices: Path) -> list[str]:
    """The GPUs that this process may use: those the user allows, else all of the machine."""
    if (allowed := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name.strip() for name in allowed.split(",") if name.strip() not in ("", "-1")]
    # CUDA counts from 0 even where a container has only /dev/nvidia3.
    return [str(number) for number in range(gpu_count(devices))]


def _first_free(names: list[str], folder: Path) -> tuple[str, int]:
    """The first device whose lock can be had, and the open file that holds the lock."""
    waiting = False
    while True:
        for name in names:
            lock = _open(folder / f"untold-gpu-{re.sub(r'[^A-Za-z0-9-]', '_', name)}.lock")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return name, lock
            except BlockingIOError:
                os.close(lock)
        if not waiting:
            log.info("every GPU (%s) has a job; waiting for one", ", ".join(names))
            waiting = True
        time.sleep(0.5)


def _open(path: Path) -> int:
    """A lock file that every user may lock: reading is enough, and the kernel refuses to create over another's."""
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
