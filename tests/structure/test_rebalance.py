"""Test that all duplicates are found, and that rebalancing reaches equal shares or reports what is missing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untold.data.vectors import unit
from untold.structure import rebalance
from untold.structure.rebalance import balancing_weights, before_after, keep_list, near_duplicates


def files(n: int) -> list[str]:
    return [f"{i:064x}" for i in range(n)]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 60), st.floats(0.5, 0.999))
def test_near_duplicates_are_those_of_the_full_matrix(seed, n, threshold):
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(max(1, n // 3), 40))
    x = unit(base[rng.integers(0, len(base), n)] + rng.normal(0, 0.15, (n, 40)))
    table = near_duplicates(x, files(n), threshold=threshold, components=4)
    cosine = x.astype(float) @ x.T.astype(float)
    if (np.abs(cosine - threshold) < 1e-5).any():
        return  # too close to the threshold for float32
    kept, expected = [], {}
    for i in range(n):
        near = [j for j in kept if cosine[i, j] >= threshold]
        if near:
            expected[i] = near[0]
        else:
            kept.append(i)
    assert dict(zip(table["position"], table["duplicate_of"], strict=True)) == expected
    assert (table["cosine"] >= threshold - 1e-5).all()


def test_blocks_do_not_lose_pairs(monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 16))
    x[150:] = x[:150] + rng.normal(0, 1e-3, (150, 16))
    shuffled = rng.permutation(300)
    whole = near_duplicates(x[shuffled], files(300))
    monkeypatch.setattr(rebalance, "BLOCK", 7)
    monkeypatch.setattr(rebalance, "MAX_PAIRS", 2)
    assert near_duplicates(x[shuffled], files(300)).equals(whole)
    assert len(whole) == 150


def test_same_file_counts_whatever_its_vector_and_both_ends_of_a_chain_are_kept():
    angles = np.deg2rad([0, 10, 20, 90, 180])
    x = np.column_stack([np.cos(angles), np.sin(angles)])
    hashes = files(5)
    hashes[4] = hashes[3]
    table = near_duplicates(x, hashes, threshold=0.98).set_index("position")  # cos 10 degrees = 0.985
    assert table["duplicate_of"].to_dict() == {1: 0, 4: 3}  # 2 is near to 1, which is left out, and not to 0
    assert table["kind"].to_dict() == {1: "near", 4: "exact"}
    assert table.loc[1, "cosine"] == pytest.approx(np.cos(np.deg2rad(10)), abs=1e-6)
    assert near_duplicates(x[:1], hashes[:1]).empty
    assert len(near_duplicates(np.ones((5, 3)), files(5))) == 4
    assert len(near_duplicates(np.ones((5, 3)), ["a"] * 5)) == 4
    with pytest.raises(ValueError, match=r"threshold = 1\.5"):
        near_duplicates(x, hashes, threshold=1.5)


def crowd() -> tuple[pd.DataFrame, np.ndarray]:
    gender = ["f"] * 10 + ["m"] * 30 + ["f"] * 24 + ["m"] * 12
    return pd.DataFrame({"gender": gender}), np.repeat([0, 1], [40, 36])


def test_one_attribute_is_equalised_exactly():
    people, clusters = crowd()
    weights, notes = balancing_weights(people, clusters)
    kept = keep_list(people, clusters, weights, seed=0)
    table = before_after(people, clusters, weights, kept)
    assert notes.empty
    assert table["share"].tolist() == [0.25, 0.75, 24 / 36, 12 / 36]
    np.testing.assert_allclose(table["weighted_share"], 0.5)
    assert table["kept_n"].tolist() == [10, 10, 12, 12]
    assert table["kept_share"].tolist() == [0.5] * 4
    # Weights preserve the size of clusters, at the cost of effective sample size.
    assert weights[clusters == 0].sum() == pytest.approx(40)
    assert table["effective_n"][0] == pytest.approx(40**2 / (10 * 2**2 + 30 * (2 / 3) ** 2))


def test_targets_other_than_equal():
    people, clusters = crowd()
    weights, _ = balancing_weights(people, clusters, targets={"gender": {"f": 1, "m": 3}})
    table = before_after(people, clusters, weights, keep_list(people, clusters, weights, seed=0))
    np.testing.assert_allclose(table["weighted_share"], [0.25, 0.75] * 2)
    assert table["kept_n"].tolist() == [10, 30, 4, 12]


def test_two_attributes_are_raked_together():
    rng = np.random.default_rng(0)
    gender = rng.choice(["f", "m"], 600, p=[0.3, 0.7])
    age = np.where(rng.random(600) < np.where(gender == "f", 0.8, 0.4), "young", "old")
    people, clusters = pd.DataFrame({"gender": gender, "age": age}), rng.integers(0, 3, 600)
    weights, notes = balancing_weights(people, clusters)
    table = before_after(people, clusters, weights, keep_list(people, clusters, weights, seed=1))
    assert notes.empty
    np.testing.assert_allclose(table["weighted_share"], 0.5, atol=1e-6)
    np.testing.assert_allclose(table["kept_share"], 0.5, atol=0.03)
    assert np.abs(table["share"] - 0.5).max() > 0.15


def test_what_is_missing_is_said_and_the_rest_goes_on():
    people = pd.DataFrame({"age": ["young", "old", "young", "young", None]})
    weights, notes = balancing_weights(people, np.array([0, 0, 0, 1, 1]))
    np.testing.assert_allclose(weights, [0.75, 1.5, 0.75, 1, 1])
    assert notes.to_dict("list") == {
        "cluster": [1, 1],
        "attribute": ["", "age"],
        "note": ["1 images lack a label and keep weight 1", "no image with old: the others share its part"],
    }
    kept = keep_list(people, np.array([0, 0, 0, 1, 1]), weights, seed=0)
    assert kept[[1, 3, 4]].all()
    assert kept[[0, 2]].sum() == 1
    # The image without a label is a duplicate.
    weights, _ = balancing_weights(people, np.array([0, 0, 0, 1, 1]), keep=np.array([1, 1, 1, 1, 0]))
    assert not keep_list(people, np.array([0, 0, 0, 1, 1]), weights, seed=0)[4]


def test_contradicting_attributes_are_said():
    # Women should be a third by gender but a half by age, because all young people are women.
    people = pd.DataFrame({"gender": ["f", "f", "m", "x"], "age": ["young", "young", "old", "old"]})
    _, notes = balancing_weights(people, np.zeros(4, int))
    assert notes["note"].str.contains("contradict").any()


def test_duplicates_get_no_weight():
    people, clusters = crowd()
    keep = np.ones(len(people), bool)
    keep[:5] = False
    weights, _ = balancing_weights(people, clusters, keep=keep)
    kept = keep_list(people, clusters, weights, seed=0)
    assert not weights[:5].any()
    assert not kept[:5].any()
    table = before_after(people, clusters, weights, kept)
    assert table["kept_n"].tolist() == [5, 5, 12, 12]


def test_same_seed_same_list():
    people, clusters = crowd()
    weights, _ = balancing_weights(people, clusters)
    lists = [keep_list(people, clusters, weights, seed=s) for s in (1, 1, 2)]
    assert (lists[0] == lists[1]).all()
    assert (lists[0] != lists[2]).any()


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(["f", "m", None]), st.sampled_from([1, 2, 3, None]), st.integers(-1, 1)),
        max_size=30,
    )
)
def test_any_crowd_has_finite_weights(rows):
    people = pd.DataFrame({"gender": [r[0] for r in rows], "age": [r[1] for r in rows]}, dtype=object)
    clusters = np.array([r[2] for r in rows], dtype=int)
    weights, _ = balancing_weights(people, clusters)
    kept = keep_list(people, clusters, weights, seed=0)
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()
    assert kept.shape == (len(rows),)
    table = before_after(people, clusters, weights, kept)
    for _, part in table.groupby(["cluster", "attribute"]):
        assert part["share"].sum() == pytest.approx(1)


def test_age_bands_are_listed_in_their_order():
    ages = pd.DataFrame({"age": ["10-19", "3-9", "0-2", "10-19"]})
    clusters, weights = np.zeros(4, dtype=int), np.ones(4)
    table = before_after(ages, clusters, weights, weights.astype(bool))
    assert table["value"].tolist() == ["0-2", "3-9", "10-19"] and table["n"].tolist() == [1, 1, 2]
