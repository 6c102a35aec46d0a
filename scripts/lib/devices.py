"""One GPU per job on a machine that has several and no scheduler that hands them out."""

import os
import subprocess
import tempfile
import time
from pathlib import Path

from filelock import FileLock, Timeout

WAIT = 2.0  # seconds between two looks for a free GPU


def claim_gpu(wait: float = WAIT) -> FileLock | None:
    """Take a GPU that no other job of this user holds and make it the only one that CUDA sees.

    Call it before torch is imported. Where a scheduler has chosen (``CUDA_VISIBLE_DEVICES`` is set), or there is one
    GPU or none, nothing is done. When all are taken, wait for one.

    Returns
    -------
    FileLock or None
        Keep it: the GPU is given back when the lock is released or the process ends.
    """
    if "CUDA_VISIBLE_DEVICES" in os.environ or len(gpus := _gpus()) < 2:
        return None
    while True:
        for gpu in gpus:
            lock = FileLock(Path(tempfile.gettempdir()) / f"tetrad-{os.getuid()}-gpu-{gpu}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            os.environ["CUDA_VISIBLE_DEVICES"] = gpu
            return lock
        time.sleep(wait)


def _gpus() -> list[str]:
    """Identities of the machine's GPUs; torch is not asked, for it would keep what it saw."""
    query = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        listed = subprocess.run(query, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return listed.split()
