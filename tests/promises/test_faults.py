"""Test broken disks, files and clocks: the fault is reported, nothing is lost, and a rerun completes the study."""

import os
import resource
import shlex
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import unfinished

pytestmark = [pytest.mark.slow, pytest.mark.faults]


def logs(project) -> str:
    """Return the logs of all jobs of a study."""
    return "".join(log.read_text() for log in sorted((project.results / "logs").rglob("*.log")))


@contextmanager
def small_disk(folder: Path, size: str):
    """Mount a file system of a given size in bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


def test_full_disk(project, finished):
    """The full disk is reported, no file is half-written, and the study finishes once there is space."""
    with small_disk(project.results, "300k"):
        said = project.snakemake("all", check=False)
        assert "make room and run again" in said and "Error in rule" in said
        whole = {path.relative_to(project.results): path for path in project.results.rglob("[!.]*.parquet")}
        for name, path in whole.items():
            assert path.read_bytes() == (finished.results / name).read_bytes(), f"{name} is half-written"
        remount(project.results, "size=400m")
        project.snakemake("all")
        assert project.tables() == finished.tables()


def test_read_only_results(finished, tmp_path):
    """The run fails with one line before any job starts, and the finished study stays unchanged."""
    project = finished.copy(tmp_path / "project")
    kept = tmp_path / "kept"
    project.results.rename(kept)
    with small_disk(project.results, "400m"):
        shutil.copytree(kept, project.results, dirs_exist_ok=True)
        remount(project.results, "ro")
        said = project.snakemake("all", check=False)
        assert "config/tiny.yaml: results: results cannot be written to" in said
        assert "Traceback" not in said
        remount(project.results, "rw")
        assert "Nothing to be done" in project.snakemake("all")


def test_too_little_memory(finished, tmp_path):
    """A job that cannot allocate memory fails and is reported; the study finishes with enough memory."""
    project = unfinished(finished, tmp_path / "project", "embedding")
    command = project.command("all")
    limit = 2_500 * 2**20  # address space: enough for Snakemake, too little for PyTorch
    done = subprocess.run(
        command,
        cwd=project.folder,
        env=project.environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode and "Error in rule embed_images" in said
    assert "logs/embed_images" in said
    project.snakemake("all")
    assert project.tables() == finished.tables()


def remove(group: Path, limit: float = 300) -> None:
    """Remove a control group as soon as its last process is gone."""
    end = time.monotonic() + limit
    while True:
        try:
            return group.rmdir()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


@contextmanager
def memory_group(limit: int):
    """Create a control group with a memory limit in bytes, and yield its list of processes.

    The kernel kills processes that need more.
    """
    root = Path("/sys/fs/cgroup")
    old = (root / "memory").is_dir()
    group = (root / "memory" if old else root) / f"untold-{os.getpid()}"
    try:
        group.mkdir()
        (group / ("memory.limit_in_bytes" if old else "memory.max")).write_text(str(limit))
    except OSError as error:
        pytest.skip(f"no memory can be limited here: {error}")
    try:
        yield group / "cgroup.procs"
    finally:
        remove(group)


def test_a_job_killed_for_its_memory(finished, tmp_path):
    """The kernel kills the job without a message; Snakemake reports it, and the study finishes with enough memory."""
    project = unfinished(finished, tmp_path / "project", "embedding")
    with memory_group(450 * 2**20) as processes:  # enough for Snakemake, too little for a job with PyTorch
        join = f"echo $$ > {processes} && exec " + shlex.join(project.command("all"))
        done = subprocess.run(
            ["bash", "-c", join], cwd=project.folder, env=project.environment(), capture_output=True, text=True
        )
    said = done.stdout + done.stderr
    assert done.returncode and "Killed" in said and "Error in rule embed_images" in said
    project.snakemake("all")
    assert project.tables() == finished.tables()


def stamp(project, hours: float) -> None:
    then = time.time() + 3600 * hours
    for path in (project.results / "people" / "embeddings").rglob("*.parquet"):
        os.utime(path, (then, then))


def test_a_clock_that_jumps(finished, tmp_path):
    """Files with past timestamps are accepted; files with future ones are reported until their timestamps are fixed."""
    project = unfinished(finished, tmp_path / "project", "analysis")
    stamp(project, 30)
    said = project.snakemake("all", check=False)
    assert "embeddings" in said and "clock skew" in said
    stamp(project, -30)
    project.snakemake("all")
    assert project.tables() == finished.tables()


def test_a_truncated_parquet_is_named_and_deleting_it_mends_the_study(finished, tmp_path):
    project = unfinished(finished, tmp_path / "project", "analysis")
    damaged = sorted((project.results / "people" / "embeddings" / "dino").glob("*.parquet"))[0]
    damaged.write_bytes(damaged.read_bytes()[:-100])
    assert "Error in rule" in project.snakemake("all", check=False)
    assert f"{damaged.relative_to(project.folder)} is damaged" in logs(project)
    damaged.unlink()
    project.snakemake("all")
    assert project.tables() == finished.tables()


def test_a_replaced_picture_is_named_and_made_again(finished, tmp_path):
    """The encoder detects an image stored under another image's name, and the advice of the message repairs it."""
    project = unfinished(finished, tmp_path / "project", "embedding")
    first, second = sorted((project.results / "store").rglob("*.png"))[:2]
    first.write_bytes(second.read_bytes())
    project.snakemake("all", check=False)
    assert f"{first.relative_to(project.folder)} is not the picture that its manifest describes" in logs(project)
    project.snakemake("all", "--forcerun", "synthesise", "index_images")
    assert project.tables() == finished.tables()


def test_one_core_gives_the_same_tables(finished, project):
    """The run also uses another folder, locale and time zone, as in test_resume.py."""
    project.snakemake("all", "--cores", "1")
    assert project.tables() == finished.tables()
