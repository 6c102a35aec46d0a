"""Test what is said of a GPU that is promised but cannot be used."""

import sys
from types import SimpleNamespace

import pytest
import torch

from untold.base import driver
from untold.base.devices import own_gpu, visible_gpus
from untold.base.driver import can_run, gpu_problem, wheel_cuda


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with a device file; ``cuda`` is the newest version that its driver supports, None for no driver."""
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID", "SLURM_JOB_GPUS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "nvidia0").touch()
    machine = SimpleNamespace(dev=tmp_path, cuda=None)

    class Library:
        cuInit = staticmethod(lambda flags: 0)

        @staticmethod
        def cuDeviceGetCount(count) -> int:
            count._obj.value = 1
            return 0

        @staticmethod
        def cuDriverGetVersion(number) -> int:
            number._obj.value = machine.cuda[0] * 1000 + machine.cuda[1] * 10
            return 0

    def load(name):
        if machine.cuda is None:
            raise OSError(f"{name}: cannot open shared object file")
        return Library

    monkeypatch.setattr(driver.ctypes, "CDLL", load)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(driver, "wheel_cuda", lambda: (13, 2))
    return machine


def test_an_old_driver_is_named_with_the_one_that_is_needed(machine):
    machine.cuda = (12, 4)
    assert "supports CUDA 12.4, and PyTorch is built for CUDA 13.2; install driver 580" in gpu_problem(machine.dev)
    (machine.dev / "nvidia0").unlink()  # the driver alone promises a GPU, as in some containers
    assert "install driver 580" in gpu_problem(machine.dev)


def test_a_driver_of_the_same_major_version_is_not_blamed(machine):
    machine.cuda = (13, 0)
    assert "PyTorch cannot start CUDA" in gpu_problem(machine.dev)


def test_a_driver_that_does_not_answer(machine):
    assert "its driver does not answer: see what nvidia-smi says" in gpu_problem(machine.dev)


def test_a_machine_that_promises_no_gpu_has_no_problem(machine, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpu_problem(machine.dev) is None
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("SLURM_JOB_ID", "7")  # a job that asked for none, on a node that has some
    machine.cuda = (12, 4)
    assert gpu_problem(machine.dev) is None
    monkeypatch.setenv("SLURM_JOB_GPUS", "0")
    assert gpu_problem(machine.dev)
    monkeypatch.delenv("SLURM_JOB_ID")
    (machine.dev / "nvidia0").unlink()
    machine.cuda = None
    assert gpu_problem(machine.dev) is None


KERNELS = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]


@pytest.mark.parametrize(
    ("capability", "runs"),
    [
        ((6, 1), False),
        ((7, 0), False),
        ((7, 5), True),
        ((8, 9), True),
        ((9, 0), True),
        ((12, 1), True),
        ((11, 0), False),
    ],
)
def test_kernels_run_on_later_capabilities_of_their_major_version(monkeypatch, capability, runs):
    assert can_run(capability, KERNELS) == runs
    assert can_run((13, 0), [*KERNELS, "compute_120"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: KERNELS)
    assert (gpu_problem() is None) == runs
    if not runs:
        assert f"capability {capability[0]}.{capability[1]}" in gpu_problem() and "use a newer GPU" in gpu_problem()


def test_the_version_in_pytorchs_files_is_pytorchs():
    expected = None if torch.version.cuda is None else tuple(map(int, torch.version.cuda.split(".")))
    assert wheel_cuda() == expected


def test_planning_asks_the_driver_without_pytorch():
    """Importing PyTorch takes seconds, and every job of a study is planned."""
    import subprocess

    code = "import sys; from untold.base.driver import driver_problem; driver_problem(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_windows_linux_has_one_file_for_its_gpus(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    (tmp_path / "dxg").touch()
    assert visible_gpus(tmp_path) == ["0"]
    with own_gpu(tmp_path, tmp_path) as device:
        assert device == "0"


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ("1,0", ["1", "0"]),
        ("MIG-3b,MIG-4c", ["MIG-3b", "MIG-4c"]),
        ("0,-1,2", ["0"]),  # CUDA ignores what follows a name that is no device
        ("NoDevFiles", []),  # SLURM's word for none
        ("2,2", ["2"]),
    ],
)
def test_the_list_of_allowed_gpus_is_read_as_cuda_reads_it(tmp_path, monkeypatch, allowed, expected):
    (tmp_path / "nvidia0").touch()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert visible_gpus(tmp_path) == expected
