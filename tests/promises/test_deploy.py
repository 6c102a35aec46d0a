"""Test that the workflow runs from a study in another folder, as a module, and deployed by snakedeploy.

Each test runs a small study up to its page.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, Project, copy_tree, new_project

pytestmark = pytest.mark.slow

ADDRESS = "https://github.com/untold-founders/untold"


@pytest.fixture(scope="module")
def workflow(tmp_path_factory) -> Path:
    """Copy the workflow's own files, without a model, to a folder whose name needs quoting."""
    folder = tmp_path_factory.mktemp("workflow") / "the workflow of Zoë (2)"
    copy_tree(folder, without=("resources/", "docs/", "tests/", "benchmarks/"))
    return folder


@pytest.fixture
def study(tmp_path, tiny_weights) -> Project:
    """Create a study with three activities, one space and its own models, without any file of the workflow."""
    whole = new_project(tmp_path / "whole", tiny_weights)
    values = whole.config()
    values["datasets"].pop("faces")
    values["encoders"] = {"clip": values["encoders"]["clip"]}
    values["datasets"]["people"]["activities"] |= {"limit": 3, "file": "our activities.csv"}
    values["datasets"]["people"]["shards"] = {"synthesis": 1, "embedding": 1}
    folder = tmp_path / "Étude n° 1, people's"
    (folder / "config").mkdir(parents=True)
    shutil.move(whole.folder / "weights", folder / "weights")
    shutil.copy(ROOT / "config" / "activities.csv", folder / "our activities.csv")
    # A package with the same name as that of the workflow, which no job may import.
    (folder / "scripts").mkdir()
    (folder / "scripts" / "__init__.py").write_text("raise RuntimeError('the package of the study')\n")
    project = Project(folder)
    project.config_file.write_text(yaml.safe_dump(values, sort_keys=False))
    return project


def run(study: Project, *arguments: str | Path, **changes: str) -> str:
    """Run Snakemake in the study's folder up to the page."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *map(str, arguments)],
        cwd=study.folder,
        env=study.environment() | changes,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


def assert_finished(study: Project, *arguments: str | Path, **changes: str) -> None:
    """Assert that the page exists, all results are in the study's folder, and a second run has nothing to do."""
    page = (study.results / "report.html").read_text()
    assert "Three people" in page and "<svg" in page
    assert (study.folder / ".snakemake").is_dir()
    assert "Nothing to be done" in run(study, *arguments, **changes)


@pytest.fixture(autouse=True)
def title(study):
    study.change(lambda config: config["report"].update(title="Three people"))


def test_from_an_empty_folder(workflow, study, tmp_path):
    """A run with ``--directory`` from an unrelated folder leaves the workflow's own folder unchanged."""
    before = {path: path.stat().st_mtime_ns for path in workflow.rglob("*") if "__pycache__" not in path.parts}
    arguments = ("-s", workflow / "Snakefile", "--directory", study.folder)
    arguments += ("--configfile", study.config_file, "--cores", "2")
    elsewhere = Project(tmp_path / "elsewhere")
    elsewhere.folder.mkdir()
    run(elsewhere, *arguments)
    assert_finished(study, *arguments)
    assert list(elsewhere.folder.iterdir()) == []
    after = {path: path.stat().st_mtime_ns for path in workflow.rglob("*") if "__pycache__" not in path.parts}
    assert {path for path in after if before.get(path) != after[path] and path.is_file()} == set()


def test_the_default_study_is_found_from_an_empty_folder(tmp_path):
    """The configuration, the activities and the embedded models are those of the workflow."""
    folder = Project(tmp_path)
    text = run(folder, "-s", ROOT / "Snakefile", "--dry-run")
    assert "write_report" in text and "synthesise" in text
    assert "fetch_model" not in text


MODULE = """
configfile: "config/tiny.yaml"

module untold:
    snakefile: {snakefile!r}
    config: config

use rule * from untold as untold_*

rule all:
    default_target: True
    input:
        rules.untold_all.input,
        "counted.txt",

rule count:
    input:
        "results/tables/people-contrasts.csv",
    output:
        "counted.txt",
    shell:
        "wc -l {{input}} > {{output}}"
"""


def test_as_a_module(workflow, study):
    """A user's Snakefile includes the workflow, and its own rules read the tables of the study."""
    (study.folder / "Snakefile").write_text(MODULE.format(snakefile=str(workflow / "Snakefile")))
    run(study)
    assert_finished(study)
    assert "people-contrasts.csv" in (study.folder / "counted.txt").read_text()


def test_deployed(workflow, study, tmp_path):
    """Deploy a release as users do; git redirects the address of the repository to a local clone."""
    clone = tmp_path / "clone"
    shutil.copytree(workflow, clone)
    settings = tmp_path / "gitconfig"
    identity = "[user]\nname = Untold\nemail = untold@example.org\n"
    settings.write_text(f'{identity}[url "file://{clone}"]\ninsteadOf = {ADDRESS}\n[safe]\ndirectory = *\n')
    changes = {"GIT_CONFIG_GLOBAL": str(settings), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "A release"], ["tag", "v0.2.0"]):
        subprocess.run(["git", *command], cwd=clone, env=os.environ | changes, check=True)
    deployed = tmp_path / "deployed"
    arguments = ["deploy-workflow", ADDRESS, str(deployed), "--tag", "v0.2.0", "--name", "untold"]
    subprocess.run([Path(sys.executable).with_name("snakedeploy"), *arguments], env=os.environ | changes, check=True)
    assert "github(" in (deployed / "workflow" / "Snakefile").read_text()
    shutil.move(study.config_file, deployed / "config" / "config.yaml")
    for name in ("weights", "our activities.csv", "scripts"):
        shutil.move(study.folder / name, deployed / name)
    study = Project(deployed)
    run(study, **changes)
    assert_finished(study, **changes)
