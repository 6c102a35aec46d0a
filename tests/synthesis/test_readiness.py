"""Test that a machine on which a study would take weeks is refused before anything is loaded."""

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

from tests.conftest import ROOT
from untold.base.devices import MachineError
from untold.study.plan import GeneratedPlan
from untold.study.schema import parse_study
from untold.study.schema_synthesis import Synthesis
from untold.synthesis import machine as machine_module
from untold.synthesis import readiness
from untold.synthesis.cost import SDXL, image_count
from untold.synthesis.machine import check_machine, report
from untold.synthesis.prompts import write_prompts
from untold.synthesis.readiness import denoiser_parameters, require_machine

MINIATURE = ROOT / "resources" / "miniature" / "sdxl"
STUDY = parse_study(yaml.safe_load((ROOT / "config" / "sdxl.yaml").read_text()), "config/sdxl.yaml")


@pytest.fixture
def machine(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(readiness.torch.cuda, "is_available", lambda: False)

    def set_problem(problem):
        monkeypatch.setattr(readiness, "gpu_problem", lambda: problem)

    set_problem(None)
    return set_problem


def test_a_small_model_needs_no_gpu(machine, caplog):
    require_machine(MINIATURE, "fast")
    machine("the driver of the GPU is too old")
    require_machine(MINIATURE, "reference")
    assert "too old; computing on the CPU" in caplog.text


@pytest.mark.parametrize("profile", ["half", "fast"])
def test_a_promised_gpu_that_cannot_be_used_stops_profiles_made_for_it(machine, profile):
    machine("the driver of the GPU is too old")
    with pytest.raises(MachineError, match="too old; or set CUDA_VISIBLE_DEVICES= "):
        require_machine(MINIATURE, profile)


def test_a_large_model_needs_a_gpu_or_ones_word(machine, monkeypatch):
    monkeypatch.setattr(readiness, "denoiser_parameters", lambda folder: 2_567_463_684)
    with pytest.raises(MachineError, match=r"2\.6 billion parameters and this machine has no GPU.*docs/cluster\.md"):
        require_machine(MINIATURE, "reference")
    machine("the driver of the GPU is too old")
    with pytest.raises(MachineError, match="too old"):
        require_machine(MINIATURE, "reference")
    machine(None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    require_machine(MINIATURE, "fast")


def test_parameters_are_counted_once_whatever_the_files(tmp_path):
    half, whole = np.zeros((4, 5), np.float16), np.zeros((4, 5), np.float32)
    unet = tmp_path / "unet"
    unet.mkdir()
    save_file({"a": whole, "b": whole}, unet / "diffusion_pytorch_model.safetensors")
    save_file({"a": half, "b": half}, unet / "diffusion_pytorch_model.fp16.safetensors")
    assert denoiser_parameters(tmp_path) == 40
    (tmp_path / "unet").rename(tmp_path / "transformer")
    for file in (tmp_path / "transformer").iterdir():
        file.unlink()
    for number in (1, 2):
        save_file({"a": whole}, tmp_path / "transformer" / f"diffusion_pytorch_model-0000{number}-of-00002.safetensors")
    assert denoiser_parameters(tmp_path) == 40
    assert denoiser_parameters(tmp_path / "nothing") == 0


def test_the_arithmetic_of_an_image_is_the_one_counted():
    settings = Synthesis(
        steps=20,
        guidance=7.5,
        width=768,
        height=768,
        scheduler="euler_ancestral",
        profile="fast",
        noise="paired",
        batch_size=None,
    )
    assert SDXL.of(settings) == pytest.approx(151.4e12, rel=1e-3)
    few = settings.model_copy(update={"steps": 4, "guidance": 0.0, "width": 512, "height": 512})
    assert SDXL.of(few) == pytest.approx(9.03e12, rel=1e-2)


def test_the_machine_is_checked_without_a_gpu(machine, tmp_path, capsys):
    plan = GeneratedPlan("people", STUDY.datasets["people"], STUDY)
    assert report(check_machine(MINIATURE, tmp_path / "results", {"sdxl.yaml, people": plan}))
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("note") and "no GPU" in line for line in lines)
    for profile in ("reference", "half", "fast"):
        assert any(line.startswith("ok") and f"{profile}: an image of the small model" in line for line in lines)
    assert any("sdxl.yaml, people: 13728 images at about" in line for line in lines)


def test_what_is_wrong_with_a_machine_is_its_result(machine, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(machine_module, "gpu_problem", lambda: "the driver of the GPU is too old")
    monkeypatch.setattr(machine_module.shutil, "which", lambda name: None)
    assert not report(check_machine(tmp_path, tmp_path, {}))
    printed = capsys.readouterr().out
    assert "problem  the driver of the GPU is too old" in printed
    assert "no C compiler" in printed and "problem  reference: ValueError" in printed


def test_images_are_counted_as_they_are_written():
    plan = GeneratedPlan("people", STUDY.datasets["people"], STUDY)
    settings = plan.settings
    seeds = range(settings.seeds), range(settings.seeds, settings.neutral_seeds)
    rows = write_prompts(plan.activities[:2], settings.prompts, *seeds, "paired").num_rows
    assert image_count(plan) == rows / 2 * len(plan.activities)
