"""Planning does not grow with images."""

import re
import resource
import subprocess
import sys

import pytest

from benchmarks.scale import configuration, project

pytestmark = pytest.mark.slow


def plan(folder, values) -> tuple[dict[str, int], float]:
    """Jobs by rule, and the processor's seconds of the dry run: those of other programs do not count."""
    project(folder, values)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "snakemake", "--configfile", "scale.yaml", "--cores", "2", "--dry-run"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    table = done.stdout.split("Job stats:")[-1].split("total")[0]
    jobs = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)\s*$", table, re.MULTILINE)}
    return jobs, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_planning_200_000_images(tmp_path):
    """500 activities x 4 groups x 100 seeds: as many jobs as shards, planned in 15 s."""
    large, small = configuration(200_000), configuration(200_000)
    small["datasets"]["people"]["seeds"] = 1
    jobs, seconds = plan(tmp_path / "large", large)
    assert jobs["synthesise"] <= large["datasets"]["people"]["shards"]["synthesis"]
    assert seconds < 15
    assert plan(tmp_path / "small", small)[0] == jobs
