"""Test that the work of planning does not depend on the number of images and grows no faster than that of jobs."""

import pstats
import re
import subprocess
import sys

import pytest

from benchmarks.scale import RUN, configuration, project

pytestmark = pytest.mark.slow


def plan(folder, seeds: int, shards: int) -> tuple[dict[str, int], int]:
    """Return the jobs of a dry run by rule and its number of function calls, which is the same on any machine."""
    values = configuration(200_000)
    values["datasets"]["people"] |= {"seeds": seeds, "shards": {"synthesis": shards, "embedding": shards}}
    project(folder, values)
    command = [sys.executable, "-m", "cProfile", "-o", "calls", "-m", "snakemake", *RUN, "--dry-run"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert "Job stats:" in done.stdout, done.stderr[-2000:]  # the profiler hides the exit status
    table = done.stdout.split("Job stats:")[-1].split("total")[0]
    jobs = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)\s*$", table, re.MULTILINE)}
    return jobs, pstats.Stats(str(folder / "calls")).total_calls


def test_planning_200_000_images(tmp_path):
    """Plan 500 activities x 4 groups x 100 seeds in 64 shards.

    From 32 shards of one seed to these, jobs and work may grow twice as much as from 16 to 32 shards. The measured
    growth of the work was 2.03 times; two calls per image would make it 2.25 times.
    """
    (few, least), (half, less), (jobs, calls) = (
        plan(tmp_path / str(shards), seeds, shards) for seeds, shards in ((1, 16), (1, 32), (100, 64))
    )
    assert jobs["synthesise"] == 64
    assert {rule: jobs[rule] - half[rule] for rule in jobs} == {rule: 2 * (half[rule] - few[rule]) for rule in jobs}
    assert calls - less < 2.2 * (less - least)
