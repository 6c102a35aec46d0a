"""Pack a finished study as a Workflow Run RO-Crate: the workflow, its inputs and its results."""

import io
import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from scripts.cli import run
from untold.base.files import atomic
from untold.base.places import ROOT

# The run profiles build on RO-Crate 1.1, whatever the library's default is.
CRATE = "1.1"
PROFILES = (
    "https://w3id.org/ro/wfrun/process/0.5",
    "https://w3id.org/ro/wfrun/workflow/0.5",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
)
LICENSE = {
    "@type": "CreativeWork",
    "name": "MIT License",
    "description": "Of the workflow and of this description; models and images have their own.",
    "url": "https://spdx.org/licenses/MIT",
}
FORMATS = {
    ".csv": "text/csv",
    ".svg": "image/svg+xml",
    ".html": "text/html",
    ".json": "application/json",
    ".lock": "text/plain",
}


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The configuration of the study, the identities of its models, and the version and files of the workflow."""

    title: str
    version: str
    study: dict[str, Any]
    identities: dict[str, str]
    code: list[str]


def main(*, settings: Settings, results: list[Path], crate: Path) -> None:
    packed = ROCrate(version=CRATE)
    packed.name = settings.title
    packed.description = "A study of demographic bias in text-to-image models, made by the workflow Untold."
    packed.root_dataset["license"] = packed.add(ContextEntity(packed, LICENSE["url"], LICENSE))
    about = {"name": "Untold", "version": settings.version, "encodingFormat": "text/x-python"}
    workflow = packed.add_workflow(
        ROOT / "Snakefile",
        "Snakefile",
        properties=about,
        main=True,
        lang="snakemake",
        lang_version=version("snakemake"),
    )
    for path in sorted(set(settings.code) - {"Snakefile"}):
        packed.add_file(ROOT / path, path, properties={"encodingFormat": "text/plain"})
    text = json.dumps(settings.study, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    about = {"encodingFormat": FORMATS[".json"], "name": "Configuration of the study"}
    config = packed.add_file(io.StringIO(text), "config.json", properties=about)
    made = [
        packed.add_file(path, place(path), properties={"encodingFormat": FORMATS.get(path.suffix, "text/plain")})
        for path in sorted(results)
    ]
    models = [
        packed.add(
            ContextEntity(
                packed,
                f"#model-{name}",
                {"@type": "CreativeWork", "name": f"Weights of {name}", "identifier": identity},
            )
        )
        for name, identity in sorted(settings.identities.items())
    ]
    run_of_study = {
        "@type": "CreateAction",
        "name": f"Run of the study {settings.title}",
        "description": "From the configuration and the models to the tables, the figures and the page.",
    }
    action = packed.add(ContextEntity(packed, "#run", run_of_study))
    action["instrument"] = workflow
    action["object"] = [config, *models]
    action["result"] = made
    finished = max(path.stat().st_mtime for path in results)
    action["endTime"] = datetime.fromtimestamp(finished, UTC).isoformat(timespec="seconds")
    packed.root_dataset["mentions"] = action
    profiles = [
        packed.get(address)
        or packed.add(ContextEntity(packed, address, {"@type": "CreativeWork", "name": address.split("w3id.org/")[1]}))
        for address in PROFILES
    ]
    packed.root_dataset["conformsTo"] = profiles
    with atomic(crate) as part:
        packed.write_zip(part)


def place(path: Path) -> str:
    """Path of a result in the crate: below results/, whatever the study's folder is called."""
    return Path(
        "results", *path.parts[-2:] if path.parent.name in ("tables", "figures") else path.parts[-1:]
    ).as_posix()


if __name__ == "__main__":
    run(main)
