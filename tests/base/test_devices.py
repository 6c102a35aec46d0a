"""Jobs on one machine never share a GPU, and leave none unused."""

import multiprocessing
import os
import time
from itertools import pairwise

import pytest

from untold.base.devices import own_gpu

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Device files of three GPUs beside other files, and a folder for locks."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    for name in ("nvidia0", "nvidia1", "nvidia2", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / "dev" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "dev" / name).touch()
    (tmp_path / "locks").mkdir()
    return {"devices": tmp_path / "dev", "locks": tmp_path / "locks"}


def job(machine, times) -> None:
    with own_gpu(**machine) as device:
        assert os.environ["CUDA_VISIBLE_DEVICES"] == device
        begun = time.monotonic()
        time.sleep(0.4)
        times.put((device, begun, time.monotonic()))


def test_every_gpu_is_used_and_none_twice_at_once(machine):
    times = FORK.Queue()
    jobs = [FORK.Process(target=job, args=(machine, times)) for _ in range(8)]
    for process in jobs:
        process.start()
    spans = [times.get(timeout=60) for _ in jobs]
    assert {device for device, _, _ in spans} == {"0", "1", "2"}
    for device in "012":
        own = sorted((begun, ended) for name, begun, ended in spans if name == device)
        assert all(first[1] <= second[0] for first, second in pairwise(own))


def hold(machine, held) -> None:
    with own_gpu(**machine) as device:
        held.put(device)
        time.sleep(600)


def test_a_killed_job_frees_its_gpu(machine, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    held = FORK.Queue()
    process = FORK.Process(target=hold, args=(machine, held))
    process.start()
    assert held.get(timeout=60) == "1"
    process.kill()
    process.join()
    with own_gpu(**machine) as device:
        assert device == "1"


@pytest.mark.parametrize(("allowed", "expected"), [("2,0", "2"), ("GPU-5f,1", "GPU-5f"), ("", None), ("-1", None)])
def test_what_the_user_allows_is_respected(machine, monkeypatch, allowed, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    with own_gpu(**machine) as device:
        assert device == expected
        assert os.environ["CUDA_VISIBLE_DEVICES"] == (allowed if expected is None else expected)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == allowed


def test_slurm_has_chosen_already(machine, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with own_gpu(**machine) as first, own_gpu(**machine) as second:
        assert first is None and second is None
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    assert not list(machine["locks"].iterdir())


def test_nothing_happens_without_gpus(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with own_gpu(tmp_path) as device:
        assert device is None and "CUDA_VISIBLE_DEVICES" not in os.environ
