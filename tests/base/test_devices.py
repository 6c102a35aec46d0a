"""Test that jobs on one machine never share a GPU and leave none unused."""

import multiprocessing
import os
import signal
from collections import Counter

import pytest

from untold.base.devices import own_gpu

FORK = multiprocessing.get_context("fork")
PATIENCE = 120  # seconds until a hanging test fails; a passing test never waits this long


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Create device files of three GPUs and other devices, and a folder for locks."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    for name in ("nvidia0", "nvidia1", "nvidia2", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / "dev" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "dev" / name).touch()
    (tmp_path / "locks").mkdir()
    return {"devices": tmp_path / "dev", "locks": tmp_path / "locks"}


def job(machine, three_at_work, used) -> None:
    with own_gpu(**machine) as device:
        assert os.environ["CUDA_VISIBLE_DEVICES"] == device
        mark = machine["locks"] / f"{device} is in use"
        mark.touch(exist_ok=False)  # fails if another job has this GPU
        three_at_work.wait(PATIENCE)
        mark.unlink()
    used.put(device)


def test_every_gpu_is_used_and_none_twice_at_once(machine):
    """Each job keeps its GPU until three jobs have one, which never happens if a GPU stays unused."""
    three_at_work, used = FORK.Barrier(3), FORK.SimpleQueue()
    jobs = [FORK.Process(target=job, args=(machine, three_at_work, used)) for _ in range(9)]
    for process in jobs:
        process.start()
    for process in jobs:
        process.join(2 * PATIENCE)
    assert [process.exitcode for process in jobs] == [0] * 9
    assert Counter(used.get() for _ in jobs) == {"0": 3, "1": 3, "2": 3}


def hold(machine, held) -> None:
    with own_gpu(**machine) as device:
        held.put(device)
        signal.pause()


def test_a_killed_job_frees_its_gpu(machine, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    held = FORK.Queue()
    process = FORK.Process(target=hold, args=(machine, held))
    process.start()
    assert held.get(timeout=PATIENCE) == "1"
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


def test_a_lock_is_for_every_user_whatever_the_umask(machine):
    before = os.umask(0o077)
    try:
        with own_gpu(**machine) as device:
            assert (machine["locks"] / f"untold-gpu-{device}.lock").stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(before)


def test_a_lock_that_only_its_owner_can_read_stops_nobody(machine, monkeypatch, caplog):
    """Files of an older version under umask 077; root may read everything, so the refusal is simulated."""
    theirs = machine["locks"] / "untold-gpu-0.lock"
    theirs.touch(mode=0o600)
    open_ = os.open

    def guarded(path, *options):
        if path == theirs:
            raise PermissionError(path)
        return open_(path, *options)

    monkeypatch.setattr(os, "open", guarded)
    with own_gpu(**machine) as device:
        assert device == "0"
        assert (machine["locks"] / f"untold-gpu-0.{os.getuid()}.lock").exists()
    assert "cannot be read; using" in caplog.text
