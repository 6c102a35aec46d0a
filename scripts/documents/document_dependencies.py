"""Write what follows from requirements.lock: the conda environment with the same pins, and the list of licences."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from scripts.cli import run
from untold.base.files import atomic


def pins(lock: str) -> dict[str, str]:
    """``name==version`` by package, as it applies to Python 3.11 on Linux."""
    lines = re.findall(r"^([a-z0-9-]+)(==[^ ]+)([^\\\n]*)", lock, re.MULTILINE)
    return {name: name + version for name, version, marker in lines if ">= '3.12'" not in marker}


def conda_environment(lock: str, project: str) -> str:
    """An environment file with the direct dependencies as the lock pins them."""
    pinned = pins(lock)
    direct = [re.split(r"[^a-z0-9-]", line)[0] for line in tomllib.loads(project)["project"]["dependencies"]]
    head = [
        "# Made from requirements.lock by `make lock`; do not edit.",
        "channels:",
        "  - conda-forge",
        "dependencies:",
    ]
    lines = [f"      - {pinned[name]}" for name in direct]
    return "\n".join([*head, "  - python=3.11", "  - pip", "  - pip:", *lines, ""])


def licences(lock: str) -> str:
    """A Markdown table of every locked package, its version and the licence that its metadata states."""
    rows = []
    for name in sorted(pins(lock)):
        try:
            about = metadata(name)
        except PackageNotFoundError:
            continue  # of another platform
        classifiers = [line.split(" :: ")[-1] for line in about.get_all("Classifier", []) if line.startswith("License")]
        fields = [*about.get_all("License-Expression", []), "; ".join(classifiers), *about.get_all("License", [])]
        stated = next(filter(None, fields), "not stated")
        rows.append(f"| {name} | {about['Version']} | {stated.splitlines()[0][:80].replace('|', '/')} |")
    head = [
        "# Licences of the dependencies",
        "",
        "Made by `make lock`.",
        "",
        "| package | version | licence |",
        "|---|---|---|",
    ]
    return "\n".join([*head, *rows, ""])


def main() -> None:
    lock = Path("requirements.lock").read_text(encoding="utf-8")
    project = Path("pyproject.toml").read_text(encoding="utf-8")
    for path, text in (("envs/untold.yaml", conda_environment(lock, project)), ("docs/licences.md", licences(lock))):
        with atomic(Path(path)) as part:
            part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)
