"""Test that each miniature model learns within a few steps, and that resumed training equals uninterrupted training."""

import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from diffusers import AutoencoderKL
from torch import nn

from scripts.miniature import encode_scenes, train_clip, train_decoder, train_dino, train_resnet, train_unet, train_vae
from tests.conftest import ROOT
from untold.miniature import diffusion
from untold.miniature.training import follow, learning_rate, train

WORLD = ROOT / "resources" / "miniature"


def losses(checkpoint: Path) -> list[float]:
    return torch.load(checkpoint, weights_only=True)["losses"]


@pytest.fixture(autouse=True)
def short_trainings(monkeypatch):
    """Record the loss of every other step, and train in float32: many processors emulate bfloat16 very slowly."""
    trainings = (train_vae, train_decoder, train_clip, train_resnet, train_dino, train_unet)
    for module in trainings:
        monkeypatch.setattr(module, "train", lambda *args, **kwargs: train(*args, **kwargs, every=4))
    for module in (*trainings[:-1], encode_scenes, diffusion):
        monkeypatch.setattr(module, "mixed", nullcontext)


@pytest.fixture(scope="module")
def vae(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("vae")
    torch.manual_seed(0)
    model = train_vae.build_vae([8, 8, 16, 16])
    model.register_to_config(scaling_factor=0.5)
    model.save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "settings"),
    [
        (train_vae, {"channels": [8, 8, 16, 16], "kl": 2e-4, "batch": 4, "steps": 40, "peak": 3e-3}),
        (train_clip, {"gendered": 0.8, "naming": 0.5, "batch": 16, "steps": 32, "peak": 6e-3}),
        (train_resnet, {"batch": 24, "steps": 32, "peak": 1.2e-2}),
    ],
    ids=["vae", "clip", "resnet"],
)
def test_a_model_of_scenes_learns(script, settings, tmp_path):
    out = script.__name__.rsplit("_", 1)[1]
    script.main(
        settings=json.dumps(settings | {"seed": 1}),
        world=WORLD,
        checkpoint=tmp_path / "run.pt",
        **{out: tmp_path / out},
    )
    fallen = losses(tmp_path / "run.pt")
    assert np.mean(fallen[-3:]) < 0.95 * np.mean(fallen[:3])
    assert list((tmp_path / out).glob("*.safetensors"))


@pytest.mark.slow
def test_dino_learns_without_collapsing(tmp_path):
    settings = {"seed": 1, "batch": 12, "steps": 60, "peak": 1e-3}
    train_dino.main(settings=json.dumps(settings), world=WORLD, checkpoint=tmp_path / "run.pt", dino=tmp_path / "dino")
    fallen = losses(tmp_path / "run.pt")
    # Centring first raises the loss to that of uniform outputs, log(512); learning starts from there.
    uniform = int(np.argmax(fallen))
    assert fallen[uniform] == pytest.approx(np.log(train_dino.PROTOTYPES), abs=0.1)
    assert np.mean(fallen[-3:]) < fallen[uniform] - 0.03
    model = timm.create_model(f"local-dir:{tmp_path / 'dino'}", pretrained=True).eval()
    with torch.no_grad():
        features = model(train_vae.scene_batch(train_vae.read_world(WORLD), torch.Generator().manual_seed(3), 16))
    assert features.std(dim=0).mean() > 1e-3


@pytest.mark.slow
def test_the_decoder_learns_and_the_encoder_stays(vae, tmp_path):
    settings = {"seed": 1, "batch": 4, "steps": 40, "peak": 3e-3, "noise": 0.05}
    train_decoder.main(
        settings=json.dumps(settings), world=WORLD, start=vae, checkpoint=tmp_path / "run.pt", vae=tmp_path / "vae"
    )
    fallen = losses(tmp_path / "run.pt")
    assert np.mean(fallen[-3:]) < 0.9 * np.mean(fallen[:3])
    before, after = (AutoencoderKL.from_pretrained(folder).encoder.state_dict() for folder in (vae, tmp_path / "vae"))
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.slow
def test_the_unet_learns_from_encoded_scenes(vae, tmp_path):
    encode_scenes.main(
        settings=json.dumps({"seed": 1, "variants": 1}), world=WORLD, vae=vae, latents=tmp_path / "latents.safetensors"
    )
    train_unet.main(
        settings=json.dumps({"seed": 1, "batch": 8, "steps": 30, "peak": 4e-3, "dropout": 0.1}),
        world=WORLD,
        latents=tmp_path / "latents.safetensors",
        checkpoint=tmp_path / "run.pt",
        denoiser=tmp_path / "denoiser.pt",
    )
    fallen = losses(tmp_path / "run.pt")
    assert np.mean(fallen[-3:]) < 0.9 * np.mean(fallen[:3])


def regression(seed: int = 0) -> tuple[nn.Module, callable]:
    torch.manual_seed(seed)
    model = nn.Linear(3, 1)

    def loss(step: int, generator: torch.Generator) -> torch.Tensor:
        x = torch.randn(16, 3, generator=generator)
        return (model(x) - x.sum(dim=1, keepdim=True)).pow(2).mean()

    return model, loss


def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path):
    model, loss = regression()
    whole, _ = train(model, loss, steps=30, peak=0.1, checkpoint=tmp_path / "whole.pt", every=10)

    model, loss = regression()

    def stops(step: int, generator: torch.Generator) -> torch.Tensor:
        if step == 17:
            raise KeyboardInterrupt
        return loss(step, generator)

    with pytest.raises(KeyboardInterrupt):
        train(model, stops, steps=30, peak=0.1, checkpoint=tmp_path / "run.pt", every=10)
    model, loss = regression(seed=9)  # the checkpoint replaces the initial state of the new process
    resumed, _ = train(model, loss, steps=30, peak=0.1, checkpoint=tmp_path / "run.pt", every=10)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_a_loss_that_is_not_finite_stops_the_training():
    model, _ = regression()
    with pytest.raises(FloatingPointError, match="step 0"):
        train(model, lambda step, generator: model.weight.sum() * float("nan"), steps=3, peak=0.1)


def test_learning_rate_rises_then_falls():
    rates = [learning_rate(step, 1000, 0.5, warmup=100) for step in range(1000)]
    assert np.argmax(rates) in (99, 100)
    assert max(rates) == pytest.approx(0.5)
    assert rates[-1] < 0.01
    assert all(np.diff(rates[:100]) > 0)
    assert all(np.diff(rates[100:]) < 0)


def test_the_average_follows_the_model():
    model, average = nn.Linear(2, 2), nn.Linear(2, 2)
    for step in range(200):
        follow(average, model, step, decay=0.9)
    assert torch.allclose(average.weight, model.weight, atol=1e-4)
