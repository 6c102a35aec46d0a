"""A run killed at any moment goes on and ends with the tables of an undisturbed run."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def start(project, *arguments: str) -> subprocess.Popen:
    """Snakemake in a process group of its own, so that it dies with all its jobs."""
    log = (project.folder / "run.log").open("w")
    command = project.command(*arguments)
    return subprocess.Popen(
        command, cwd=project.folder, env=project.environment(), stdout=log, stderr=log, start_new_session=True
    )


def kill_when(process: subprocess.Popen, happened, limit: float = 300) -> None:
    """SIGKILL the whole group as soon as ``happened`` is true."""
    end = time.monotonic() + limit
    while not happened() and process.poll() is None:
        assert time.monotonic() < end, "the moment to kill never came"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def images(project) -> dict[Path, int]:
    """Time stamps of finished images; names that begin with a dot are being written and may vanish."""
    found = (project.results / "store").rglob("[!.]*.png")
    return {path: path.stat().st_mtime_ns for path in found}


def test_killed_in_synthesis(project, finished):
    """Some images exist, no manifest does; they are not made again, and the tables are those of the other run."""
    process = start(project, "all")
    kill_when(process, lambda: len(images(project)) >= 3)
    made = images(project)
    assert len(made) < len(finished.store())
    # Another clone, locale and time zone too: the tables are the same bytes.
    project.snakemake("all", LC_ALL="C", TZ="Asia/Kathmandu")
    assert {path: stamp for path, stamp in images(project).items() if path in made} == made
    assert project.tables() == finished.tables()


def test_killed_in_embedding(finished, tmp_path):
    project = finished.copy(tmp_path / "project")
    for folder in ("embeddings", "tokens"):
        subprocess.run(["rm", "-rf", project.results / "people" / folder], check=True)
    made = images(project)
    process = start(project, "all")
    kill_when(process, lambda: any((project.results / "people" / "embeddings").rglob("*.parquet")))
    project.snakemake("all", "--until", "measure_similarity")
    assert images(project) == made
    assert similarities(project) == similarities(finished)


def similarities(project) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (project.results / "people" / "similarity").glob("*.parquet")}


@pytest.mark.faults
@pytest.mark.parametrize("number", range(50))
def test_killed_at_a_random_moment(finished, tmp_path, number):
    """Kill the job, Snakemake or both after a seeded time; the rerun ends with equal tables."""
    rng = random.Random(number)
    project = finished.copy(tmp_path / "project")
    # From a stage on, everything is missing: later numbers reach later stages sooner.
    stages = ["people", "faces", "people/similarity", "people/clusters", "tables"]
    gone = rng.choice(stages)
    subprocess.run(["rm", "-rf", project.results / gone], check=True)
    process = start(project, "all")
    time.sleep(rng.uniform(4, 20))
    victim = rng.choice(["job", "snakemake", "both"])
    if victim == "both":
        os.killpg(process.pid, signal.SIGKILL)
    elif victim == "snakemake":
        process.kill()
    else:
        subprocess.run(["pkill", "-KILL", "-g", str(process.pid), "-f", "python -m scripts"], check=False)
    if victim != "job":
        process.wait()
        os.killpg(process.pid, signal.SIGKILL) if group_alive(process.pid) else None
    else:
        process.wait(timeout=600)
    leftovers = [path for path in project.results.rglob("*.part*") if ".snakemake" not in path.parts]
    project.snakemake("all")
    assert project.tables() == finished.tables(), f"{victim} killed with {gone} missing; left {leftovers}"


def group_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_corrupted_and_replaced_store_images_are_made_again(finished, tmp_path):
    """A truncated picture and a picture under another's name are found when their shard runs again."""
    project = finished.copy(tmp_path / "project")
    first, second, third = sorted((project.results / "store").rglob("*.png"))[:3]
    good = {path: path.read_bytes() for path in (first, second, third)}
    first.write_bytes(good[first][:100])
    second.write_bytes(good[third])
    project.snakemake("all", "--forcerun", "synthesise", "--until", "synthesise")
    assert {path: path.read_bytes() for path in good} == good
