"""Test exports: the files for other tools contain the content of the study."""

import io
import json
from importlib.resources import files
from zipfile import ZipFile

import pandas as pd
import pyarrow.parquet as pq
import pytest
import requests
from PIL import Image
from rocrate.rocrate import ROCrate
from rocrate_validator import services

from scripts import export_crate, export_dataset
from tests.report.test_figures import PEOPLE
from tests.simulated import HOSTILE


def test_imagefolder_and_parquet_hold_every_accepted_image(simulated, tmp_path):
    images = sorted((simulated / "people" / "images").glob("*.parquet"))
    export_dataset.main(
        settings=export_dataset.Settings(dataset="people", keys=PEOPLE["keys"]),
        images=images,
        projections=simulated / "people" / "projections.parquet",
        folder=tmp_path / "people",
        atlas=tmp_path / "people.parquet",
    )
    manifest = pd.read_parquet(images).query("accepted")
    lines = (tmp_path / "people" / "train" / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == len(manifest) and set(HOSTILE) <= {row["activity"] for row in rows}
    for row in rows:
        assert (tmp_path / "people" / "train" / row["file_name"]).is_file()
    assert (tmp_path / "people" / "README.md").read_text().startswith("---\n")
    assert not list(tmp_path.glob("*.part"))

    table = pq.read_table(tmp_path / "people.parquet")
    assert table.num_rows == len(manifest)
    assert {"filepath", "group", "dino_umap_x", "dino_umap_y", "clip_text_tsne_x"} <= set(table.column_names)
    first = table["image"][0].as_py()
    assert Image.open(io.BytesIO(first["bytes"])).format == "WEBP" and first["path"] == table["filepath"][0].as_py()
    assert table["dino_umap_x"].null_count == 0 and table["clip_text_umap_x"].null_count == 0


@pytest.fixture
def crate(simulated, tmp_path):
    export_crate.main(
        settings=export_crate.Settings(
            title="A study",
            version="1.2.3",
            study={"note": HOSTILE[0]},
            identities={"dino": "sha256:1"},
            code=["requirements.lock"],
        ),
        results=sorted((simulated / "tables").glob("people-*.csv")),
        crate=tmp_path / "study.crate.zip",
    )
    return tmp_path / "study.crate.zip"


def test_crate_is_read_back_with_its_run(simulated, crate):
    crate = ROCrate(crate)
    assert crate.mainEntity.id == "Snakefile" and "ComputationalWorkflow" in crate.mainEntity.type
    run = crate.get("#run")
    assert run.type == "CreateAction" and run["instrument"].id == "Snakefile" and run["endTime"]
    tables = sorted((simulated / "tables").glob("people-*.csv"))
    assert {entity.id for entity in run["result"]} == {f"results/tables/{path.name}" for path in tables}
    assert {"config.json", "#model-dino"} <= {entity.id for entity in run["object"]}
    profiles = {entity.id for entity in crate.root_dataset["conformsTo"]}
    assert set(export_crate.PROFILES) <= profiles


def vocabulary() -> bytes:
    """Provide the terms of RO-Crate 1.1, adapted from the later version that the rocrate library contains."""
    held = json.loads(files("rocrate").joinpath("data/ro-crate.jsonld").read_text(encoding="utf-8"))
    moved = {name: f"https://bioschemas.org/{name}" for name in ("ComputationalWorkflow", "FormalParameter")}
    return json.dumps(held | {"@context": held["@context"] | moved}).encode()


@pytest.fixture
def no_network(monkeypatch):
    """Serve the one document that the validator requests; any other address fails."""

    def request(session, method, url, **rest):
        assert url == "https://w3id.org/ro/crate/1.1/context"
        answer = requests.Response()
        answer.status_code, answer._content, answer.url = 200, vocabulary(), url
        answer.headers["Content-Type"] = "application/ld+json"
        return answer

    monkeypatch.setattr(requests.Session, "request", request)


def test_crate_is_valid(crate, no_network):
    """An independent validator accepts the crate for its declared profiles; the last one inherits the others."""
    settings = {"rocrate_uri": str(crate), "profile_identifier": "workflow-run-crate-0.5", "no_cache": True}
    checked = services.validate({**settings, "requirement_severity": "REQUIRED"})
    assert checked.passed(), [issue.message for issue in checked.get_issues()]
    profiles = {check.requirement.profile.identifier for check in checked.executed_checks}
    assert profiles == {"ro-crate-1.1", "workflow-ro-crate-1.0", "process-run-crate-0.5", "workflow-run-crate-0.5"}


def test_a_crate_without_its_run_is_not_valid(crate, no_network, tmp_path):
    """This shows that the validator can fail."""
    with ZipFile(crate) as whole, ZipFile(tmp_path / "less.zip", "w") as less:
        for name in whole.namelist():
            content = whole.read(name)
            less.writestr(name, content.replace(b'"mainEntity"', b'"about"') if name.endswith(".json") else content)
    settings = {"rocrate_uri": str(tmp_path / "less.zip"), "profile_identifier": "workflow-run-crate-0.5"}
    checked = services.validate({**settings, "no_cache": True, "requirement_severity": "REQUIRED"})
    assert "mainEntity" in str([issue.message for issue in checked.get_issues()])
