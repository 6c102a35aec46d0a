"""Test reading a finished study from Python: it returns what was written, also from an installed package."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import untold
from tests.conftest import ROOT, copy_tree
from tests.simulated import FACES_SPACES, PEOPLE_SPACES


@pytest.fixture(scope="module")
def study(simulated):
    return untold.open_study(simulated)


def test_every_table_is_read_as_it_was_written(study, simulated):
    assert study.datasets == ["faces", "people"]
    written = {path.stem for path in (simulated / "tables").glob("*.csv")}
    assert written == {f"{name}-{table}" for name in study.datasets for table in study[name].tables}
    contrasts = study["people"].table("contrasts")
    assert contrasts.equals(pd.read_csv(simulated / "tables" / "people-contrasts.csv"))


def test_vectors_belong_to_images_or_prompts(study):
    people = study["people"]
    assert people.spaces == sorted(PEOPLE_SPACES) and study["faces"].spaces == sorted(FACES_SPACES)
    for name in study.datasets:
        for space in study[name].spaces:
            keys, vectors = study[name].vectors(space)
            owners = study[name].prompts["prompt_key"] if space == "clip_text" else study[name].images["key"]
            assert len(keys) == len(vectors) == len(set(keys)) and set(keys) <= set(owners)
            assert list(keys) == sorted(keys) and set(keys) == set(study[name].clusters(space)["key"])
    assert people.vectors("latents")[1].ndim == 4 and people.vectors("dino")[1].dtype == np.float32
    assert not np.array_equal(people.vectors("clip_image")[1], people.vectors("clip_text")[1])


def test_vectors_of_several_shards_come_in_the_order_of_their_keys(simulated, tmp_path):
    from untold.data.parquet import read_arrays, write_arrays, write_table

    place = simulated / "people"
    write_table(tmp_path / "people" / "images" / "0000-of-0001.parquet", untold.open_study(simulated)["people"].images)
    write_table(tmp_path / "people" / "clusters" / "dino.parquet", pd.DataFrame({"key": []}))
    keys, vectors = read_arrays(next((place / "embeddings" / "dino").glob("*.parquet")))
    for shard in range(2):
        path = tmp_path / "people" / "embeddings" / "dino" / f"000{shard}-of-0002.parquet"
        write_arrays(path, keys[shard::2], {"vector": vectors[shard::2]}, {})
    again, values = untold.open_study(tmp_path)["people"].vectors("dino")
    assert np.array_equal(again, keys) and np.array_equal(values, vectors)


def test_the_rest_is_there(study):
    people = study["people"]
    totals = people.predictions("clip").groupby(["key", "attribute", "classifier"])["probability"].sum()
    assert totals.round(4).eq(1).all()
    assert set(people.similarity["space"]) >= {"dino", "clip_text"}
    assert set(people.projections["key"]) <= set(people.images["key"]) | set(people.prompts["prompt_key"])


def test_unknown_names_are_told_with_the_known_ones(study, tmp_path):
    with pytest.raises(KeyError, match="did you mean 'people'"):
        study["peple"]
    with pytest.raises(KeyError, match="did you mean 'contrasts'"):
        study["people"].table("contrast")
    with pytest.raises(KeyError, match=r"there are: clip_image, dino"):
        study["faces"].vectors("latents")
    with pytest.raises(KeyError, match="encoder"):
        study["people"].predictions("dino")
    with pytest.raises(KeyError, match="only generated datasets"):
        _ = study["faces"].prompts
    with pytest.raises(FileNotFoundError, match="run the study first"):
        untold.open_study(tmp_path)


def test_an_installed_package_reads_a_study(simulated, tmp_path):
    """The package is built from the tracked files with the installed tools, without a network."""
    copy_tree(tmp_path / "clone", without=())
    target = tmp_path / "installed"
    tool = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation"]
    subprocess.run([*tool, "--python", sys.executable, "--target", target, tmp_path / "clone"], check=True)
    modules = {path.relative_to(ROOT / "untold") for path in (ROOT / "untold").rglob("*.*") if path.suffix != ".pyc"}
    assert modules == {
        path.relative_to(target / "untold") for path in (target / "untold").rglob("*.*") if path.suffix != ".pyc"
    }
    code = f"import untold; print(untold.__file__, len(untold.open_study({str(simulated)!r})['people'].images))"
    surroundings = {"PYTHONPATH": str(target), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=surroundings, capture_output=True, text=True, check=True
    )
    place, count = done.stdout.split()
    assert place == str(target / "untold" / "__init__.py") and int(count) > 100


def test_opening_a_study_loads_neither_the_engine_nor_models(simulated):
    code = f"""
import sys, untold
people = untold.open_study({str(simulated)!r})["people"]
people.vectors("dino"), people.table("contrasts"), people.images
print(*sys.modules)
"""
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"torch", "snakemake", "matplotlib"} & set(loaded.split())
