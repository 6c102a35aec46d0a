"""Test what is read from a denoiser: with tiny pipelines of every class, and what the store keeps of it."""

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline

from tests.tiny import tiny_flux, tiny_pixart, tiny_sana, tiny_sd, tiny_sd3, tiny_sdxl
from untold.study.activities import Activity
from untold.study.schema_prompts import Prompts
from untold.study.schema_synthesis import Synthesis
from untold.synthesis import sampler
from untold.synthesis.prompts import write_prompts
from untold.synthesis.readout import products, questions
from untold.synthesis.requests import Request

STUDY = Synthesis(steps=7, guidance=5, width=64, height=64, scheduler="euler", profile="reference", batch_size=3)
REQUESTS = [Request(f"a {word} person cooking", "", seed) for seed in (1, 2) for word in ("young", "older")]
PROMPTS = Prompts(neutral="a person {activity}", groups={"young": "young {activity}", "older": "older {activity}"})


@pytest.fixture
def loaded(tmp_path):
    return lambda build: sampler.Sampler(build(tmp_path / "model"), None, STUDY.readout, None)


def read(reader, requests) -> np.ndarray:
    return np.concatenate(list(reader.read(requests)))


@pytest.mark.parametrize("build", [tiny_sdxl, tiny_sd, tiny_sd3, tiny_flux, tiny_pixart, tiny_sana])
def test_any_pipeline_is_read(loaded, build):
    """A row has the size of the latents and depends on its prompt and noise, not on its neighbours."""
    reader = loaded(build)
    rows = read(reader, REQUESTS)
    shape = sampler.latent_shape(reader.pipe.vae.config, 64, 64)
    assert rows.shape == (4, np.prod(shape)) and np.isfinite(rows).all()
    assert len(np.unique(rows, axis=0)) == 4
    np.testing.assert_allclose(read(reader, REQUESTS[::-1])[::-1], rows, atol=1e-5)


def test_it_is_one_call_of_the_denoiser_from_noise_without_guidance(loaded, tmp_path):
    rows = read(loaded(tiny_sd), REQUESTS[:1])
    pipe = DiffusionPipeline.from_pretrained(tmp_path / "model", safety_checker=None)
    embedding, _ = pipe.encode_prompt(REQUESTS[0].prompt, "cpu", 1, False)
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator("cpu").manual_seed(REQUESTS[0].noise_seed))
    with torch.no_grad():
        expected = pipe.unet(noise, 999, encoder_hidden_states=embedding).sample
    np.testing.assert_allclose(rows[0], expected.flatten(), atol=1e-5)


def test_a_pipeline_that_insists_on_guidance_has_no_readout(tmp_path):
    reader = sampler.Sampler(tiny_sdxl(tmp_path / "model"), None, STUDY, None)
    with pytest.raises(ValueError, match="cannot be asked without guidance"):
        read(reader, REQUESTS)


class Mixing:
    """Predicts group g as the unit vector g and neutral as a mixture; counts what it is asked."""

    def __init__(self, fails_at=None):
        self.asked, self.fails_at = [], fails_at

    def read(self, requests):
        for request in requests:
            if len(self.asked) == self.fails_at:
                raise KeyboardInterrupt
            self.asked.append(request)
            vectors = {"young": [1, 0, 0], "older": [0, 1, 0]}
            yield np.array([vectors.get(request.prompt.split()[0], [0.3, 0.7, 0])], dtype=np.float32)


def test_only_what_is_not_in_the_store_is_asked(tmp_path):
    def ask(reader, *activities, seeds=(1, 2)):
        rows = [Activity(id=name, activity=name, category="x", miniature=False) for name in activities]
        asked = questions(write_prompts(rows, PROMPTS, [1], [], "paired").to_pandas(), ["young", "older"], seeds)
        return products(
            asked, tmp_path, lambda request: {"neutral": request.prompt, "seed": request.noise_seed}, lambda: reader
        )

    killed = Mixing(fails_at=7)
    with pytest.raises(KeyboardInterrupt):
        ask(killed, "cook", "dance")
    resumed = Mixing()
    found = ask(resumed, "cook", "dance")
    assert found.shape == (4, 2, 2)
    assert len(resumed.asked) == 2 * 3  # of the four questions, two were answered
    difference = np.array([[0.3 - 1, 0.7, 0], [0.3, 0.7 - 1, 0]])
    np.testing.assert_allclose(found[3], difference @ difference.T / 3, atol=1e-6)
    more = Mixing()
    ask(more, "cook", "dance", "sing")
    assert {request.prompt for request in more.asked} == {"a person sing", "young sing", "older sing"}
    np.testing.assert_array_equal(ask(None, "dance", seeds=(2,)), found[3:])
