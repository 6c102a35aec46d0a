"""Why PyTorch cannot use the GPU of this machine."""

import ctypes
import os
import re
from importlib.util import find_spec
from pathlib import Path

from untold.base.devices import visible_gpus

# The oldest driver branch of each major version of CUDA (NVIDIA's table of compatibility).
DRIVERS = {12: 525, 13: 580}


def gpu_problem(devices: Path = Path("/dev")) -> str | None:
    """What keeps PyTorch from the GPU that this machine promises, with the remedy; None if nothing does.

    A machine promises a GPU by its device files, by CUDA_VISIBLE_DEVICES, by a SLURM job, or by a driver that counts
    one. A machine that promises none has no problem.
    """
    import torch  # takes seconds, which the planning of a study need not wait for

    if not torch.cuda.is_available():
        if problem := driver_problem(devices):
            return problem
        if _promised(devices):
            return "PyTorch cannot start CUDA: see what nvidia-smi and python -c 'import torch; torch.cuda.init()' say"
        return None
    major, minor = torch.cuda.get_device_capability()
    if can_run((major, minor), torch.cuda.get_arch_list()):
        return None
    return (
        f"{torch.cuda.get_device_name()} has compute capability {major}.{minor}, and this PyTorch has kernels for "
        f"{', '.join(torch.cuda.get_arch_list())} only: use a newer GPU, or install a PyTorch built for this one"
    )


def driver_problem(devices: Path = Path("/dev")) -> str | None:
    """As ``gpu_problem``, as far as the driver says so without PyTorch."""
    if not _promised(devices):
        return None
    built, found = wheel_cuda(), driver_version()
    if built is None:
        return "the PyTorch of this environment was built without CUDA: remove .venv and run make again"
    branch = DRIVERS.get(built[0], max(DRIVERS.values()))
    cuda = ".".join(map(str, built))
    if found is None:
        return (
            "a GPU is promised here (by /dev, SLURM or CUDA_VISIBLE_DEVICES), but its driver does not answer: see what "
            f"nvidia-smi says; PyTorch needs driver {branch} or newer (CUDA {cuda})"
        )
    if found[0] < built[0]:
        return (
            f"the driver of the GPU is too old: it supports CUDA {found[0]}.{found[1]}, and PyTorch is built for CUDA "
            f"{cuda}; install driver {branch} or newer (nvidia-smi shows the present one)"
        )
    return None


def can_run(capability: tuple[int, int], built_for: list[str]) -> bool:
    """Whether a GPU runs kernels that were built for its major version, or intermediate code of an older one.

    Parameters
    ----------
    capability : tuple of int
        Major and minor version, such as ``(8, 9)``.
    built_for : list of str
        As from ``torch.cuda.get_arch_list()``: ``sm_86`` are kernels, ``compute_90`` intermediate code.
    """
    for name in built_for:
        kind, _, number = name.partition("_")
        digits = re.sub(r"\D", "", number)
        version = int(digits[:-1]), int(digits[-1])
        if version <= capability and (kind == "compute" or version[0] == capability[0]):
            return True
    return False


def wheel_cuda() -> tuple[int, ...] | None:
    """The version of CUDA that PyTorch was built for, such as ``(13, 2)``; None if it was built without."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    found = re.search(r"^cuda\b[^=]*= *'([\d.]+)'", text, re.MULTILINE)
    return tuple(map(int, found[1].split("."))) if found else None


def driver_version() -> tuple[int, int] | None:
    """The newest CUDA that the driver supports, such as ``(12, 4)``; None if no driver answers with a GPU."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    count, number = ctypes.c_int(), ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return None
    driver.cuDriverGetVersion(ctypes.byref(number))
    return number.value // 1000, number.value % 1000 // 10


def _promised(devices: Path) -> bool:
    if os.environ.get("CUDA_VISIBLE_DEVICES") is not None:
        return bool(visible_gpus(devices))
    if "SLURM_JOB_ID" in os.environ:  # the node may have GPUs that the job did not ask for
        return bool(os.environ.get("SLURM_JOB_GPUS"))
    return bool(visible_gpus(devices)) or driver_version() is not None
