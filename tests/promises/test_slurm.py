"""Test the study on a real SLURM cluster: the tables equal those of one machine, whatever happens to nodes and jobs."""

import subprocess
import sys
import time

import pytest

from tests.conftest import Project, new_project
from tests.slurm import Cluster, why_not

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(3600)]

# From prompts to findings and cluster composition: every kind of job except figures and page.
TARGETS = ("results/tables/people-contrasts.csv", "results/tables/people-clip_image-composition.csv")
# All settings of the profile except the waiting times, because the study is tiny and its file system local, and the
# threads, because only equal numbers of threads give equal bits.
QUICK = ("--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10")
QUICK += ("--set-threads", "synthesise=1", "embed_images=1", "embed_images_and_tokens=1")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    if reason := why_not():
        pytest.skip(f"no SLURM here: {reason}")
    cluster = Cluster(tmp_path_factory.mktemp("slurm") / "cluster")
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def start(project, *targets: str) -> subprocess.Popen:
    """Start Snakemake with the profile; it submits jobs and waits for them."""
    # Targets come before the options that take any number of values.
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/slurm", *targets]
    command += ["--configfile", "config/tiny.yaml", *QUICK]
    log = (project.folder / "run.log").open("w")
    return subprocess.Popen(command, cwd=project.folder, env=project.environment(), stdout=log, stderr=log)


def finish(process: subprocess.Popen, project) -> str:
    """Wait for the end of the run and return its output."""
    code = process.wait(1800)
    printed = (project.folder / "run.log").read_text()
    assert code == 0, printed[-4000:]
    return printed


def until_running(cluster, process: subprocess.Popen, rule: str) -> str:
    """Wait until a job of this rule runs, and return its number."""
    end = time.monotonic() + 1200
    while time.monotonic() < end and process.poll() is None:
        for job in cluster.of_rule(rule):
            if job["JobState"] == "RUNNING":
                # scancel identifies a task of an array by the number of the array and that of the task.
                task = "ArrayTaskId" in job
                return f"{job['ArrayJobId']}_{job['ArrayTaskId']}" if task else job["JobId"]
        time.sleep(0.5)
    pytest.fail(f"no job of {rule} ever ran: {cluster.jobs()}")


@pytest.fixture(scope="module")
def disturbed(cluster, tiny_weights, tmp_path_factory) -> tuple[Project, str]:
    """Run the whole study while a node that generates images dies and an embedding job is cancelled."""
    project = new_project(tmp_path_factory.mktemp("slurm_study") / "project", tiny_weights)
    process = start(project, *TARGETS)
    try:
        until_running(cluster, process, "synthesise")
        cluster.kill_node()
        cluster.start_node()
        subprocess.run(["scancel", until_running(cluster, process, "embed_images")], check=True)
        return project, finish(process, project)
    finally:
        process.kill()


def test_tables_and_images_are_those_of_one_machine(disturbed, finished):
    project, _ = disturbed
    tables = project.tables()
    assert tables.items() <= finished.tables().items() and len(tables) > 15
    assert project.store() == finished.store()
    assert "Nothing to be done" in project.snakemake("--dry-run", *TARGETS)


def test_cancelled_job_comes_back_with_more_memory(disturbed, cluster):
    _, printed = disturbed
    assert "CANCELLED" in printed and "Trying to restart" in printed
    jobs = cluster.of_rule("embed_images")
    assert "CANCELLED" in {job["JobState"] for job in jobs}
    memory = {megabytes(job["MinMemoryNode"]) for job in jobs}
    assert max(memory) >= 2 * min(memory) - 10  # the plugin adds a few MB to the jobs of an array


def test_job_of_a_dead_node_runs_again(disturbed, cluster):
    jobs = cluster.of_rule("synthesise")
    assert any(int(job["Restarts"]) > 0 or job["JobState"] == "NODE_FAIL" for job in jobs)


def test_shards_go_as_arrays_to_the_partition_with_gpus(disturbed, cluster):
    project, _ = disturbed
    jobs = cluster.of_rule("synthesise")
    assert {job["Partition"] for job in jobs} == {"gpu"}
    assert {job["TresPerJob"] for job in jobs} == {"gres:gpu:1"}
    # Shards that become ready together form an array; a single shard is submitted alone.
    assert all(
        "ArrayTaskId" in job for job in cluster.of_rule("write_prompts") if job["WorkDir"] == str(project.folder)
    )
    assert {job["Partition"] for job in cluster.of_rule("measure_similarity")} == {"cpu"}


def megabytes(shown: str) -> float:
    """Convert SLURM's ``8000M`` or ``16G`` to megabytes."""
    return float(shown[:-1]) * {"M": 1, "G": 1024}[shown[-1]]


def test_prompts_are_embedded_on_a_cluster_without_gpus(disturbed, cluster):
    """The settings are those that docs/cluster.md recommends for such a cluster."""
    project, _ = disturbed
    before = {job["JobId"] for job in cluster.jobs()}
    texts = sorted((project.results / "people" / "embeddings" / "clip_text").glob("*.parquet"))
    content = [path.read_bytes() for path in texts]
    for path in texts:
        path.unlink()
    no_gpu = ["--set-resources", "embed_prompts:gpu=0", "embed_prompts:slurm_partition=cpu"]
    targets = [str(path.relative_to(project.folder)) for path in texts]
    finish(start(project, *targets, *no_gpu), project)
    assert [path.read_bytes() for path in texts] == content
    asked = [job for job in cluster.jobs() if job["JobId"] not in before]
    assert len(asked) == 2 and all(job["Partition"] == "cpu" and "TresPerJob" not in job for job in asked)
