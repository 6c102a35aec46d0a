"""Exports: what other tools open holds what the study holds."""

import io
import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image
from rocrate.rocrate import ROCrate

from scripts import export_crate, export_dataset
from tests.simulated import HOSTILE, study
from tests.test_figures import PEOPLE


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return study(tmp_path_factory.mktemp("study"), activities=6, seeds=2, faces=0, hostile=True)


def test_imagefolder_and_parquet_hold_every_accepted_image(results, tmp_path):
    images = sorted((results / "people" / "images").glob("*.parquet"))
    export_dataset.main(
        settings=export_dataset.Settings(dataset="people", keys=PEOPLE["keys"]),
        images=images,
        projections=results / "people" / "projections.parquet",
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


def test_crate_is_read_back_with_its_run(results, tmp_path, monkeypatch):
    tables = sorted((results / "tables").glob("people-*.csv"))
    export_crate.main(
        settings=export_crate.Settings(title="A study", study={"note": HOSTILE[0]}, identities={"dino": "sha256:1"}),
        results=tables,
        code=[export_crate.Path("requirements.lock")],
        crate=tmp_path / "study.crate.zip",
    )
    crate = ROCrate(tmp_path / "study.crate.zip")
    assert crate.mainEntity.id == "Snakefile" and "ComputationalWorkflow" in crate.mainEntity.type
    run = crate.get("#run")
    assert run.type == "CreateAction" and run["instrument"].id == "Snakefile" and run["endTime"]
    assert {entity.id for entity in run["result"]} == {f"results/tables/{path.name}" for path in tables}
    assert {"config.json", "#model-dino"} <= {entity.id for entity in run["object"]}
    profiles = {entity.id for entity in crate.root_dataset["conformsTo"]}
    assert set(export_crate.PROFILES) <= profiles
