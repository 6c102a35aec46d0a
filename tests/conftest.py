"""Shared fixtures: a tiny study that Snakemake has run, and a simulated study."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
# With one worker per core, more threads would only wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"


@dataclass
class Project:
    """Copy of the project with its own configuration and results."""

    folder: Path
    study: str = "tiny"

    @property
    def config_file(self) -> Path:
        return self.folder / "config" / f"{self.study}.yaml"

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def config(self) -> dict:
        return yaml.safe_load(self.config_file.read_text())

    def change(self, edit: Callable[[dict], object]) -> None:
        """Edit the configuration."""
        values = self.config()
        edit(values)
        self.config_file.write_text(yaml.safe_dump(values, sort_keys=False))

    def command(self, *arguments: str) -> list[str]:
        configured = ["--configfile", f"config/{self.study}.yaml", "--cores", "2"]
        return [sys.executable, "-m", "snakemake", *configured, *arguments]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "CI": "true", "PYTHONPATH": "", "OMP_NUM_THREADS": "1"}

    def snakemake(self, *arguments: str, check: bool = True, **changes: str) -> str:
        """Run Snakemake and return everything it printed."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment() | changes,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1200,
            check=False,
        )
        if check and done.returncode:
            logs = "".join(f"\n== {log}\n{log.read_text()[-1500:]}" for log in sorted(self.results.rglob("*.log"))[-3:])
            pytest.fail(f"snakemake {' '.join(arguments)} failed:\n{done.stdout[-4000:]}{logs}")
        return done.stdout

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start Snakemake in the background, in its own process group, so that it can be killed with all its jobs."""
        with self.log.open("w") as log:
            return subprocess.Popen(
                self.command(*arguments),
                cwd=self.folder,
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def log(self) -> Path:
        """Return the output of a started run."""
        return self.folder / "run.log"

    def planned(self, *arguments: str) -> dict[str, int]:
        """Return the number of jobs of each rule in a dry run."""
        text = self.snakemake("--dry-run", *arguments)
        if "Nothing to be done" in text:
            return {}
        table = text.split("Job stats:")[-1].split("total")[0]
        return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)\s*$", table, re.MULTILINE)}

    def tables(self) -> dict[str, bytes]:
        """Return the content of every CSV table."""
        return {path.name: path.read_bytes() for path in sorted((self.results / "tables").glob("*.csv"))}

    def store(self) -> set[str]:
        """Return the names of the images in the store."""
        return {path.name for path in (self.results / "store").rglob("*.png")}

    def copy(self, folder: Path) -> "Project":
        """Copy the project to another folder, preserving timestamps."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder, self.study)


# The results of a finished study that exist before a stage and all later stages have run.
KEPT = {
    "report": ("store", "people", "faces", "tables", "provenance"),
    "analysis": ("store", "*/prompts", "*/images", "*/latents", "*/rejects", "*/embeddings", "*/tokens"),
    "embedding": ("store", "*/prompts", "*/images", "*/latents", "*/rejects"),
    "synthesis": (),
}


def unfinished(finished: Project, folder: Path, stage: str) -> Project:
    """Copy the finished study in its state before a stage; Snakemake accepts missing files that no job needs."""
    project = finished.copy(folder)
    kept = {path for pattern in KEPT[stage] for path in project.results.glob(pattern)}
    for path in sorted(project.results.rglob("*")):
        if path.is_file() and not kept.intersection(path.parents):
            path.unlink()
    return project


def copy_tree(folder: Path, without: tuple[str, ...]) -> None:
    """Copy the project's own files from the working tree, except for some folders."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file() and not name.startswith(without):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def new_project(folder: Path, weights: Path) -> Project:
    """Create a copy of the project with a tiny configuration and its own models."""
    copy_tree(folder, without=("resources/", "docs/", "tests/"))
    shutil.copytree(weights, folder / "weights")
    values = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    people, faces = values["datasets"]["people"], values["datasets"]["faces"]
    people["activities"]["limit"] = 5
    people |= {"seeds": 2, "neutral_seeds": 3, "shards": {"synthesis": 4, "embedding": 2}}
    people["synthesis"] |= {"steps": 2, "batch_size": 4}
    people.pop("planted")
    faces |= {"path": "weights/faces", "encoders": ["clip"]}
    values["models"]["miniature"]["source"]["path"] = "weights/sdxl"
    for encoder, name in (("clip", "clip"), ("dino", "dino"), ("resnet50", "resnet")):
        values["encoders"][encoder]["source"]["path"] = f"weights/{name}"
    values["inference"] |= {"resamples": 200, "permutations": 200}
    values["clusters"] |= {"k": 2, "bootstraps": 2, "null_sets": 19, "permutations": 19}
    project = Project(folder)
    project.config_file.write_text(yaml.safe_dump(values, sort_keys=False))
    return project


# The time of an example depends on the machine, so there is no deadline.
hypothesis.settings.register_profile("untold", deadline=None)
hypothesis.settings.load_profile("untold")


@pytest.fixture(autouse=True)
def denormals():
    """Restore denormals, which scripts flush for the whole process; hypothesis refuses to draw floats without them."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)


def built_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], object]) -> Path:
    """Return a folder shared by all workers of a test run; the first worker builds it, and the others wait."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = shared / name, shared / f"{name}.done"
    with open(shared / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # left by a failed attempt
            folder.mkdir()
            build(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session")
def simulated(tmp_path_factory) -> Path:
    """Provide the results of a simulated study with hostile names; tests copy them before changing anything."""
    from tests.simulated import study

    return built_once(tmp_path_factory, "simulated", study) / "results"


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory) -> Path:
    """Provide models of the real classes with random weights, and a folder of labelled images."""
    return built_once(tmp_path_factory, "weights", make_tiny_weights)


def make_tiny_weights(folder: Path) -> None:
    import numpy as np
    from PIL import Image

    from tests.tiny import tiny_sdxl
    from tests.tiny_encoders import tiny_clip, tiny_dino, tiny_resnet

    tiny_clip(folder / "clip")
    tiny_dino(folder / "dino")
    tiny_resnet(folder / "resnet")
    tiny_sdxl(folder / "sdxl")
    (folder / "faces").mkdir()
    rng = np.random.default_rng(0)
    for number in range(24):
        name = f"{20 + 2 * number}_{number % 2}_{number % 5}_2017010900000{number:04d}.png"
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(folder / "faces" / name)
    (folder / "faces" / "broken.jpg").write_bytes(b"not an image")


@pytest.fixture
def project(tmp_path, tiny_weights) -> Project:
    """Provide a project that has not run yet."""
    return new_project(tmp_path / "project", tiny_weights)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, tiny_weights) -> Project:
    """Provide a project whose tiny study has run; tests copy it before changing anything."""

    def run(folder: Path) -> None:
        new_project(folder / "project", tiny_weights).snakemake("all")

    return Project(built_once(tmp_path_factory, "finished", run) / "project")
