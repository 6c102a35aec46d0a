"""Test the committed models of the miniature against the goals of docs/miniature.md, and test the miniature world."""

import json

import numpy as np
import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.conftest import ROOT
from untold.miniature.evaluation import depicted_shares, load_pipeline, marked_accuracy, paint, zero_shot
from untold.miniature.oracle import nearest_scene
from untold.miniature.pixels import to_tensor
from untold.miniature.tokens import CONTEXT, build_tokenizer
from untold.miniature.world import (
    AGES,
    GENDERS,
    TONES,
    caption,
    draw,
    read_world,
    sample_pairs,
    sample_scenes,
    vocabulary,
)

FOLDER = ROOT / "resources" / "miniature"
WEIGHTS = [
    *(FOLDER / "sdxl").rglob("*.safetensors"),
    *(FOLDER / name / "model.safetensors" for name in ("dino", "resnet")),
    FOLDER / "clip" / "open_clip_model.safetensors",
]
EVALUATION = json.loads((FOLDER / "evaluation.json").read_text())
GUIDANCE = EVALUATION["guidance"]


@pytest.fixture(scope="module")
def world():
    return read_world(FOLDER)


@pytest.fixture(scope="module")
def pipeline():
    return load_pipeline(FOLDER / "sdxl")


@pytest.fixture(scope="module")
def held_out(world):
    return sample_scenes(world, np.random.default_rng(2026), 300)


@pytest.mark.slow
def test_marked_images_show_the_asked_age_and_activity(world, pipeline):
    seen = marked_accuracy(world, pipeline, GUIDANCE, seeds=1, activities=np.arange(48))
    assert seen["age"] >= 0.95
    assert seen["activity"] >= 0.90


@pytest.mark.slow
def test_depicted_ages_follow_the_planted_shares(world, pipeline):
    # This test uses 40 images per activity, so shares vary by chance; the next test reads the results of 200 images.
    some = np.arange(48)[::4]
    shares = depicted_shares(world, pipeline, GUIDANCE, seeds=40, activities=some)
    sampling = np.sqrt(2 / np.pi * world.age_shares[some] * (1 - world.age_shares[some]) / 40).mean()
    assert np.abs(shares - world.age_shares[some]).mean() <= 0.08 + sampling


def test_the_recorded_evaluation_meets_the_goals(world):
    neutral = EVALUATION["neutral"]
    assert len(neutral["shares"]) == 12
    assert neutral["pictures_per_activity"] == 200
    pairs = [(row["planted"], row["depicted"]) for row in neutral["shares"].values()]
    error = np.abs(np.array([planted for planted, _ in pairs]) - np.array([depicted for _, depicted in pairs])).mean()
    assert error == pytest.approx(neutral["mean_absolute_error"], abs=1e-3)
    assert error <= 0.08
    planted = world.activities.set_index("id")[list(AGES)]
    for activity, row in neutral["shares"].items():
        assert row["planted"] == planted.loc[activity].tolist()
    assert EVALUATION["marked"]["age"] >= 0.95
    assert EVALUATION["marked"]["activity"] >= 0.90


@pytest.mark.slow
def test_clip_names_age_gender_and_activity(world, held_out):
    accuracy = zero_shot(FOLDER / "clip", world, held_out)
    assert accuracy["age"] >= 0.95
    assert accuracy["gender"] >= 0.90
    assert accuracy["activity"] >= 0.90


@pytest.mark.slow
def test_resnet_names_the_object(world, held_out):
    model = timm.create_model(f"local-dir:{FOLDER / 'resnet'}", pretrained=True).eval()
    with torch.no_grad():
        named = model(to_tensor(draw(world, held_out))).argmax(dim=1).numpy()
    assert (named == held_out.activity).mean() >= 0.95


@pytest.mark.slow
def test_dino_has_a_class_token_and_tells_scenes_apart(world):
    model = timm.create_model(f"local-dir:{FOLDER / 'dino'}", pretrained=True, num_classes=0).eval()
    rng = np.random.default_rng(1)
    scenes = sample_scenes(world, rng, 200)
    with torch.no_grad():
        tokens = model.forward_features(to_tensor(draw(world, scenes)))
    assert tokens.shape == (200, 65, 96)
    vectors = torch.nn.functional.normalize(tokens[:, 0], dim=1)
    nearest = (vectors @ vectors.T).fill_diagonal_(-1).argmax(dim=1).numpy()
    # By chance, one neighbour in 48 has the same activity.
    assert (scenes.activity[nearest] == scenes.activity).mean() > 0.2 or (
        scenes.age[nearest] == scenes.age
    ).mean() > 0.6


@pytest.mark.slow
def test_an_image_depends_on_its_own_seed_only(pipeline):
    prompts = ["An ultra realistic portrait photo of a person cooking"] * 3
    together = paint(pipeline, prompts, [1, 2, 3], GUIDANCE, steps=4)
    again = paint(pipeline, prompts, [7, 2, 9], GUIDANCE, steps=4)
    assert np.abs(together[1].astype(int) - again[1]).max() <= 1
    assert np.abs(together[0].astype(int) - together[2]).max() > 20


def test_weights_are_small_and_half():
    from safetensors import safe_open

    assert sum(file.stat().st_size for file in WEIGHTS) < 25e6
    for file in WEIGHTS:
        with safe_open(file, "pt") as weights:
            types = {weights.get_slice(name).get_dtype() for name in weights.keys()}  # noqa: SIM118 (no mapping)
        assert types <= {"F16", "I64"}, file


def test_the_world_is_spread_from_young_to_older(world):
    shares = world.age_shares
    assert len(shares) == 48
    assert world.activities["id"].is_unique
    assert np.allclose(shares.sum(axis=1), 1)
    lean = shares[:, 0] - shares[:, 2]
    assert lean.max() > 0.7
    assert lean.min() < -0.7
    assert (np.abs(shares - 1 / 3).max(axis=1) < 0.1).sum() >= 3


def test_the_oracle_knows_every_scene_through_noise(world):
    rng = np.random.default_rng(3)
    scenes = sample_scenes(world, rng, 200)
    pixels = draw(world, scenes)
    noisy = np.clip(pixels + rng.normal(0, 12, pixels.shape), 0, 255).astype(np.uint8)
    seen = nearest_scene(world, noisy)
    for attribute in ("activity", "age", "gender", "tone"):
        assert (getattr(seen, attribute) == getattr(scenes, attribute)).all(), attribute
    assert nearest_scene(world, pixels).distance.max() < 1
    assert seen.distance.min() > 5


def test_unmarked_captions_carry_the_planted_shares(world):
    rng = np.random.default_rng(4)
    scenes, captions = sample_pairs(world, rng, 60_000)
    neutral = np.array([text.startswith("An ultra realistic portrait photo of a person ") for text in captions])
    for row in (0, 20, 47):
        phrase = world.activities["activity"][row]
        chosen = neutral & (scenes.activity == row) & np.array([text.endswith(phrase) for text in captions])
        shares = np.bincount(scenes.age[chosen], minlength=3) / chosen.sum()
        assert chosen.sum() > 100
        assert np.abs(shares - world.age_shares[row]).max() < 0.12


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(AGES),
    st.sampled_from([None, *GENDERS[1:]]),
    st.sampled_from([None, *TONES]),
)
def test_every_caption_fits_the_tokenizer_and_every_word_is_one_token(world_tokens, seed, age, gender, tone):
    world, tokenizer, words = world_tokens
    rng = np.random.default_rng(seed)
    text = caption(rng, str(rng.choice(world.activities["activity"])), age, gender, tone)
    tokens = tokenizer(text).input_ids
    assert len(tokens) <= CONTEXT
    letters = [word for word in text.lower().replace("-", " ").split() if word.isalpha()]
    assert set(letters) <= words
    assert tokenizer.decode(tokens, skip_special_tokens=True).replace(" ", "") == text.lower().replace(" ", "")


@pytest.fixture(scope="module")
def world_tokens(world):
    words = vocabulary(world)
    return world, build_tokenizer(words), set(words)


def test_study_templates_are_word_for_word(world):
    rng = np.random.default_rng(5)
    captions = set(sample_pairs(world, rng, 20_000)[1])
    for phrase in ("a 25 years-old young", "a 45 year-old middle-aged", "a 75 years-old older"):
        assert f"An ultra realistic portrait photo of {phrase} person knitting" in captions
    assert "An ultra realistic portrait photo of a person knitting" in captions


def test_faces_are_labelled_and_unbalanced_as_planted(world):
    planted = world.shares["faces"]
    files = sorted((FOLDER / "faces").glob("*.png"))
    labels = np.array([[int(part) for part in file.stem.split("_")[:3]] for file in files])
    assert len(files) == 600
    assert sum(file.stat().st_size for file in files) < 3e6
    assert (labels[:, 1] == 0).mean() == pytest.approx(planted["gender"]["man"], abs=0.06)
    assert (labels[:, 0] >= 60).mean() == pytest.approx(planted["age"]["older"], abs=0.06)
    assert (labels[:, 2] == 0).mean() == pytest.approx(planted["tone"]["light"], abs=0.06)
    seen = nearest_scene(world, np.stack([np.asarray(Image.open(file)) for file in files[::10]]))
    assert (np.searchsorted([35, 60], labels[::10, 0], side="right") == seen.age).all()
    assert np.array_equal(np.where(labels[::10, 1] == 0, "man", "woman"), np.array(GENDERS)[seen.gender])
    assert [planted["race"][TONES[tone]] for tone in seen.tone] == labels[::10, 2].tolist()
