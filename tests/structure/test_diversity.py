"""Test diversity: known answers, comparison at equal size, and coverage of the intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics.pairwise import cosine_distances

from untold.data.vectors import unit
from untold.structure.diversity import diversity, mean_distance, vendi

vectors = arrays(np.float64, st.tuples(st.integers(2, 25), st.integers(2, 8)), elements=st.floats(-1, 1)).map(
    lambda x: unit(np.column_stack([x, np.ones(len(x))]))
)


@given(vectors)
def test_mean_distance_is_that_of_all_pairs(x):
    pairs = cosine_distances(x.astype(np.float64))[np.triu_indices(len(x), 1)]
    assert mean_distance(x) == pytest.approx(pairs.mean(), abs=1e-6)


@given(vectors)
def test_vendi_is_the_same_from_either_gram_matrix_and_falls_with_q(x):
    eigenvalues = np.linalg.eigvalsh(x.astype(np.float64) @ x.T.astype(np.float64) / len(x))
    kept = eigenvalues[eigenvalues > 1e-9]
    scores = vendi(x)
    assert scores[1] == pytest.approx(np.exp(-(kept * np.log(kept)).sum()), rel=1e-5)
    assert scores[2] == pytest.approx(1 / (eigenvalues**2).sum(), rel=1e-5)
    assert scores[3] == pytest.approx(1 / eigenvalues.max(), rel=1e-5)
    assert (np.diff(scores) <= 1e-9).all()
    assert 1 - 1e-9 <= scores.min() <= scores.max() <= min(x.shape) + 1e-9


def test_known_vendi_scores():
    np.testing.assert_allclose(vendi(np.eye(7)), 7)
    np.testing.assert_allclose(vendi(np.tile([[1.0, 0, 0]], (9, 1))), 1)
    np.testing.assert_allclose(vendi(np.repeat(np.eye(3), 5, axis=0)), 3)
    # 3 copies of one image and 1 of another have eigenvalues 3/4 and 1/4.
    scores = vendi(np.eye(2)[[0, 0, 0, 1]])
    np.testing.assert_allclose(scores, [(0.75**0.5 + 0.5) ** 2, 4 / 3**0.75, 1.6, 4 / 3])


def draw(n: int, spread: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.eye(6)[0] + rng.normal(0, spread, (n, 6))


def test_size_does_not_pass_for_diversity():
    x = np.concatenate([draw(40, 1, 0), draw(2_000, 1, 1), draw(400, 0.3, 2)])
    groups = ["small"] * 40 + ["large"] * 2_000 + ["narrow"] * 400
    table = diversity(x, groups, seed=0)
    assert set(table["size"]) == {20}
    q1 = table[table["metric"] == "vendi_q1"].set_index("group")
    assert q1.loc["small", "low"] < q1.loc["large", "estimate"] < q1.loc["small", "high"]
    assert q1.loc["narrow", "high"] < q1.loc["large", "low"]
    # The estimate of a larger set is more precise.
    width = q1["high"] - q1["low"]
    assert width["large"] < width["small"] / 3


def test_intervals_cover_what_another_sample_would_give():
    truth = np.mean([[mean_distance(unit(draw(20, 1, s))), *vendi(unit(draw(20, 1, s)))] for s in range(1_000)], axis=0)
    hits = np.zeros(len(truth))
    for seed in range(100, 200):
        table = diversity(draw(60, 1, seed), ["a"] * 60, size=20, seed=seed, draws=60)
        hits += (table["low"] <= truth) & (truth <= table["high"])
    assert (hits >= 87).all(), hits


def test_more_seeds_do_not_pass_for_diversity():
    """Neutral images have more seeds than marked ones; at equal images per activity both are equally diverse."""
    rng = np.random.default_rng(0)
    activity = np.concatenate([np.repeat(np.arange(40), 4), np.repeat(np.arange(40), 32)])
    x = np.eye(12)[activity % 12] + rng.normal(0, 0.5, (len(activity), 12))
    groups = ["marked"] * 160 + ["neutral"] * 1_280
    table = diversity(x, groups, units=activity, seed=0)
    q1 = table[table["metric"] == "vendi_q1"].set_index("group")
    assert q1["method"].str.contains("4 images of each at most").tolist() == [False, True]
    assert q1.loc["marked", "low"] < q1.loc["neutral", "estimate"] < q1.loc["marked", "high"]


def test_repeats_of_a_unit_are_not_evidence():
    base = draw(40, 1, 3)
    once = diversity(base, ["a"] * 40, seed=0)
    often = diversity(np.repeat(base, 9, axis=0), ["a"] * 360, units=np.repeat(np.arange(40), 9), seed=0)
    for column in ("estimate", "low", "high"):
        np.testing.assert_allclose(often[column][1:], once[column][1:], rtol=1e-6)
    assert often["n"][0] == 360
    assert often["units"][0] == 40


def test_large_units_give_no_more_images_than_the_limit():
    rng = np.random.default_rng(0)
    x, activities = draw(4_000, 1, 5), np.repeat(np.arange(40), 100)
    table = diversity(x, rng.permutation(["a", "b"] * 2_000), units=activities, limit=100, seed=0)
    assert set(table["method"]) == {"50 subsets of 20, 5 images of each at most; delete-d jackknife"}
    vendi_inf = table[table["metric"] == "vendi_qinf"]
    # Random groups differ only by chance, and 100 images in units are as diverse as 100 images without units.
    alone = diversity(x, ["a"] * 4_000, size=100, seed=0).set_index("metric").loc["vendi_qinf", "estimate"]
    assert ((vendi_inf["low"] < alone) & (alone < vendi_inf["high"])).all()
    few = diversity(x, ["a"] * 4_000, units=activities, limit=2_000, seed=0)
    assert set(few["method"]) == {"50 subsets of 20; delete-d jackknife"}


def test_small_groups_keep_their_row_and_say_why():
    table = diversity(draw(33, 1, 0), ["a"] * 30 + ["tiny"] * 2 + [None], seed=0)
    assert set(table["group"]) == {"a", "tiny"}
    tiny = table[table["group"] == "tiny"].set_index("metric")
    assert np.isfinite(tiny.loc["mean_distance", "estimate"])
    assert np.isnan(tiny.loc["vendi_q1", "estimate"])
    assert tiny["note"].unique().tolist() == ["2 are too few to rarefy to 15"]
    alone = diversity(draw(3, 1, 0), [0, 0, 1])
    assert alone["note"].str.contains("at least 10 are needed").all()
    assert diversity(np.empty((0, 4)), []).empty


def test_same_seed_same_table():
    x = draw(50, 1, 0)
    first, second = (diversity(x, ["a", "b"] * 25, seed=3) for _ in range(2))
    assert first.equals(second)
