"""What only a GPU can show: run ``make test-gpu`` on the first machine that has one."""

import gc
import json

import numpy as np
import pytest
import torch

from tests.conftest import ROOT
from tests.tiny import tiny_sdxl
from untold.base.driver import driver_version, gpu_problem, wheel_cuda
from untold.study.schema_synthesis import Synthesis
from untold.synthesis import sampler
from untold.synthesis.requests import Request, Sample

pytestmark = pytest.mark.gpu

# Trained weights, because with random ones float16 and float32 soon part.
MINIATURE = ROOT / "resources" / "miniature" / "sdxl"
SETTINGS = Synthesis(
    steps=20,
    guidance=5,
    width=64,
    height=64,
    scheduler="euler_ancestral",
    profile="reference",
    noise="paired",
    batch_size=16,
)
REQUESTS = [
    Request(f"a photo of a {word} person cooking", "", seed) for word in ("young", "older") for seed in range(8)
]


@pytest.fixture(autouse=True)
def usable():
    """Fail where there is no GPU: a run that skips everything would look like success."""
    if not torch.cuda.is_available():
        pytest.fail(f"make test-gpu needs a GPU: {gpu_problem() or 'this machine promises none'}")
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch._dynamo.reset()
    gc.collect()
    torch.cuda.empty_cache()


@pytest.fixture
def compiling(monkeypatch):
    monkeypatch.setattr(sampler, "COMPILING_PAYS", 0)


def make(requests, folder=MINIATURE, learned=None, **changes) -> tuple[list[Sample], sampler.Sampler]:
    loaded = sampler.Sampler(folder, None, SETTINGS.model_copy(update=changes), None, learned)
    return [sample for batch in loaded.run(requests) for sample in batch], loaded


def same(some: list[Sample], others: list[Sample]) -> bool:
    return all(
        np.array_equal(a.image, b.image) and np.array_equal(a.latents, b.latents)
        for a, b in zip(some, others, strict=True)
    )


def apart(some: list[Sample], others: list[Sample]) -> float:
    """Mean absolute difference of the pixels, of 255."""
    pairs = zip(some, others, strict=True)
    return float(np.mean([np.abs(a.image.astype(int) - b.image).mean() for a, b in pairs]))


def test_pytorch_can_use_the_gpu_and_its_driver():
    assert gpu_problem() is None
    assert driver_version() >= (wheel_cuda()[0], 0)


def test_triton_finds_a_compiler_and_pythons_headers():
    doubled = torch.compile(lambda values: (values * 2).sin())(torch.ones(8, device="cuda"))
    assert torch.allclose(doubled, torch.full((8,), 2.0, device="cuda").sin())


def test_reference_repeats_its_bits_and_differs_from_a_cpu_by_rounding(monkeypatch):
    first, _ = make(REQUESTS)
    again, _ = make(REQUESTS)
    assert same(first, again)
    monkeypatch.setattr(sampler, "device", lambda: torch.device("cpu"))
    assert apart(first, make(REQUESTS)[0]) < 0.5


@pytest.mark.parametrize("profile", ["half", "fast"])
def test_float16_makes_the_same_pictures_and_no_neighbour_matters(compiling, profile):
    exact, _ = make(REQUESTS)
    samples, loaded = make(REQUESTS, profile=profile)
    assert loaded.facts["dtype"] == "float16"
    assert loaded.facts["compiled"] == (profile == "fast")
    assert apart(samples, exact) < 4
    backwards = [*reversed(REQUESTS[3:]), Request("a dog", "cartoon", 99)]
    assert same([sample for batch in loaded.run(backwards) for sample in batch][:-1], samples[:2:-1])


def test_a_batch_too_large_is_halved_remembered_and_the_same_but_for_rounding(compiling, tmp_path):
    """The limit on this process's memory stands for a smaller GPU, as long as the driver does not tell of it."""
    folder, file = tiny_sdxl(tmp_path / "sdxl"), tmp_path / "batch_sizes.json"
    large = {"folder": folder, "width": 1024, "height": 1024, "steps": 2, "profile": "half"}
    requests = REQUESTS[:8]
    torch.cuda.reset_peak_memory_stats()
    whole, _ = make(requests, **large, batch_size=8)
    peak = torch.cuda.max_memory_reserved()
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.6 * peak / torch.cuda.get_device_properties(0).total_memory)
    samples, loaded = make(requests, learned=file, **large, batch_size=8)
    assert loaded.batch_size < 8
    assert loaded.facts["batch_size"] == loaded.batch_size
    (known,) = json.loads(file.read_text()).values()
    assert known["batch_size"] == loaded.batch_size
    assert apart(samples, whole) < 1


def test_a_model_that_does_not_fit_is_moved_in_parts(monkeypatch):
    expected, _ = make(REQUESTS, profile="half")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2**20, 2**34))
    samples, loaded = make(REQUESTS, profile="half")
    assert loaded.facts["offloaded"]
    assert apart(samples, expected) < 1


def test_one_image_is_decoded_in_tiles(tmp_path):
    folder = tiny_sdxl(tmp_path / "sdxl")
    large = {"folder": folder, "width": 512, "height": 512, "steps": 2, "profile": "half", "batch_size": 1}
    whole, loaded = make(REQUESTS[:2], **large)
    loaded._tile()
    tiled = [sample for batch in loaded.run(REQUESTS[:2]) for sample in batch]
    assert [sample.reason for sample in tiled] == ["", ""]
    assert apart(tiled, whole) < 16
