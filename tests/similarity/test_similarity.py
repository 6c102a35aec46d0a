"""Test the known answers of docs/method.md sections 3 and 4, and incomplete pairs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untold.catalogue.metrics import METRICS, of
from untold.similarity.paired import function_of, paired_patches, paired_vectors, pairs
from untold.similarity.patches import dcr_cross, dcr_split, maxsim_forward, patch_maxsim

ALL = [patch_maxsim, maxsim_forward, dcr_split, dcr_cross]
SYMMETRIC = [patch_maxsim, dcr_split, dcr_cross]


def tokens(seed: int, count: int = 17, dim: int = 64, scale: float = 1.0) -> np.ndarray:
    return (scale * np.random.default_rng(seed).standard_normal((count, dim))).astype(np.float32)


def slow(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Compute the four definitions token by token in float64."""
    x, y = x.astype(float), y.astype(float)

    def cosine(a, b):
        return float(a @ b / np.sqrt((a @ a) * (b @ b)))

    best = [max(cosine(a, b) for b in y) for a in x]
    back = [max(cosine(a, b) for a in x) for b in y]
    norm = np.sqrt((x**2).sum()) * np.sqrt((y**2).sum())
    return {
        "patch_maxsim": (np.mean(best) + np.mean(back)) / 2,
        "maxsim_forward": np.mean(best),
        "dcr_split": max(a @ b for a, b in zip(x, y, strict=True)) / norm,
        "dcr_cross": max(a @ b for a in x for b in y) / norm,
    }


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 9), dim=st.integers(1, 8))
def test_each_metric_is_its_definition(seed, count, dim):
    x, y = tokens(seed, count, dim), tokens(seed + 1, count, dim)
    expected = slow(x, y)
    for metric in ALL:
        assert metric(x, y) == pytest.approx(expected[metric.__name__], abs=2e-6)


@pytest.mark.parametrize("metric", [patch_maxsim, maxsim_forward])
def test_identical_images_give_one(metric):
    assert metric(tokens(0), tokens(0)) == pytest.approx(1, abs=1e-6)


def test_identical_images_give_dcr_the_largest_share_of_a_token():
    x = tokens(0)
    share = (x**2).sum(1).max() / (x**2).sum()
    assert dcr_split(x, x) == pytest.approx(share, abs=1e-6)
    assert dcr_cross(x, x) == pytest.approx(share, abs=1e-6)


def test_a_shift_by_one_position():
    """All tokens of the original are present, each shifted by one position."""
    x = tokens(1)
    y = np.roll(x, 1, axis=0)
    assert maxsim_forward(x, y) == pytest.approx(1, abs=1e-6)
    assert patch_maxsim(x, y) == pytest.approx(1, abs=1e-6)
    assert dcr_cross(x, y) == pytest.approx(dcr_cross(x, x), abs=1e-6)
    assert abs(dcr_split(x, y)) < 0.05, "near 0, because neighbouring tokens are unrelated"
    assert dcr_split(x, y) < dcr_split(x, x) / 2


def test_orthogonal_tokens_shifted_by_one_give_exactly_nothing():
    x = np.eye(5, dtype=np.float32)
    assert dcr_split(x, np.roll(x, 1, axis=0)) == 0
    assert dcr_split(x, x) == pytest.approx(1 / 5)


def test_a_partial_copy_is_asymmetric_forwards_only():
    """Every token of x is in y, but not every token of y is in x."""
    y = tokens(2, count=16)
    x = np.concatenate([y[:4]] * 4)
    assert maxsim_forward(x, y) == pytest.approx(1, abs=1e-6)
    assert maxsim_forward(y, x) < 0.6
    for metric in SYMMETRIC:
        assert metric(x, y) == pytest.approx(metric(y, x), abs=1e-6)


def test_the_class_token_counts_where_the_method_says_so():
    x, y = tokens(3), tokens(3)
    y[0] = -x[0]
    assert function_of(METRICS["patch_maxsim"])(x, y) == pytest.approx(1, abs=1e-6)
    assert function_of(METRICS["maxsim_forward"])(x, y) < 1 - 1e-3
    assert {metric.name for metric in of("tokens")} == {metric.__name__ for metric in ALL}


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(0.01, 100))
def test_ranges_and_scale(seed, scale):
    x, y = tokens(seed, 6, 5), tokens(seed + 1, 6, 5)
    for metric in ALL:
        value = metric(x, y)
        assert -1 - 1e-6 <= value <= 1 + 1e-6
        assert metric(scale * x, y) == pytest.approx(value, abs=1e-5)


@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_patches_does_not_matter_where_all_pairs_are_compared(seed):
    x, y = tokens(seed, 6, 5), tokens(seed + 1, 6, 5)
    order = np.random.default_rng(seed).permutation(6)
    for metric in (patch_maxsim, maxsim_forward, dcr_cross):
        assert metric(x, y[order]) == pytest.approx(metric(x, y), abs=1e-6)


@pytest.mark.parametrize("metric", ALL)
def test_a_stack_of_pairs_is_each_pair(metric):
    x = np.stack([tokens(seed) for seed in range(3)])
    y = np.stack([tokens(seed) for seed in range(3, 6)])
    assert np.allclose(metric(x, y), [metric(a, b) for a, b in zip(x, y, strict=True)], atol=1e-6)


@pytest.mark.parametrize("metric", ALL)
def test_what_has_no_similarity_is_refused(metric):
    with pytest.raises(ValueError, match="differ in shape"):
        metric(tokens(0), tokens(0, count=16))
    with pytest.raises(ValueError, match="zero"):
        metric(tokens(0), np.zeros((17, 64), np.float32))


@pytest.mark.parametrize("metric", [patch_maxsim, maxsim_forward])
def test_one_token_without_direction_is_refused(metric):
    y = tokens(0)
    y[3] = 0
    with pytest.raises(ValueError, match="zero norm"):
        metric(tokens(0), y)


def test_half_precision_tokens_are_compared_in_single():
    x, y = tokens(0, scale=300).astype(np.float16), tokens(1, scale=300).astype(np.float16)
    for metric in ALL:
        assert metric(x, y) == pytest.approx(slow(x, y)[metric.__name__], abs=1e-5)


def manifest(*rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["activity_id", "seed", "group", "role", "key", "accepted"])
    return frame.assign(category="c", age=pd.NA, prompt_key="p" + frame["key"])


def test_pairs_are_of_one_activity_and_one_seed():
    found = pairs(
        manifest(
            ("b", 1, "neutral", "neutral", "b1n", True),
            ("a", 2, "older", "group", "a2o", True),
            ("a", 1, "neutral", "neutral", "a1n", True),
            ("a", 2, "neutral", "neutral", "a2n", True),
            ("a", 1, "young", "group", "a1y", True),
            ("a", 1, "older", "group", "a1o", True),
            ("a", 1, "nearby", "placebo", "a1p", True),
        )
    )
    assert list(zip(found["key"], found["partner_key"], strict=True)) == [
        ("a1p", "a1n"),
        ("a1o", "a1n"),
        ("a1y", "a1n"),
        ("a2o", "a2n"),
    ]
    assert list(found["partner_prompt_key"]) == ["pa1n", "pa1n", "pa1n", "pa2n"]
    assert "neutral" not in set(found["group"])


def test_a_missing_or_rejected_neutral_image_leaves_no_pair():
    rows = [
        ("a", 1, "neutral", "neutral", "a1n", False),
        ("a", 1, "young", "group", "a1y", True),
        ("b", 1, "young", "group", "b1y", True),
        ("c", 1, "neutral", "neutral", "c1n", True),
        ("c", 1, "young", "group", "c1y", False),
        ("c", 1, "older", "group", "c1o", True),
    ]
    assert list(pairs(manifest(*rows))["key"]) == ["c1o"]
    assert len(pairs(manifest(*rows[:3]))) == 0


def test_two_neutral_images_of_one_activity_and_seed_are_an_error():
    rows = [("a", 1, "neutral", "neutral", key, True) for key in ("x", "y")] + [("a", 1, "young", "group", "z", True)]
    with pytest.raises(pd.errors.MergeError):
        pairs(manifest(*rows))


def series(*keys) -> pd.Series:
    return pd.Series(keys, dtype=object)


def test_paired_cosine():
    keys = np.array(["x", "y", "z"])
    vectors = np.array([[1, 0], [3, 4], [0, -2]], np.float32)
    values = paired_vectors(keys, vectors, series("x", "y", "z"), series("y", "y", "x"))["cosine"]
    assert values == pytest.approx([0.6, 1, 0], abs=1e-6)
    assert values.dtype == np.float32


def test_latents_are_compared_as_one_vector():
    latents = np.random.default_rng(0).standard_normal((2, 4, 8, 8)).astype(np.float16)
    x, y = latents.astype(float).reshape(2, -1)
    expected = x @ y / np.linalg.norm(x) / np.linalg.norm(y)
    found = paired_vectors(np.array(["a", "b"]), latents, series("a"), series("b"))
    assert found["cosine"] == pytest.approx(expected, abs=1e-6)


def test_an_image_without_a_vector_is_named():
    with pytest.raises(ValueError, match="1 images have no vector, such as gone"):
        paired_vectors(np.array(["x"]), np.ones((1, 2)), series("x", "gone"), series("x", "x"))


def test_no_pairs_give_no_values():
    empty = series()
    assert len(paired_vectors(np.array(["x"]), np.ones((1, 2)), empty, empty)["cosine"]) == 0
    found = paired_patches(np.array(["x"]), np.ones((1, 3, 2)), empty, empty)
    assert {name: len(values) for name, values in found.items()} == {metric.name: 0 for metric in of("tokens")}


@settings(max_examples=5, deadline=None)
@given(count=st.sampled_from([1, 63, 64, 65, 130]))
def test_pairs_in_batches_are_the_pairs(count):
    rng = np.random.default_rng(count)
    stored = rng.standard_normal((10, 5, 4)).astype(np.float16)
    keys = np.array([f"k{number}" for number in range(10)])
    x, y = rng.integers(0, 10, (2, count))
    found = paired_patches(keys, stored, series(*keys[x]), series(*keys[y]))
    for metric in of("tokens"):
        one = function_of(metric)
        expected = [one(stored[a], stored[b]) for a, b in zip(x, y, strict=True)]
        assert found[metric.name] == pytest.approx(expected, abs=1e-6)
