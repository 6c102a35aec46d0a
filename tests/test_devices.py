"""Jobs share a machine's GPUs one each."""

import multiprocessing
import os
import threading

import pytest

from scripts.lib.devices import claim_gpu


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with the given GPUs: an ``nvidia-smi`` that lists them."""

    def build(*gpus: str) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text("#!/bin/sh\n" + "".join(f"echo {gpu}\n" for gpu in gpus))
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        # Set and removed through monkeypatch, so that what claim_gpu sets is undone.
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")

    return build


def test_each_job_gets_its_own(machine):
    machine("GPU-a", "GPU-b")
    seen = []
    locks = []
    for _ in range(2):
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        locks.append(claim_gpu())
        seen.append(os.environ["CUDA_VISIBLE_DEVICES"])
    assert sorted(seen) == ["GPU-a", "GPU-b"]
    for lock in locks:
        lock.release()


def _hold(ready, release):
    lock = claim_gpu()
    ready.set()
    release.wait(60)
    lock.release()


def test_a_job_waits_for_one_that_ends(machine):
    machine("GPU-a", "GPU-b")
    context = multiprocessing.get_context("fork")
    ready, release = [context.Event(), context.Event()], context.Event()
    jobs = [context.Process(target=_hold, args=(event, release)) for event in ready]
    for job, event in zip(jobs, ready, strict=True):
        job.start()
        assert event.wait(60)
    threading.Timer(0.5, release.set).start()
    lock = claim_gpu(wait=0.05)
    assert release.is_set()
    assert os.environ["CUDA_VISIBLE_DEVICES"] in {"GPU-a", "GPU-b"}
    lock.release()
    for job in jobs:
        job.join()


@pytest.mark.parametrize("gpus", [(), ("GPU-a",)])
def test_nothing_is_claimed_where_there_is_no_choice(machine, gpus):
    machine(*gpus)
    assert claim_gpu() is None
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_the_schedulers_choice_stands(machine, monkeypatch):
    machine("GPU-a", "GPU-b")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert claim_gpu() is None
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
