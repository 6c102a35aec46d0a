"""A run killed at any moment goes on and ends with the tables of an undisturbed run."""

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
LIMIT = 600  # seconds until a test that hangs fails; no passing test waits for them


def wait_for(process: subprocess.Popen, happened, limit: float = LIMIT) -> None:
    """Return when ``happened`` is true or the process has ended."""
    end = time.monotonic() + limit
    while process.poll() is None and not happened():
        if time.monotonic() > end:
            raise TimeoutError(f"waited for {limit} s")
        time.sleep(0.02)


def kill_when(process: subprocess.Popen, happened) -> None:
    """SIGKILL the whole group as soon as ``happened`` is true."""
    wait_for(process, happened)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def images(project) -> dict[Path, int]:
    """Time stamps of finished images; names that begin with a dot are being written and may vanish."""
    found = (project.results / "store").rglob("[!.]*.png")
    return {path: path.stat().st_mtime_ns for path in found}


def test_killed_in_synthesis(project, finished):
    """Some images exist, no manifest does; they are not made again, and the tables are those of the other run."""
    process = project.start("all")
    kill_when(process, lambda: len(images(project)) >= 3)
    made = images(project)
    assert len(made) < len(finished.store())
    # Another clone, locale and time zone too: the tables are the same bytes.
    project.snakemake("all", LC_ALL="C", TZ="Asia/Kathmandu")
    assert {path: stamp for path, stamp in images(project).items() if path in made} == made
    assert project.tables() == finished.tables()


def test_killed_in_embedding(finished, tmp_path):
    """Vectors of one shard exist, those of others do not; no picture is made again and all tables are the same."""
    project = unfinished(finished, tmp_path / "project", "embedding")
    made = images(project)
    process = project.start("all")
    kill_when(process, lambda: any((project.results / "people" / "embeddings").rglob("[!.]*.parquet")))
    assert not any((project.results / "tables").glob("*-contrasts.csv"))
    project.snakemake("all")
    assert images(project) == made
    assert project.tables() == finished.tables()


@pytest.mark.parametrize(
    "number", [pytest.param(number, marks=[pytest.mark.faults] * (number >= 2)) for number in range(50)]
)
def test_killed_at_a_random_moment(finished, tmp_path, number):
    """Kill the jobs, Snakemake or both at a seeded moment of a stage; the rerun ends with equal tables."""
    rng = random.Random(number)
    stage = list(KEPT)[number % len(KEPT)]
    project = unfinished(finished, tmp_path / "project", stage)
    victim = rng.choice(["job", "snakemake", "both"])
    process = project.start("all")
    # Within the job that follows some number of finished ones, so that the run has not ended on any machine.
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
    """How many of a run's jobs are done, and how many it has."""
    text = project.log.read_text()
    total = re.search(r"^total +(\d+)", text, re.MULTILINE)
    return text.count("Finished jobid"), int(total[1])


def kill(process: subprocess.Popen, victim: str) -> None:
    """SIGKILL the jobs, Snakemake or the whole group."""
    if victim == "job":
        jobs = ["pkill", "-KILL", "-g", str(process.pid), "-f", "python -m scripts"]
        # Between two jobs there is none.
        wait_for(process, lambda: subprocess.run(jobs, check=False).returncode == 0)
        process.wait(LIMIT)  # Snakemake reports the failure, and ends when the other jobs have
        return
    if victim == "snakemake":
        process.kill()  # its jobs go on, and write beside the rerun
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_corrupted_and_replaced_store_images_are_made_again(finished, tmp_path):
    """A truncated picture and a picture under another's name are found when their shard runs again."""
    project = unfinished(finished, tmp_path / "project", "embedding")
    first, second, third = sorted((project.results / "store").rglob("*.png"))[:3]
    good = {path: path.read_bytes() for path in (first, second, third)}
    first.write_bytes(good[first][:100])
    second.write_bytes(good[third])
    manifests = sorted(path.relative_to(project.folder) for path in project.results.glob("people/images/*.parquet"))
    project.snakemake("all", "--forcerun", "synthesise")
    assert {path: path.read_bytes() for path in good} == good
    for path in manifests:
        assert (project.folder / path).read_bytes() == (finished.folder / path).read_bytes()
    assert project.tables() == finished.tables()
