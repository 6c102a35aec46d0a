"""Test that images are reproducible bit for bit, whatever the order, the shard, the batch and past failures."""

import json
import logging
import os
import shutil
import subprocess
import sys
import weakref
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from diffusers import (
    AutoencoderKL,
    DiffusionPipeline,
    EulerAncestralDiscreteScheduler,
    FluxPipeline,
    StableDiffusionXLPipeline,
)
from PIL import Image
from safetensors.torch import load_file, save_file
from torch._dynamo.testing import CompileCounter

from benchmarks import devices
from scripts import synthesise
from tests.conftest import ROOT
from tests.tiny import tiny_flux, tiny_pixart, tiny_sana, tiny_sd, tiny_sd3, tiny_sdxl
from untold.base.devices import MachineError
from untold.base.identity import digest
from untold.base.pipeline import takes_negative
from untold.data.parquet import read_arrays, read_table, write_table
from untold.data.vectors import unit
from untold.study.activities import Activity
from untold.study.schema_prompts import Prompts
from untold.study.schema_synthesis import SCHEDULERS, Synthesis
from untold.synthesis import sampler, shard
from untold.synthesis.prompts import write_prompts
from untold.synthesis.requests import Request, Sample
from untold.synthesis.shard import MANIFEST, fill_shard, recipe
from untold.synthesis.store import Store

SETTINGS = Synthesis(
    steps=2,
    guidance=5,
    width=64,
    height=64,
    scheduler="euler_ancestral",
    profile="reference",
    noise="paired",
    batch_size=3,
)
PROMPTS = Prompts(
    neutral="a person {activity}",
    groups={"young": "a young person {activity}", "older": "an older person {activity}"},
    negative="cartoon",
)
REQUESTS = [Request(f"a {word} person cooking", "cartoon", seed) for word in ("young", "older") for seed in (1, 2)]


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory):
    return tiny_sdxl(tmp_path_factory.mktemp("models") / "sdxl")


@pytest.fixture(scope="module")
def made(sdxl):
    """Generate the four requests in order."""
    return run(sdxl, REQUESTS)


def run(folder: Path, requests, vae: Path | None = None, **changes) -> list[Sample]:
    loaded = sampler.Sampler(folder, vae, SETTINGS.model_copy(update=changes), None)
    return [sample for batch in loaded.run(requests) for sample in batch]


def same(a: Sample, b: Sample) -> bool:
    return np.array_equal(a.image, b.image) and np.array_equal(a.latents, b.latents)


def close(a: Sample, b: Sample) -> bool:
    """Return whether two samples are equal up to the rounding of stored float16 latents and of pixels."""
    latents = np.allclose(a.latents.astype(np.float32), b.latents.astype(np.float32), rtol=2e-3, atol=2e-3)
    return latents and np.abs(a.image.astype(int) - b.image).max() <= 2


def table(*activities: str):
    rows = [Activity(id=name, activity=name, category="x", miniature=False) for name in activities]
    return write_prompts(rows, PROMPTS, [1, 2], [], "paired").to_pandas()


class Counting:
    """Sampler without a model that generates random images and records the requests."""

    def __init__(self, reasons=(), device="here"):
        self.facts = {"device": device}
        self.asked: list[Request] = []
        self.reasons = dict(reasons)

    def run(self, requests):
        for request in requests:
            self.asked.append(request)
            noise = np.random.default_rng(int(digest(list(request))[:8], 16))
            latents = noise.normal(size=(4, 8, 8)).astype(np.float16)
            reason = self.reasons.get(request.prompt, "")
            image = None if reason else noise.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            yield [Sample(image, latents, reason)]


def fill(prompts, store, model, **changes):
    recipes = partial(
        recipe, synthesis=SETTINGS.model_copy(update=changes), identity={"model": "m", "vae": None}, dtype="float32"
    )
    return fill_shard(prompts, store, recipes, (4, 8, 8), lambda: model)


# -- pixels -----------------------------------------------------------------------------------------------------


def test_the_sampler_makes_pictures(made):
    assert all(sample.reason == "" for sample in made)
    assert all(sample.image.shape == (64, 64, 3) and sample.image.dtype == np.uint8 for sample in made)
    assert all(sample.latents.shape == (4, 8, 8) and sample.latents.dtype == np.float16 for sample in made)
    assert not any(same(a, b) for i, a in enumerate(made) for b in made[:i])


def test_other_order_and_other_neighbours_give_the_same_bits(sdxl, made):
    strangers = [Request("a dog", "cartoon", 77), Request("somebody knitting", "", 78)]
    mixed = [REQUESTS[3], strangers[0], REQUESTS[1], REQUESTS[0], strangers[0], REQUESTS[2]]
    again = run(sdxl, mixed)
    for place, original in ((0, 3), (2, 1), (3, 0), (5, 2)):
        assert same(again[place], made[original])


def test_alone_in_a_padded_batch_gives_the_same_bits(sdxl, made):
    for request, sample in zip(REQUESTS, made, strict=True):
        assert same(run(sdxl, [request])[0], sample)


@pytest.fixture
def two_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("size", [3, 8])
def test_two_threads_give_the_same_bits_in_any_order(sdxl, two_threads, size):
    """Two threads once gave images different bits depending on their position in a batch of three."""
    first = run(sdxl, REQUESTS, batch_size=size)
    again = run(sdxl, REQUESTS[::-1], batch_size=size)[::-1]
    assert all(same(a, b) for a, b in zip(first, again, strict=True))


MINIATURE = ROOT / "resources" / "miniature" / "sdxl"


def test_the_miniature_gives_the_same_bits_in_any_order():
    first = run(MINIATURE, REQUESTS, batch_size=8)
    again = run(MINIATURE, REQUESTS[::-1], batch_size=8)[::-1]
    assert all(same(a, b) for a, b in zip(first, again, strict=True))


def test_the_miniature_as_any_pipeline_makes_the_same_pictures(monkeypatch):
    """Prompts are embedded once for SDXL, but once per batch for other pipelines."""
    expected = run(MINIATURE, REQUESTS, batch_size=4)
    embed = Mock()
    monkeypatch.setattr(sampler, "StableDiffusionXLPipeline", FluxPipeline)
    monkeypatch.setattr(sampler.Sampler, "_embed", embed)
    found = run(MINIATURE, REQUESTS, batch_size=4)
    embed.assert_not_called()
    assert all(close(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.slow
def test_another_processor_differs_by_rounding_only(tmp_path):
    """With an older instruction set, pixels differ by at most 2 of 255 and vectors are nearly parallel."""
    own = devices.CPU | {"OMP_NUM_THREADS": "1"}
    ways = {"own": own, "older": own | devices.SSE4}
    for name, changes in ways.items():
        command = [sys.executable, "-m", "benchmarks.devices", "make", tmp_path / f"{name}.npz"]
        options = ["--images", "4", "--profile", "reference"]
        subprocess.run([*command, *options], env=os.environ | changes, check=True, cwd=ROOT)
    own, older = (dict(np.load(tmp_path / f"{name}.npz")) for name in ways)
    if np.array_equal(own["latents"], older["latents"]):
        pytest.skip("the libraries chose the same instructions anyway")
    for row in range(4):
        pictures = (Sample(arrays["image"][row], arrays["latents"][row], "") for arrays in (own, older))
        assert close(*pictures)
    for encoder in own.keys() - {"image", "latents"}:
        assert (unit(own[encoder]) * unit(older[encoder])).sum(1).min() > 1 - 1e-5


def test_threads_share_a_batch_evenly():
    cases = {(1, 8): 1, (3, 2): 1, (4, 2): 1, (8, 2): 2, (8, 64): 2, (32, 6): 4, (32, 1): 1, (48, 64): 4}
    assert {case: sampler.choose_threads(*case) for case in cases} == cases


def test_the_pipelines_own_images_are_ours(sdxl, made):
    """A plain diffusers call gives the same pixels as the sampler's own decoding and prompt embedding."""
    pipe = StableDiffusionXLPipeline.from_pretrained(sdxl, use_safetensors=True)
    pipe.scheduler = EulerAncestralDiscreteScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    batch = REQUESTS[:3]
    images = pipe(
        [request.prompt for request in batch],
        negative_prompt=[request.negative for request in batch],
        num_inference_steps=2,
        guidance_scale=5.0,
        width=64,
        height=64,
        generator=[torch.Generator("cpu").manual_seed(request.noise_seed) for request in batch],
    ).images
    for image, sample in zip(images, made, strict=False):
        difference = np.abs(np.asarray(image).astype(int) - sample.image)
        assert difference.max() <= 1  # decoded one by one here, three at a time there


def test_paired_noise_differs_by_the_prompt_only(sdxl):
    """Two prompts with one seed start from the same noise, whatever their positions in the batch."""
    loaded = sampler.Sampler(sdxl, None, SETTINGS, None)
    seen = []
    unet = loaded.pipe.unet
    unet.register_forward_pre_hook(lambda module, args: seen.append(args[0].clone()))
    loaded.prepare(REQUESTS)
    loaded.latents([REQUESTS[0], REQUESTS[2], REQUESTS[1]])
    first = seen[0][:3]
    assert torch.equal(first[0], first[1])  # young and older, seed 1
    assert not torch.equal(first[0], first[2])  # young, seeds 1 and 2


def test_other_batch_sizes_differ_by_rounding_only(sdxl, made):
    for size in (1, 2):
        assert all(close(a, b) for a, b in zip(run(sdxl, REQUESTS, batch_size=size), made, strict=True))


def test_settings_and_weights_matter(sdxl, made, tmp_path):
    assert not same(run(sdxl, REQUESTS[:1], guidance=2.0)[0], made[0])
    assert not same(run(sdxl, REQUESTS[:1], steps=3)[0], made[0])
    assert not same(run(tiny_sdxl(tmp_path / "other", seed=1), REQUESTS[:1])[0], made[0])
    assert not same(run(sdxl, [REQUESTS[0]._replace(negative="dog")])[0], made[0])


def test_without_guidance_the_negative_prompt_does_nothing(sdxl):
    negatives = ("cartoon", "", "dog")
    images = [run(sdxl, [REQUESTS[0]._replace(negative=text)], guidance=0.0)[0] for text in negatives]
    assert same(images[0], images[1])
    assert same(images[0], images[2])


def test_an_empty_negative_prompt_changes_no_neighbour(sdxl, made):
    """The pipeline reads an absent negative prompt as zeros; one empty text must not take those of its batch away."""
    mixed = run(sdxl, [REQUESTS[0], REQUESTS[1]._replace(negative="")], batch_size=2)
    assert same(mixed[0], made[0])
    assert not same(mixed[1], made[1])


def test_profiles_agree_on_a_cpu(sdxl, made):
    if sampler.device().type != "cpu":
        pytest.skip("on a GPU the fast profile computes in float16")
    assert same(run(sdxl, REQUESTS[:1], profile="fast")[0], made[0])


def test_another_vae_decodes_the_same_latents(sdxl, made, tmp_path):
    other = tiny_sdxl(tmp_path / "other", seed=1) / "vae"
    sample = run(sdxl, REQUESTS[:1], vae=other, profile="fast")[0]
    assert not np.array_equal(sample.image, made[0].image)
    if sampler.device().type == "cpu":
        assert np.array_equal(sample.latents, made[0].latents)


@pytest.mark.parametrize("guidance", [1.0, 5.0])
@pytest.mark.parametrize("build", [tiny_sdxl, tiny_sd, tiny_sd3, tiny_flux, tiny_pixart, tiny_sana])
def test_whether_a_negative_prompt_has_an_effect_is_known(tmp_path, build, guidance):
    folder = build(tmp_path / "model")
    requests = [REQUESTS[0]._replace(negative=text) for text in ("cartoon", "dog")]
    a, b = run(folder, requests, guidance=guidance, scheduler="model")
    assert takes_negative(folder, guidance) == (not same(a, b))


@pytest.mark.parametrize(
    ("build", "scheduler"),
    [
        (tiny_sd, "model"),
        *((tiny_sd, name) for name in SCHEDULERS),
        (tiny_sd3, "model"),
        (tiny_flux, "model"),
        (tiny_pixart, "model"),
        (tiny_sana, "model"),
    ],
)
def test_any_text_to_image_pipeline_runs(tmp_path, build, scheduler):
    folder = build(tmp_path / "model")
    first = run(folder, REQUESTS, scheduler=scheduler)
    assert all(sample.reason == "" for sample in first)
    shape = sampler.latent_shape(sampler.vae_config(folder, None), 64, 64)
    assert {sample.latents.shape for sample in first} == {shape}
    # The prompts are in another order and have different neighbours in their batches.
    again = run(folder, REQUESTS[::-1], scheduler=scheduler)[::-1]
    assert all(same(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("build", [tiny_pixart, tiny_sana])
def test_a_pipeline_draws_the_size_asked_for_and_the_prompt_as_written(tmp_path, monkeypatch, build):
    """By default these draw the nearest size of their training, and Sana lets a language model elaborate the prompt."""
    folder = build(tmp_path / "model")
    loaded = sampler.Sampler(folder, None, SETTINGS.model_copy(update={"scheduler": "model", "height": 128}), None)
    seen = []
    monkeypatch.setattr(loaded.pipe, "tokenizer", _listening(loaded.pipe.tokenizer, seen))
    (samples, *_) = loaded.run(REQUESTS[:1])
    assert samples[0].image.shape == (128, 64, 3)
    assert REQUESTS[0].prompt in seen[0]
    assert not any("enhance" in text.lower() or len(text) > 60 for texts in seen for text in texts)


def _listening(tokenizer, seen):
    def tokenise(texts, *rest, **options):
        seen.append([texts] if isinstance(texts, str) else list(texts))
        return tokenizer(texts, *rest, **options)

    return tokenise


def test_latents_of_a_shape_that_was_not_promised_are_an_error(sdxl, monkeypatch):
    loaded = sampler.Sampler(sdxl, None, SETTINGS, None)
    loaded.prepare(REQUESTS)
    monkeypatch.setattr(loaded, "_shape", (4, 8, 9))
    with pytest.raises(ValueError, match=r"latents of shape \(4, 8, 8\) where \(4, 8, 9\) belong to 64 x 64"):
        list(loaded.run(REQUESTS))


def test_our_decoding_of_packed_and_shifted_latents_is_the_pipelines_own(tmp_path):
    folder = tiny_flux(tmp_path / "flux")
    sample = run(folder, REQUESTS[:1], scheduler="model", batch_size=1)[0]
    pipe = FluxPipeline.from_pretrained(folder, use_safetensors=True)
    pipe.set_progress_bar_config(disable=True)
    image = pipe(
        REQUESTS[0].prompt,
        num_inference_steps=2,
        guidance_scale=5.0,
        width=64,
        height=64,
        generator=torch.Generator("cpu").manual_seed(REQUESTS[0].noise_seed),
    ).images[0]
    assert np.abs(np.asarray(image).astype(int) - sample.image).max() <= 1


def test_a_scheduler_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"synthesis\.scheduler.*set it to model"):
        run(tiny_flux(tmp_path / "flux"), REQUESTS[:1])


def test_the_few_step_study_runs(sdxl):
    study = yaml.safe_load((ROOT / "config" / "turbo.yaml").read_text())
    settings = Synthesis.model_validate({**study["datasets"]["people"]["synthesis"], "width": 64, "height": 64})
    loaded = sampler.Sampler(sdxl, None, settings, None)
    (samples,) = loaded.run(REQUESTS)
    assert all(sample.reason == "" for sample in samples)


def test_a_variant_of_the_weights_is_found(sdxl, tmp_path):
    folder = tmp_path / "half"
    pipe = StableDiffusionXLPipeline.from_pretrained(sdxl, use_safetensors=True, dtype=torch.float16)
    pipe.save_pretrained(folder, variant="fp16")
    loaded = sampler.Sampler(folder, None, SETTINGS, "fp16")
    (batch,) = loaded.run(REQUESTS[:1])
    assert batch[0].reason == ""
    if sampler.device().type == "cpu":
        assert loaded.pipe.unet.dtype == torch.float32
    with pytest.raises(OSError, match=r"models\.<name>\.variant"):
        sampler.Sampler(folder, None, SETTINGS, None)


def test_pickled_weights_are_never_loaded(sdxl, tmp_path):
    folder = shutil.copytree(sdxl, tmp_path / "pickled")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(weights), folder / "unet" / "diffusion_pytorch_model.bin")
    weights.unlink()
    with pytest.raises(OSError, match="safetensors"):
        run(folder, REQUESTS[:1])


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"model_index\.json does not exist"):
        sampler.vae_config(tmp_path, None)


def test_latent_shapes(sdxl):
    config = sampler.vae_config(sdxl, None)
    assert sampler.latent_shape(config, 64, 96) == (4, 12, 8)
    with pytest.raises(ValueError, match="multiples of 8"):
        sampler.latent_shape(config, 60, 64)


@pytest.mark.parametrize(
    ("config", "expected"),
    [({}, torch.float32), ({"force_upcast": True}, torch.float32), ({"force_upcast": False}, torch.float16)],
)
def test_a_vae_that_does_not_say_that_it_fits_half_precision_decodes_in_float32(config, expected):
    """An absent key means true, as it does to Diffusers' own ``AutoencoderKL``."""
    assert sampler.decoder_type(config, torch.float16) == expected
    assert AutoencoderKL(**config).config.force_upcast == (expected == torch.float32)


# -- failures ---------------------------------------------------------------------------------------------------


def _broken_vae(sdxl: Path, folder: Path, value: float) -> Path:
    """Copy the model with a decoder that returns the value everywhere."""
    shutil.copytree(sdxl, folder)
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    weights["decoder.conv_out.weight"].zero_()
    weights["decoder.conv_out.bias"].fill_(value)
    save_file(weights, path, metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(("value", "reason"), [(float("nan"), "not finite"), (-9.0, "constant"), (0.3, "constant")])
def test_nan_and_black_and_constant_images_are_no_results(sdxl, tmp_path, value, reason):
    sample = run(_broken_vae(sdxl, tmp_path / "broken", value), REQUESTS[:1])[0]
    assert sample.image is None
    assert reason in sample.reason


def test_latents_that_overflow_are_rejected(sdxl, tmp_path):
    folder = shutil.copytree(sdxl, tmp_path / "overflow")
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    weights["conv_out.bias"].fill_(float("inf"))
    save_file(weights, path, metadata={"format": "pt"})
    sample = run(folder, REQUESTS[:1])[0]
    assert sample.image is None
    assert "latents" in sample.reason


def test_a_decode_that_fails_in_half_precision_is_tried_once_in_float32(sdxl, monkeypatch):
    loaded = sampler.Sampler(sdxl, None, SETTINGS, None)
    monkeypatch.setattr(loaded, "_decoder_type", torch.bfloat16)
    loaded.pipe.vae.to(torch.bfloat16)
    decode, types = loaded.pipe.vae.decode, []

    def overflow(latents, **options):
        types.append(latents.dtype)
        out = decode(latents, **options)[0]
        return (out if latents.dtype == torch.float32 else out * float("nan"),)

    monkeypatch.setattr(loaded.pipe.vae, "decode", overflow)
    (samples,) = loaded.run(REQUESTS[:2])
    assert all(sample.image is not None for sample in samples)
    assert types == [torch.bfloat16, torch.float32, torch.float32]  # both in one batch, then each separately
    assert loaded.pipe.vae.dtype == torch.bfloat16


def test_out_of_memory_halves_the_batch_and_goes_on(sdxl, made, monkeypatch, caplog):
    loaded = sampler.Sampler(sdxl, None, SETTINGS.model_copy(update={"batch_size": 6}), None)
    latents = loaded.latents

    def small(batch):
        if loaded.batch_size > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return latents(batch)

    monkeypatch.setattr(loaded, "latents", small)
    samples = [sample for batch in loaded.run(REQUESTS) for sample in batch]
    assert loaded.batch_size == 3
    assert "halved to 3" in caplog.text
    assert all(same(a, b) for a, b in zip(samples, made, strict=True))


def test_out_of_memory_at_batch_one_is_an_error(sdxl, monkeypatch):
    loaded = sampler.Sampler(sdxl, None, SETTINGS.model_copy(update={"batch_size": 1}), None)

    def full(batch):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(loaded, "latents", full)
    with pytest.raises(MachineError, match="does not fit into the memory of the GPU: choose"):
        list(loaded.run(REQUESTS))


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")]
)
def test_memory_that_runs_out_while_decoding_halves_the_batch_and_then_tiles(sdxl, made, monkeypatch, caplog, error):
    loaded = sampler.Sampler(sdxl, None, SETTINGS.model_copy(update={"batch_size": 4}), None)
    decode = loaded.pipe.vae.decoder.forward

    def small(latents, *rest):
        if latents.shape[-1] > 4:  # 8 x 8 latents make an image
            raise error
        return decode(latents, *rest)

    monkeypatch.setattr(loaded.pipe.vae.decoder, "forward", small)
    samples = [sample for batch in loaded.run(REQUESTS) for sample in batch]
    assert [words in caplog.text for words in ("halved to 2", "halved to 1", "decoded in tiles")] == [True] * 3
    assert loaded.facts["batch_size"] == 1 and loaded.facts["tiled"]
    for sample, whole in zip(samples, made, strict=True):
        assert sample.reason == "" and sample.image.shape == whole.image.shape
        assert np.allclose(sample.latents, whole.latents, rtol=2e-3, atol=2e-3)


def test_nothing_of_a_failed_batch_is_held_when_its_memory_is_freed(sdxl, monkeypatch):
    loaded = sampler.Sampler(sdxl, None, SETTINGS.model_copy(update={"batch_size": 4}), None)
    held, alive = [], []

    def full(module, args):
        if loaded.batch_size > 2:
            activation = torch.zeros(1)
            held.append(weakref.ref(activation))
            raise torch.OutOfMemoryError("CUDA out of memory")

    loaded.pipe.unet.mid_block.register_forward_pre_hook(full)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: alive.extend(one() for one in held))
    list(loaded.run(REQUESTS))
    assert held and alive == [None] * len(held)


def test_the_batch_that_fitted_is_remembered_until_more_memory_is_free(sdxl, gpu, tmp_path):
    def size(**changes):
        return _settled(sdxl, REQUESTS, learned=file, **{"profile": "half", "batch_size": None, **changes}).batch_size

    file = tmp_path / "compiled" / "batch_sizes.json"
    first = _settled(sdxl, REQUESTS, learned=file, profile="half", batch_size=None)
    assert first.batch_size == 16
    first._halve()
    assert (size(), size(batch_size=4), size(width=128)) == (8, 4, 16)
    gpu.free *= 2
    assert size() == 16


def test_what_cannot_be_compiled_runs_eagerly_and_says_so(sdxl, made, gpu, monkeypatch, caplog):
    def refuse(graph, inputs):
        raise RuntimeError("Failed to find C compiler. Please specify via CC environment variable")

    compile_ = torch._dynamo.optimize
    monkeypatch.setattr(torch, "compile", lambda module, **options: compile_(refuse)(module))
    loaded = _settled(sdxl, REQUESTS, profile="fast")
    assert loaded.facts["compiled"]
    samples = [sample for batch in loaded.run(REQUESTS) for sample in batch]
    assert not loaded.facts["compiled"]
    assert "Failed to find C compiler" in caplog.text and "gcc, python3-dev" in caplog.text
    assert all(close(a, b) for a, b in zip(samples, made, strict=True))


def test_a_few_images_are_not_worth_the_compiler(sdxl, gpu, monkeypatch):
    monkeypatch.setattr(sampler, "COMPILING_PAYS", len(REQUESTS) * SETTINGS.steps + 1)
    assert not _settled(sdxl, REQUESTS, profile="fast").facts["compiled"]
    assert gpu.options == []


def test_batch_size_follows_memory():
    sizes = [sampler.choose_batch(gib * 2**30, 768 * 768, 2) for gib in (1, 4, 8, 16, 40, 130)]
    assert sizes == sorted(sizes)
    assert sizes[0] == 1
    assert sizes[-1] == sampler.LARGEST_BATCH
    assert sampler.choose_batch(8 * 2**30, 768 * 768, 4) < sampler.choose_batch(8 * 2**30, 768 * 768, 2)


@pytest.fixture
def gpu(monkeypatch):
    """Simulate a GPU with 24 GiB of free memory, and compile with dynamo but without code generation."""
    counter = CompileCounter()
    compile_ = torch.compile
    options = []

    def traced(module, **given):
        options.append(given)
        return compile_(module, backend=counter, fullgraph=given["fullgraph"], dynamic=given["dynamic"])

    torch.compiler.reset()
    monkeypatch.setattr(sampler, "device", lambda: torch.device("cpu"))
    monkeypatch.setattr(sampler, "COMPILING_PAYS", 0)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (gpu.free, 80 * 2**30))
    monkeypatch.setattr(torch, "compile", traced)
    monkeypatch.setattr(DiffusionPipeline, "to", lambda self, on: self)
    monkeypatch.setattr(DiffusionPipeline, "enable_model_cpu_offload", lambda self: None)
    gpu = SimpleNamespace(free=24 * 2**30, counter=counter, options=options)
    return gpu


def _settled(sdxl, requests, learned=None, **changes) -> sampler.Sampler:
    """Return a sampler that is configured as on a GPU but computes on the CPU."""
    loaded = sampler.Sampler(sdxl, None, SETTINGS.model_copy(update=changes), None, learned)
    cpu = loaded.device
    loaded._embed(list(dict.fromkeys((request.prompt, request.negative) for request in requests)))
    loaded.device = SimpleNamespace(type="cuda")
    loaded._settle(len(requests))
    loaded.device = cpu
    return loaded


def test_fast_compiles_once_for_a_whole_shard_and_changes_nothing(sdxl, made, gpu):
    loaded = _settled(sdxl, REQUESTS, profile="fast")
    assert gpu.options == [{"fullgraph": True, "dynamic": False}] * 2
    assert loaded.pipe.unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    samples = [sample for batch in loaded.run(REQUESTS) for sample in batch]
    assert gpu.counter.frame_count == 2  # the denoiser and the decoder
    assert all(close(a, b) for a, b in zip(samples, made, strict=True))
    assert loaded.facts["compiled"]
    assert not loaded.facts["offloaded"]


def test_reference_stays_eager(sdxl, gpu):
    loaded = _settled(sdxl, REQUESTS)
    assert gpu.options == []
    assert not loaded.facts["compiled"]


def test_the_batch_is_chosen_from_free_memory_and_logged(sdxl, gpu, caplog):
    caplog.set_level(logging.INFO)
    loaded = _settled(sdxl, REQUESTS, profile="fast", batch_size=None)
    assert loaded.batch_size == sampler.LARGEST_BATCH
    assert "batch size 16, from 24.0 GiB" in caplog.text


def test_a_model_that_does_not_fit_is_offloaded_and_said_so(sdxl, gpu, caplog):
    gpu.free = 100_000
    loaded = _settled(sdxl, REQUESTS, profile="fast", batch_size=None)
    assert loaded.facts["offloaded"]
    assert not loaded.facts["compiled"]
    assert loaded.batch_size == 1
    assert "its parts are moved to the GPU one after the other" in caplog.text


# -- shards -----------------------------------------------------------------------------------------------------


def test_a_shard_is_made_once(tmp_path):
    store, prompts = Store(tmp_path / "store"), table("cooking", "knitting")
    first = Counting()
    shard = fill(prompts, store, first)
    assert len(first.asked) == len(prompts) == 12
    assert list(shard.manifest.columns) == MANIFEST
    assert shard.manifest["key"].is_monotonic_increasing
    assert shard.manifest["accepted"].all()
    assert shard.key == list(shard.manifest["key"])
    assert shard.latents.shape == (12, 4, 8, 8)
    assert shard.counts == {"prompts": 12, "found": 0, "missing": 12, "broken": 0, "made": 12, "rejected": 0}
    again = fill_shard(prompts, store, _recipes(), (4, 8, 8), _never)
    assert again.manifest.equals(shard.manifest)
    assert np.array_equal(again.latents, shard.latents)


def _recipes():
    return partial(recipe, synthesis=SETTINGS, identity={"model": "m", "vae": None}, dtype="float32")


def _never():
    raise AssertionError("the model was loaded although no image is missing")


def test_the_pace_and_the_time_left_are_logged_after_the_second_batch(tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    clock = iter([0.0, 2.0])
    monkeypatch.setattr(shard.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(shard, "track", lambda batches, *rest, **options: batches)
    fill_shard(table("cooking", "knitting"), Store(tmp_path), _recipes(), (4, 8, 8), Counting, others=3000)
    assert "2 s an image; 20 s left in this shard, 1.7 h in the study's others" in caplog.text


def test_the_images_that_other_shards_still_need(tmp_path):
    files = [tmp_path / "prompts" / f"{number}.parquet" for number in range(3)]
    for file, activities in zip(files, (["cooking"], ["cooking", "knitting"], ["reading"]), strict=True):
        write_table(file, table(*activities))
    manifests = [tmp_path / "images" / file.name for file in files]
    assert shard.unfinished(files[0], manifests[0]) == 12 + 6
    manifests[1].parent.mkdir()
    manifests[1].touch()
    assert shard.unfinished(files[0], manifests[0]) == 6


def test_one_more_activity_makes_its_own_images_only(tmp_path):
    store = Store(tmp_path / "store")
    fill(table("cooking"), store, Counting())
    more = Counting()
    fill(table("cooking", "knitting"), store, more)
    assert len(more.asked) == 6
    assert all("knitting" in request.prompt for request in more.asked)


def test_resume_makes_only_what_is_missing(tmp_path):
    store, prompts = Store(tmp_path / "store"), table("cooking", "knitting")
    whole = fill(prompts, store, Counting())
    for path in sorted(store.folder.rglob("*.png"))[:5]:
        path.unlink()
    rest = Counting()
    resumed = fill(prompts, store, rest)
    assert len(rest.asked) == 5
    assert resumed.manifest.equals(whole.manifest)
    assert np.array_equal(resumed.latents, whole.latents)


def test_broken_images_are_found_logged_and_made_again(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    store, prompts = Store(tmp_path / "store"), table("cooking", "knitting")
    whole = fill(prompts, store, Counting())
    truncated, replaced, repainted, unlatent, *untouched = sorted(store.folder.rglob("*.png"))
    before = {path: path.stat().st_mtime_ns for path in untouched}
    truncated.write_bytes(truncated.read_bytes()[:500])
    replaced.write_bytes(untouched[0].read_bytes())
    Image.new("RGB", (64, 64), "red").save(repainted)
    unlatent.with_suffix(".safetensors").unlink()
    rest = Counting()
    repaired = fill(prompts, store, rest)
    assert len(rest.asked) == 4
    assert repaired.counts["broken"] == 4
    for path in (truncated, replaced, repainted, unlatent):
        assert path.name in caplog.text
    assert repaired.manifest.equals(whole.manifest)
    assert np.array_equal(repaired.latents, whole.latents)
    assert {path: path.stat().st_mtime_ns for path in untouched} == before


def test_rejected_images_are_recorded_and_the_study_goes_on(tmp_path, caplog):
    store, prompts = Store(tmp_path / "store"), table("cooking")
    shard = fill(prompts, store, Counting({"a young person cooking": "is constant"}))
    rejected = shard.manifest[~shard.manifest["accepted"]]
    assert len(rejected) == 2
    assert set(rejected["group"]) == {"young"}
    assert set(rejected["reason"]) == {"is constant"}
    assert set(rejected["path"]) == {""}
    assert len(shard.key) == len(shard.latents) == 4
    assert not set(rejected["key"]) & set(shard.key)
    assert "2 of 6 images are rejected" in caplog.text


def test_a_broken_image_that_cannot_be_made_again_does_not_stay(tmp_path):
    store, prompts = Store(tmp_path / "store"), table("cooking")
    fill(prompts, store, Counting())
    victim = sorted(store.folder.rglob("*.png"))[0]
    Image.new("RGB", (64, 64), "red").save(victim)
    shard = fill(prompts, store, Counting(dict.fromkeys(prompts["prompt"], "is constant")))
    assert shard.counts["rejected"] == 1
    assert not victim.exists()


def test_a_shard_without_prompts_keeps_its_shape(tmp_path):
    shard = fill_shard(table("cooking").iloc[:0], Store(tmp_path / "store"), _recipes(), (4, 8, 8), _never)
    assert shard.latents.shape == (0, 4, 8, 8)
    assert list(shard.manifest.columns) == MANIFEST


def test_equal_prompts_share_one_image(tmp_path):
    prompts = table("cooking")
    twice = prompts.iloc[[0, 0]].assign(group=["neutral", "twin"])
    model = Counting()
    shard = fill(twice, Store(tmp_path / "store"), model)
    assert len(model.asked) == 1
    assert list(shard.manifest["group"]) == ["neutral", "twin"]
    assert shard.manifest["key"].nunique() == len(shard.key) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 3},
        {"guidance": 4.0},
        {"width": 72},
        {"height": 72},
        {"scheduler": "model"},
        {"profile": "fast"},
        {"noise": "shared"},
    ],
)
def test_the_key_is_everything_that_determines_the_pixels(change):
    request, identity = REQUESTS[0], {"model": "m", "vae": None}
    key = digest(recipe(request, SETTINGS, identity, "float32"))
    assert digest(recipe(request, SETTINGS.model_copy(update=change), identity, "float32")) != key
    for other in (request._replace(prompt="x"), request._replace(negative="x"), request._replace(noise_seed=9)):
        assert digest(recipe(other, SETTINGS, identity, "float32")) != key
    assert digest(recipe(request, SETTINGS, {"model": "m", "vae": "v"}, "float32")) != key
    assert digest(recipe(request, SETTINGS, identity, "float16")) != key
    assert digest(recipe(request, SETTINGS, identity, "float32", variant="fp16")) != key


@pytest.mark.parametrize("library", ["diffusers", "torch", "transformers"])
def test_the_versions_of_the_libraries_that_make_pixels_are_in_the_key(monkeypatch, library):
    def key(found) -> str:
        shard.libraries.cache_clear()
        monkeypatch.setattr(shard, "version", found)
        return digest(recipe(REQUESTS[0], SETTINGS, {}, "float32"))

    own = key(version)
    assert key(lambda name: "99.0" if name == library else version(name)) != own
    assert key(lambda name: f"{version(name).split('+')[0]}+cu128") == own, "another build of the same version"
    assert key(version) == own  # and the cache is as it was


def test_how_images_were_made_is_known_whoever_made_them(tmp_path):
    """A run that finds its images knows what made them, and says so where there is more than one way."""
    store = Store(tmp_path)
    first = fill(table("cooking"), store, Counting(device="first"))
    again = fill(table("cooking"), store, Counting(device="second"))
    assert again.counts["made"] == 0 and again.made == first.made == [{"device": "first", "images": len(first.key)}]
    both = fill(table("cooking", "knitting"), store, Counting(device="second"))
    found = {way["device"]: way["images"] for way in both.made}
    assert found == {"first": len(first.key), "second": len(both.key) - len(first.key)}


def test_the_batch_size_is_not_in_the_key():
    keys = {
        digest(recipe(REQUESTS[0], SETTINGS.model_copy(update={"batch_size": size}), {}, "float32"))
        for size in (None, 1, 8)
    }
    assert len(keys) == 1


# -- the script -------------------------------------------------------------------------------------------------


def _script(folder: Path, sdxl: Path, prompts) -> list[Path]:
    write_table(folder / "prompts.parquet", prompts)
    outputs = [folder / "out" / "images" / "a.parquet", folder / "latents.parquet", folder / "provenance.json"]
    synthesise.main(
        settings=synthesise.Settings.model_validate(
            {
                "synthesis": SETTINGS,
                "model": {"path": str(sdxl)},
                "vae": None,
                "identity": {"model": "tiny", "vae": None},
                "variant": None,
            }
        ),
        prompts=folder / "prompts.parquet",
        store=Path("store"),
        images=outputs[0],
        latents=outputs[1],
        provenance=outputs[2],
    )
    return outputs


def test_the_script_writes_equal_bytes_in_other_folders_and_shards(sdxl, tmp_path, monkeypatch):
    prompts = table("cooking", "knitting")
    monkeypatch.chdir(tmp_path)
    whole = _script(tmp_path / "whole", sdxl, prompts)
    manifest = read_table(whole[0])
    assert all(Path(path).is_file() and not Path(path).is_absolute() for path in manifest["path"])
    facts = json.loads(whole[2].read_text())
    assert facts["images"]["made"] == 12
    assert facts["sampler"]["pipeline"] == "StableDiffusionXLPipeline"

    # Run the same study elsewhere, with different shards and shuffled rows, without any file of the first run.
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = _script(tmp_path / "again", sdxl, prompts.sample(frac=1, random_state=3))
    assert [path.read_bytes() for path in again[:2]] == [path.read_bytes() for path in whole[:2]]
    shutil.rmtree("store")
    parts = [_script(tmp_path / name, sdxl, prompts[prompts["activity"] == name]) for name in ("cooking", "knitting")]
    keys, latents = read_arrays([part[1] for part in parts], "latents")
    order = np.argsort(keys)
    expected = read_arrays(whole[1], "latents")
    assert np.array_equal(keys[order], expected[0])
    assert np.array_equal(latents[order], expected[1])
    cut = read_table([part[0] for part in parts]).sort_values("key", ignore_index=True)
    assert cut.equals(manifest)


def test_manifest_keeps_missing_ages_as_integers(tmp_path):
    prompts = table("cooking").assign(age=[None, 25, None, None, 75, None])
    shard = fill(prompts, Store(tmp_path / "store"), Counting())
    write_table(tmp_path / "images.parquet", shard.manifest)
    assert str(pq.read_schema(tmp_path / "images.parquet").field("age").type) == "int64"
    assert sorted(shard.manifest["age"].dropna()) == [25, 75]


def test_settings_of_the_recipe_are_those_of_the_config():
    """Every field of Synthesis except the batch size is automatically part of the key."""
    assert set(Synthesis.model_fields) - {"batch_size"} <= set(recipe(REQUESTS[0], SETTINGS, {}, "float32"))
