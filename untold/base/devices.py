"""Choose the device of a model, and give each job its own GPU (docs/design.md, "Facts about Snakemake")."""

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
    """Wait for a GPU that no other job on this machine holds, and make it the only one visible to CUDA.

    Use it around everything that may start CUDA, which reads CUDA_VISIBLE_DEVICES only once. The lock belongs to the
    process, so the GPU is released however the process ends. Nothing is done inside a SLURM job, whose devices are
    chosen and numbered by SLURM, or on a machine without NVIDIA devices.

    Parameters
    ----------
    devices : Path
        Folder of the driver's device files.
    locks : Path, optional
        Folder shared by all jobs of the machine; by default the system's temporary folder.

    Yields
    ------
    str or None
        The device as named in CUDA_VISIBLE_DEVICES.
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
    """Number of NVIDIA GPUs on this machine."""
    return sum(re.fullmatch(r"nvidia\d+", file.name) is not None for file in devices.iterdir())


def _visible(devices: Path) -> list[str]:
    """The GPUs that this process may use: those allowed by the user, else all on the machine."""
    if (allowed := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name.strip() for name in allowed.split(",") if name.strip() not in ("", "-1")]
    # CUDA counts from 0 even if a container has only /dev/nvidia3.
    return [str(number) for number in range(gpu_count(devices))]


def _first_free(names: list[str], folder: Path) -> tuple[str, int]:
    """The first device whose lock is free, and the open file that holds the lock."""
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
    """Open a lock file read-only, which suffices for locking; the kernel may refuse O_CREAT on another user's file."""
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
