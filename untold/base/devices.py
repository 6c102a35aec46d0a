"""Choose the device of a model, and give each job its own GPU (docs/design.md, "Facts about Snakemake")."""

from __future__ import annotations

import fcntl
import itertools
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)


class MachineError(RuntimeError):
    """Something that this machine lacks for the work, with the remedy, in one line."""


def device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    import torch  # takes seconds, and planning a study counts GPUs without it

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def own_gpu(devices: Path = Path("/dev"), locks: Path | None = None) -> Iterator[str | None]:
    """Wait for a GPU that no other job on this machine holds, and make it the only one visible to CUDA.

    Use it around everything that may start CUDA, which reads CUDA_VISIBLE_DEVICES only once. The lock belongs to the
    process, so the GPU is released however the process ends. Nothing is done inside a SLURM job, whose devices are
    chosen and numbered by SLURM, or on a machine without GPUs.

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
    found = None if "SLURM_JOB_ID" in os.environ else visible_gpus(devices)
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


def visible_gpus(devices: Path = Path("/dev")) -> list[str]:
    """The GPUs that this process may use, as named in CUDA_VISIBLE_DEVICES: those in it, else all of the machine."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        # CUDA ignores everything behind the first name that is no device, such as -1 or SLURM's NoDevFiles.
        names = itertools.takewhile(re.compile(r"\d+|(GPU|MIG)-.+").fullmatch, map(str.strip, allowed.split(",")))
        return list(dict.fromkeys(names))
    files = {file.name for file in devices.iterdir()}
    # CUDA counts from 0 even if a container has only /dev/nvidia3. Windows' Linux (WSL2) has one file for all GPUs.
    count = sum(re.fullmatch(r"nvidia\d+", name) is not None for name in files) or int("dxg" in files)
    return [str(number) for number in range(count)]


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
    """Open a lock file read-only, which suffices for locking; the kernel may refuse O_CREAT on another user's file.

    Every user must be able to open it, whatever the umask of the first. A file that only its owner may read is passed
    over for one of this user's own, which protects from this user's jobs alone.
    """
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        lock = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
        with suppress(PermissionError):  # another user's, made at this moment
            os.fchmod(lock, 0o644)
        return lock
    except PermissionError:
        own = path.with_suffix(f".{os.getuid()}{path.suffix}")
        log.warning("%s belongs to another user and cannot be read; using %s, which only your jobs see", path, own)
        return _open(own)
