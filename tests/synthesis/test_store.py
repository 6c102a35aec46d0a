"""Test the content-addressed store: it returns what was stored or reports that an entry is broken."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from untold.base.identity import digest
from untold.synthesis.pictures import is_constant
from untold.synthesis.store import BrokenEntry, Store

RECIPE = {"prompt": "a person cooking Spätzle", "noise_seed": 2**62 + 1, "guidance": 7.5, "vae": None}
KEY = digest(RECIPE)
SIZE, SHAPE = (24, 16), (4, 2, 3)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)


@pytest.fixture
def latents():
    return np.random.default_rng(1).normal(size=SHAPE).astype(np.float16)


def test_returns_what_was_put(store, image, latents):
    put = store.put(RECIPE, image, latents)
    got = store.get(KEY, SIZE, SHAPE)
    assert got.path == put.path == store.folder / KEY[:2] / f"{KEY}.png"
    assert got.sha256 == put.sha256 == hashlib.sha256(got.path.read_bytes()).hexdigest()
    assert (got.width, got.height) == (put.width, put.height) == SIZE
    assert np.array_equal(got.latents, latents)
    assert np.array_equal(np.asarray(Image.open(got.path)), image)


def test_the_file_itself_says_how_it_was_made(store, image, latents):
    text = Image.open(store.put(RECIPE, image, latents).path).text
    recipe = {name: text[name] for name in RECIPE}
    assert recipe.pop("prompt") == RECIPE["prompt"]
    assert {name: json.loads(value) for name, value in recipe.items()}.items() < RECIPE.items()
    assert text["key"] == KEY


def test_equal_puts_write_equal_bytes(store, tmp_path, image, latents):
    other = Store(tmp_path / "other")
    paths = [one.put(RECIPE, image, latents).path for one in (store, other)]
    for suffix in (".png", ".safetensors"):
        assert len({path.with_suffix(suffix).read_bytes() for path in paths}) == 1


def test_nothing_is_missing_not_broken(store):
    assert store.get(KEY, SIZE, SHAPE) is None


def test_latents_without_image_are_an_unfinished_entry(store, image, latents):
    store.put(RECIPE, image, latents).path.unlink()
    assert store.get(KEY, SIZE, SHAPE) is None


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-40])


def _empty(path):
    path.write_bytes(b"")


def _flip(path):
    content = bytearray(path.read_bytes())
    content[-30] ^= 0xFF
    path.write_bytes(content)


def _text_instead(path):
    path.write_bytes(b"not a picture at all")


@pytest.mark.parametrize("suffix", [".png", ".safetensors"])
@pytest.mark.parametrize("harm", [_truncate, _empty, _flip, _text_instead])
def test_damage_is_noticed(store, image, latents, harm, suffix):
    harm(store.put(RECIPE, image, latents).path.with_suffix(suffix))
    with pytest.raises(BrokenEntry):
        store.get(KEY, SIZE, SHAPE)


def test_missing_latents_are_noticed(store, image, latents):
    store.put(RECIPE, image, latents).path.with_suffix(".safetensors").unlink()
    with pytest.raises(BrokenEntry, match="latents are missing"):
        store.get(KEY, SIZE, SHAPE)


def test_another_entry_in_its_place_is_noticed(store, image, latents):
    path = store.put(RECIPE, image, latents).path
    other = store.put({**RECIPE, "noise_seed": 2}, image[::-1].copy(), latents).path
    path.write_bytes(other.read_bytes())
    with pytest.raises(BrokenEntry, match="another key"):
        store.get(KEY, SIZE, SHAPE)


def test_repainted_pixels_under_the_same_text_are_noticed(store, image, latents):
    path = store.put(RECIPE, image, latents).path
    text = PngInfo()
    for name, value in Image.open(path).text.items():
        text.add_itxt(name, value)
    Image.fromarray(image[:, ::-1].copy()).save(path, pnginfo=text)
    with pytest.raises(BrokenEntry, match="pixels"):
        store.get(KEY, SIZE, SHAPE)


def test_latents_of_another_image_are_noticed(store, image, latents):
    path = store.put(RECIPE, image, latents).path
    other = store.put({**RECIPE, "noise_seed": 2}, image, latents + 1).path
    path.with_suffix(".safetensors").write_bytes(other.with_suffix(".safetensors").read_bytes())
    with pytest.raises(BrokenEntry, match="latents"):
        store.get(KEY, SIZE, SHAPE)


def test_another_size_is_refused_before_the_pixels_are_decoded(store, image, latents):
    store.put(RECIPE, image, latents)
    with pytest.raises(BrokenEntry, match="24 x 16 pixels instead of 16 x 24"):
        store.get(KEY, (16, 24), SHAPE)


def test_a_constant_image_is_broken(store, image, latents):
    store.put(RECIPE, np.full_like(image, 7), latents)
    with pytest.raises(BrokenEntry, match="constant"):
        store.get(KEY, SIZE, SHAPE)


def test_a_write_that_is_cut_leaves_no_image(store, image, latents, monkeypatch):
    def cut(self, *args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", cut)
    with pytest.raises(KeyboardInterrupt):
        store.put(RECIPE, image, latents)
    assert store.get(KEY, SIZE, SHAPE) is None
    assert not list(store.folder.rglob("*.part*"))


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.integers(0, 15), st.integers(0, 2))
@settings(max_examples=50, deadline=None)
def test_one_differing_pixel_is_not_constant(red, green, blue, place, channel):
    image = np.full((4, 4, 3), (red, green, blue), np.uint8)
    assert is_constant(image)
    image[place // 4, place % 4, channel] ^= 1
    assert not is_constant(image)
