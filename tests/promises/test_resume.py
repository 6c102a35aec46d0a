"""Test that a run killed at any time can resume and produces the tables of an uninterrupted run."""

import contextlib
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import KEPT, unfinished

pytestmark = pytest.mark.slow
LIMIT = 600  # seconds until a hanging test fails; a passing test never waits this long


def wait_for(process: subprocess.Popen, happened, limit: float = LIMIT) -> None:
    """Wait until ``happened`` returns True or the process has ended."""
    end = time.monotonic() + limit
    while process.poll() is None and not happened():
        if time.monotonic() > end:
            raise TimeoutError(f"waited for {limit} s")
        time.sleep(0.02)


def kill_when(process: subprocess.Popen, happened) -> None:
    """Kill the whole process group with SIGKILL as soon as ``happened`` returns True."""
    wait_for(process, happened)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def images(project) -> dict[Path, int]:
    """Return the timestamps of finished images; files whose names start with a dot are incomplete and may vanish."""
    found = (project.results / "store").rglob("[!.]*.png")
    return {path: path.stat().st_mtime_ns for path in found}


def test_killed_in_synthesis_and_again_in_embedding(project, finished):
    """Images and vectors that exist are not made again, and the tables equal those of an uninterrupted run."""
    process = project.start("all")
    kill_when(process, lambda: len(images(project)) >= 3)
    made = images(project)
    assert len(made) < len(finished.store())
    process = project.start("all")
    kill_when(process, lambda: any((project.results / "people" / "embeddings").rglob("[!.]*.parquet")))
    assert not any((project.results / "tables").glob("*-contrasts.csv"))
    assert images(project).items() >= made.items()
    made = images(project)
    # The clone, the locale and the time zone also differ, but the tables are the same byte for byte.
    project.snakemake("all", LC_ALL="C", TZ="Asia/Kathmandu")
    assert images(project).items() >= made.items()
    assert project.tables() == finished.tables()


@pytest.mark.parametrize(
    "number", [pytest.param(number, marks=[pytest.mark.faults] * (number > 0)) for number in range(50)]
)
def test_killed_at_a_random_moment(finished, tmp_path, number):
    """Kill the jobs, Snakemake or both at a seeded random time in a stage; the rerun gives equal tables."""
    rng = random.Random(number)
    stage = list(KEPT)[number % len(KEPT)]
    project = unfinished(finished, tmp_path / "project", stage)
    victim = rng.choice(["job", "snakemake", "both"])
    process = project.start("all")
    # Kill after a number of finished jobs, so that the run is still active on a machine of any speed.
    wait_for(process, lambda: "Select jobs to execute" in project.log.read_text())
    done = rng.randrange(steps(project)[1] - 2)
    wait_for(process, lambda: steps(project)[0] >= done)
    with contextlib.suppress(TimeoutError):
        wait_for(process, lambda: steps(project)[0] > done, rng.uniform(0, 5))
    kill(process, victim)
    assert process.returncode, "the run ended before it was killed"
    project.snakemake("all")
    assert project.tables() == finished.tables(), f"{victim} killed in {stage}"


def steps(project) -> tuple[int, int]:
    """Return the numbers of finished and total jobs of a run."""
    text = project.log.read_text()
    total = re.search(r"^total +(\d+)", text, re.MULTILINE)
    return text.count("Finished jobid"), int(total[1])


def kill(process: subprocess.Popen, victim: str) -> None:
    """Kill the jobs, Snakemake or the whole process group with SIGKILL."""
    if victim == "job":
        jobs = ["pkill", "-KILL", "-g", str(process.pid), "-f", "python -P -m scripts"]
        # There is no job process between two jobs.
        wait_for(process, lambda: subprocess.run(jobs, check=False).returncode == 0)
        process.wait(LIMIT)  # Snakemake reports the failure, and exits when the other jobs have ended
        return
    if victim == "snakemake":
        process.kill()  # its jobs continue, and write at the same time as the rerun
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_corrupted_and_replaced_store_images_are_made_again(finished, tmp_path):
    """A truncated image and an image under another's name are detected when their shard runs again."""
    project = unfinished(finished, tmp_path / "project", "embedding")
    first, second, third = sorted((project.results / "store").rglob("*.png"))[:3]
    good = {path: path.read_bytes() for path in (first, second, third)}
    first.write_bytes(good[first][:100])
    second.write_bytes(good[third])
    kinds = ("images", "latents")
    shards = [path.relative_to(project.folder) for kind in kinds for path in project.results.glob(f"people/{kind}/*")]
    project.snakemake(*map(str, shards), "--forcerun", "synthesise")
    assert {path: path.read_bytes() for path in good} == good
    for path in shards:
        assert (project.folder / path).read_bytes() == (finished.folder / path).read_bytes()
