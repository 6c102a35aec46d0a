"""Test floor and ceiling computed from sums against the matrix of all pairs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untold.similarity.reference import ReferenceSums, normalise
from untold.statistics.resampling import Resampling

FAST = Resampling(300, 299, 0.95, seed=0)
GROUPS = ["neutral", "young", "older"]


def images(activities=7, seeds=4, dim=12, seed=0, spread=0.7):
    rng = np.random.default_rng(seed)
    keys = pd.MultiIndex.from_product(
        [[f"a{i}" for i in range(activities)], range(seeds), GROUPS], names=["activity", "seed", "group"]
    ).to_frame(index=False)
    centre = rng.normal(size=dim)
    own = dict(zip(keys["activity"].unique(), rng.normal(size=(activities, dim)), strict=True))
    vectors = np.array([centre + own[name] for name in keys["activity"]])
    vectors = (vectors + spread * rng.normal(size=vectors.shape)) * rng.uniform(0.5, 3, (len(keys), 1))
    return keys, vectors


def collect(keys, vectors, shards=1):
    sums = ReferenceSums("neutral")
    shard = keys["activity"].str[1:].astype(int) % shards
    for number in range(shards):
        rows = (shard == number).to_numpy()
        part = keys[rows]
        sums.add(vectors[rows], part["activity"], part["group"], part["seed"])
    return sums


def all_pairs(keys, vectors):
    """Compute floor, ceiling and cross-seed means from the N x N matrix."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = unit @ unit.T
    name, seed, group = (keys[column].to_numpy() for column in ("activity", "seed", "group"))
    neutral = group == "neutral"
    both = np.outer(neutral, neutral) & ~np.eye(len(keys), dtype=bool)
    same = name[:, None] == name
    floor = cosine[both & ~same].mean()
    marked = (group[:, None] == group) & same & (seed[:, None] != seed) & ~neutral
    own = [[marked & np.outer(group == g, name == a) for g in GROUPS[1:]] for a in np.unique(name)]
    ceiling = np.mean([np.mean([cosine[pairs].mean() for pairs in each]) for each in own])
    cross = {}
    for g in GROUPS[1:]:
        pairs = np.outer(neutral, group == g) & same & (seed[:, None] != seed)
        cross[g] = np.mean([cosine[pairs & (name == a)[:, None]].mean() for a in np.unique(name)])
    return floor, ceiling, cross


@pytest.mark.parametrize("shards", [1, 3])
def test_sums_equal_the_matrix_of_all_pairs(shards):
    keys, vectors = images()
    floor, ceiling, cross = all_pairs(keys, vectors)
    sums = collect(keys, vectors, shards)
    row = sums.table("dino", FAST).iloc[0]
    assert (row["floor"], row["ceiling"]) == pytest.approx((floor, ceiling), abs=1e-12)
    assert (row["n"], row["n_seeds"], row["note"]) == (7, 4, "")
    assert row["floor_low"] < floor < row["floor_high"]
    assert row["ceiling_low"] < ceiling < row["ceiling_high"]
    table = sums.cross_seed("dino", FAST).set_index("group")
    for group, value in cross.items():
        assert table.loc[group, "estimate"] == pytest.approx(value, abs=1e-12)
        assert table.loc[group, "estimate_units"] == pytest.approx((value - floor) / (ceiling - floor))


def test_missing_images_and_row_order():
    keys, vectors = images()
    keep = np.random.default_rng(1).permutation(len(keys))[:70]
    keys, vectors = keys.iloc[keep], vectors[keep]
    floor, _, _ = all_pairs(keys, vectors)
    row = collect(keys, vectors).table("dino", FAST)
    assert row.iloc[0]["floor"] == pytest.approx(floor, abs=1e-12)
    order = np.argsort(keys.index)
    pd.testing.assert_frame_equal(row, collect(keys.iloc[order], vectors[order]).table("dino", FAST))


def test_floor_interval_is_the_jackknife_over_activities():
    keys, vectors = images(activities=6)
    left_out = []
    for name in keys["activity"].unique():
        rows = (keys["activity"] != name).to_numpy()
        left_out.append(all_pairs(keys[rows], vectors[rows])[0])
    error = np.sqrt(5 / 6 * np.sum((np.array(left_out) - np.mean(left_out)) ** 2))
    row = collect(keys, vectors).table("dino", FAST).iloc[0]
    assert row["floor_high"] - row["floor"] == pytest.approx(2.5706 * error, rel=1e-4)


def test_one_seed_has_no_ceiling_and_says_so():
    keys, vectors = images(seeds=1)
    sums = collect(keys, vectors)
    row = sums.table("dino", FAST).iloc[0]
    assert np.isnan(row["ceiling"]) and np.isfinite(row["floor"])
    assert row["note"] == "no group has two seeds: the ceiling does not exist"
    cross = sums.cross_seed("dino", FAST)
    assert cross["estimate"].isna().all() and cross["note"].str.startswith("one seed").all()


def test_one_activity_has_no_floor_and_says_so():
    keys, vectors = images(activities=1)
    row = collect(keys, vectors).table("dino", FAST).iloc[0]
    assert np.isnan(row["floor"]) and np.isfinite(row["ceiling"])
    assert "no floor" in row["note"]


def test_no_neutral_image_at_all():
    keys, vectors = images()
    marked = (keys["group"] != "neutral").to_numpy()
    sums = collect(keys[marked], vectors[marked])
    row = sums.table("dino", FAST).iloc[0]
    assert row["n"] == 0 and np.isnan(row["floor"]) and np.isfinite(row["ceiling"])
    assert len(sums.cross_seed("dino", FAST)) == 0


def test_hostile_input_is_refused_by_name():
    keys, vectors = images(activities=2)
    sums = collect(keys, vectors)
    with pytest.raises(ValueError, match="'a1': added twice"):
        sums.add(vectors[-1:], ["a1"], ["neutral"], [9])
    with pytest.raises(ValueError, match="'b': a vector is zero"):
        sums.add(np.zeros((1, 12)), ["b"], ["neutral"], [0])


def test_identical_images_reach_one():
    keys, vectors = images(activities=3)
    row = collect(keys, np.ones_like(vectors)).table("dino", FAST).iloc[0]
    assert (row["floor"], row["ceiling"]) == pytest.approx((1, 1))
    assert "the same value" in row["note"]
    frame = pd.DataFrame({"space": ["dino"], "metric": ["cosine"], "estimate": [0.9]})
    reference = frame.assign(floor=1.0, ceiling=1.0)
    assert np.isnan(normalise(frame, reference, ["estimate"])["estimate_units"][0])


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 6), st.integers(2, 4), st.integers(2, 8), st.integers(0, 100), st.floats(0.01, 100))
def test_floor_and_ceiling_ignore_the_length_of_vectors(activities, seeds, dim, seed, scale):
    keys, vectors = images(activities, seeds, dim, seed)
    one, other = collect(keys, vectors), collect(keys, vectors * scale)
    columns = ["floor", "ceiling"]
    first, second = (x.table("s", FAST).loc[0, columns].to_numpy(float) for x in (one, other))
    np.testing.assert_allclose(first, second, atol=1e-10)
    assert (np.abs(first) <= 1 + 1e-9).all()


def test_normalise_puts_floor_at_zero_and_ceiling_at_one():
    reference = pd.DataFrame({"space": ["dino"], "metric": ["cosine"], "floor": [0.2], "ceiling": [0.7]})
    frame = pd.DataFrame({"space": ["dino"] * 3 + ["vae"], "metric": "cosine", "estimate": [0.2, 0.7, 0.45, 0.5]})
    units = normalise(frame, reference, ["estimate"])["estimate_units"]
    np.testing.assert_allclose(units, [0, 1, 0.5, np.nan])


def test_two_images_of_one_group_and_seed_are_refused():
    with pytest.raises(ValueError, match="two images of one group and seed"):
        ReferenceSums("neutral").add(np.ones((2, 3)), ["a", "a"], ["neutral"] * 2, [0, 0])
