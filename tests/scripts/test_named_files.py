"""Test that scripts take files by name, whatever the names of their folders and their order."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from scripts import measure_reference, project
from tests.conftest import ROOT
from untold.data.parquet import read_table, write_arrays, write_table
from untold.statistics.resampling import Resampling
from untold.study.schema_analysis import Projections

STUDY = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


@pytest.fixture
def dataset(tmp_path):
    """Write forty images with latents, and vectors of an encoder whose name ends like the folder of the latents."""
    rng = np.random.default_rng(0)
    keys = [f"k{number:02d}" for number in range(40)]
    images = pd.DataFrame({"key": keys, "activity_id": [f"a{n // 4}" for n in range(40)], "group": "neutral"})
    images = images.assign(role="neutral", seed=[n % 4 for n in range(40)], accepted=True)
    write_table(tmp_path / "images.parquet", images)
    latents = tmp_path / "latents" / "0000-of-0001.parquet"
    encoded = tmp_path / "embeddings" / "sd_latents" / "0000-of-0001.parquet"
    write_arrays(latents, keys, {"latents": rng.normal(size=(40, 4, 2, 2)).astype(np.float16)}, {})
    write_arrays(encoded, keys, {"vector": rng.normal(1, 0.1, size=(40, 8)).astype(np.float32)}, {})
    return {"latents": [latents], "sd_latents": [encoded]}


def test_an_encoder_called_sd_latents_is_mapped_beside_the_latents(dataset, tmp_path):
    chosen = Projections(**STUDY["projections"] | {"neighbors": 5, "perplexity": 5.0})
    spaces = {"latents": ("latents", "key"), "sd_latents": ("vector", "key")}
    settings = project.Settings(projections=chosen, spaces=spaces)
    images, projections = [tmp_path / "images.parquet"], tmp_path / "projections.parquet"
    project.main(settings=settings, images=images, vectors=dataset, projections=projections)
    assert read_table(projections).groupby("space")["key"].nunique().to_dict() == {"latents": 40, "sd_latents": 40}


def test_an_encoder_called_sd_latents_has_a_reference_of_its_own(dataset, tmp_path):
    resampling = Resampling(200, 200, 0.95, 0)
    settings = measure_reference.Settings(
        dataset="people",
        spaces={"latents": "latents", "sd_latents": "vector"},
        resampling=resampling,
    )
    reference, crossed = tmp_path / "reference.csv", tmp_path / "crossed.csv"
    images = [tmp_path / "images.parquet"]
    measure_reference.main(settings=settings, images=images, vectors=dataset, reference=reference, crossed=crossed)
    floor = pd.read_csv(reference).set_index("space")["floor"]
    assert abs(floor["latents"]) < 0.2 and floor["sd_latents"] > 0.9


SCRIPT = """
import sys
from pathlib import Path
from scripts.cli import NamedFiles, run
def main(*, vectors: NamedFiles, page: Path) -> None:
    print({name: [str(path) for path in paths] for name, paths in vectors.items()}, page)
run(main)
"""


def command_line(*words):
    return subprocess.run([sys.executable, "-c", SCRIPT, *words], cwd=ROOT, capture_output=True, text=True, check=False)


def test_names_stand_before_their_files_on_the_command_line():
    done = command_line("--vectors", "latents=", "a b.parquet", "c.parquet", "dino=", "sd_latents=", "d", "--page", "p")
    assert done.stdout == "{'latents': ['a b.parquet', 'c.parquet'], 'dino': [], 'sd_latents': ['d']} p\n", done.stderr


def test_a_file_without_a_name_is_refused():
    done = command_line("--vectors", "a.parquet", "--page", "p")
    assert done.returncode and "files come behind a name" in done.stdout + done.stderr
