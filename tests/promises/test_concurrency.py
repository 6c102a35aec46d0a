"""Test two simultaneous runs on one results folder: the second reports the first and changes nothing."""

import os
import signal
import time

import pytest

from tests.conftest import unfinished

pytestmark = pytest.mark.slow

TARGET = "results/tables/people-contrasts.csv"


def test_second_run_says_that_the_first_is_at_work(finished, tmp_path):
    project = unfinished(finished, tmp_path / "project", "analysis")
    first = project.start(TARGET)
    try:
        locks = project.folder / ".snakemake" / "locks"
        end = time.monotonic() + 600
        while not (locks.is_dir() and any(locks.iterdir())):
            assert first.poll() is None and time.monotonic() < end, "the first run never took its lock"
            time.sleep(0.1)
        os.killpg(first.pid, signal.SIGSTOP)  # keeps the first run alive while the second checks for it
        try:
            said = project.snakemake(TARGET, check=False)
        finally:
            os.killpg(first.pid, signal.SIGCONT)
        assert "LockException" in said and str(project.folder) in said and "--unlock" in said
        assert first.wait(900) == 0, project.log.read_text()[-3000:]
    finally:
        first.kill()
    assert project.tables().items() <= finished.tables().items() and project.tables()
    assert project.store() == finished.store()
    # Once the first run has ended, the second succeeds and has nothing left to do.
    assert "Nothing to be done" in project.snakemake(TARGET)
