"""Planning does not grow with images, and grows no faster than the jobs."""

import pstats
import re
import subprocess
import sys

import pytest

from benchmarks.scale import configuration, project

pytestmark = pytest.mark.slow


def plan(folder, seeds: int, shards: int) -> tuple[dict[str, int], int]:
    """Jobs by rule of a dry run, and the functions that were called for it: the same number on any machine."""
    values = configuration(200_000)
    values["datasets"]["people"] |= {"seeds": seeds, "shards": {"synthesis": shards, "embedding": shards}}
    project(folder, values)
    command = [sys.executable, "-m", "cProfile", "-o", "calls", "-m", "snakemake"]
    command += ["--configfile", "scale.yaml", "--cores", "2", "--dry-run"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    table = done.stdout.split("Job stats:")[-1].split("total")[0]
    jobs = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)\s*$", table, re.MULTILINE)}
    return jobs, pstats.Stats(str(folder / "calls")).total_calls


def test_planning_200_000_images(tmp_path):
    """500 activities x 4 groups x 100 seeds in 64 shards: jobs and work grow as from 16 to 32 shards of one seed.

    The work was 2.03 times that growth; two calls for each image would make it 2.25 times.
    """
    (few, least), (half, less), (jobs, calls) = (
        plan(tmp_path / str(shards), seeds, shards) for seeds, shards in ((1, 16), (1, 32), (100, 64))
    )
    assert jobs["synthesise"] == 64
    assert {rule: jobs[rule] - half[rule] for rule in jobs} == {rule: 2 * (half[rule] - few[rule]) for rule in jobs}
    assert calls - less < 2.2 * (less - least)
