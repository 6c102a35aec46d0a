"""Studies that several tests share: a tiny one that Snakemake has run, and a simulated one."""

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
    """A copy of the project with a configuration and results of its own."""

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
        """Run Snakemake beside the test, in a process group of its own, so that it can die with all its jobs."""
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
        """What a started run printed."""
        return self.folder / "run.log"

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs that a dry run announces, by rule."""
        text = self.snakemake("--dry-run", *arguments)
        if "Nothing to be done" in text:
            return {}
        table = text.split("Job stats:")[-1].split("total")[0]
        return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)\s*$", table, re.MULTILINE)}

    def tables(self) -> dict[str, bytes]:
        """Content of every table that people read."""
        return {path.name: path.read_bytes() for path in sorted((self.results / "tables").glob("*.csv"))}

    def store(self) -> set[str]:
        """Names of the images in the store."""
        return {path.name for path in (self.results / "store").rglob("*.png")}

    def copy(self, folder: Path) -> "Project":
        """The same state elsewhere, time stamps kept."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder, self.study)


# What is left of a finished study when a stage and all that follows it has yet to run.
KEPT = {
    "report": ("store", "people", "faces", "tables", "provenance"),
    "analysis": ("store", "*/prompts", "*/images", "*/latents", "*/rejects", "*/embeddings", "*/tokens"),
    "embedding": ("store", "*/prompts", "*/images", "*/latents", "*/rejects"),
    "synthesis": (),
}


def unfinished(finished: Project, folder: Path, stage: str) -> Project:
    """A copy of the finished study as it is before a stage: Snakemake forgives missing files that nothing asks for."""
    project = finished.copy(folder)
    kept = {path for pattern in KEPT[stage] for path in project.results.glob(pattern)}
    for path in sorted(project.results.rglob("*")):
        if path.is_file() and not kept.intersection(path.parents):
            path.unlink()
    return project


def copy_tree(folder: Path, without: tuple[str, ...]) -> None:
    """The project's own files as they are in the working tree, but for some folders."""
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
    """The project with a tiny configuration and models of its own."""
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


# How long an example takes is the machine's business.
hypothesis.settings.register_profile("untold", deadline=None)
hypothesis.settings.load_profile("untold")


@pytest.fixture(autouse=True)
def denormals():
    """Scripts flush denormals for the whole process; hypothesis refuses to draw floats then."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)


def built_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], object]) -> Path:
    """A folder that every worker of a test run shares; the first that asks for it builds it, the others wait."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = shared / name, shared / f"{name}.done"
    with open(shared / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what a failed attempt left
            folder.mkdir()
            build(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session")
def simulated(tmp_path_factory) -> Path:
    """Results of a simulated study with hostile names; tests copy them before they change anything."""
    from tests.simulated import study

    return built_once(tmp_path_factory, "simulated", study) / "results"


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory) -> Path:
    """Models of the real classes with random weights, and a folder of labelled pictures."""
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
    """A project that has not run yet."""
    return new_project(tmp_path / "project", tiny_weights)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, tiny_weights) -> Project:
    """A project whose tiny study has run; tests copy it before they change anything."""

    def run(folder: Path) -> None:
        new_project(folder / "project", tiny_weights).snakemake("all")

    return Project(built_once(tmp_path_factory, "finished", run) / "project")
