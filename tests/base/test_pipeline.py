"""Test that models which cannot be used are named before anything is loaded, with the remedy."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.conftest import ROOT
from untold.base.pipeline import pipeline_problem

MINIATURE = ROOT / "resources" / "miniature" / "sdxl"


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(MINIATURE, tmp_path / "model")


def edit(folder, **changes) -> None:
    index = folder / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | changes))


def test_a_pipeline_has_no_problem(folder):
    assert pipeline_problem(folder) is None
    edit(folder, requires_safety_checker=True, _name_or_path="x", feature_extractor=[None, None])
    assert pipeline_problem(folder) is None


@pytest.mark.parametrize("place", ["model.safetensors", "folder/model.safetensors"])
def test_a_single_file_is_to_be_converted_and_a_lora_to_be_merged(tmp_path, place):
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    named = file if file.parent == tmp_path else file.parent
    save_file({"model.diffusion_model.out.0.weight": np.zeros(3)}, file)
    assert "is a single-file checkpoint" in pipeline_problem(named) and "from_single_file" in pipeline_problem(named)
    for key in ("unet.down_blocks.0.lora_A.weight", "lora_unet_down_blocks_0.alpha", "a.processor.to_q.lora.up.weight"):
        save_file({key: np.zeros(3)}, file)
        assert "is a LoRA" in pipeline_problem(named) and "fuse_lora" in pipeline_problem(named)


def test_a_component_that_was_left_out_is_named(folder):
    shutil.rmtree(folder / "text_encoder_2")
    assert f"{folder / 'text_encoder_2'} is missing" in pipeline_problem(folder)
    edit(folder, text_encoder_2=[None, None])
    assert pipeline_problem(folder) is None


def test_a_pipeline_of_another_kind_is_not_supported(folder):
    """Kandinsky 2 keeps its autoencoder under another name, and its denoiser needs another model's embeddings."""
    shutil.move(folder / "vae", folder / "movq")
    index = json.loads((folder / "model_index.json").read_text())
    edit(folder, _class_name="KandinskyV22Pipeline", movq=index["vae"], vae=[None, None])
    assert pipeline_problem(folder).startswith("KandinskyV22Pipeline is not supported")


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_damaged_index(folder, text):
    (folder / "model_index.json").write_text(text)
    assert "model_index.json is damaged" in pipeline_problem(folder)


def test_a_folder_without_anything(tmp_path):
    assert "model_index.json does not exist" in pipeline_problem(tmp_path)
