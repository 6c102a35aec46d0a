"""Test the composition of clusters: known tables, agreement with SciPy and scikit-learn, coverage, and nesting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import adjusted_mutual_info_score, completeness_score, homogeneity_score

from untold.structure.composition import _permutations, association, composition


def spread(table: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the attribute (columns a, b, ...) and the cluster (rows) of each image in a table of counts."""
    rows = [(chr(97 + j), i) for i, line in enumerate(table) for j, count in enumerate(line) for _ in range(count)]
    return np.array([value for value, _ in rows]), np.array([cluster for _, cluster in rows])


def cell(table, cluster, value):
    return table[(table["cluster"] == cluster) & (table["value"] == value)].iloc[0]


def test_counts_shares_and_ratio_of_a_known_table():
    table = composition(*spread([[30, 10], [20, 40]]))
    first = cell(table, 0, "a")
    assert (first["count"], first["cluster_n"], first["value_n"], first["n"]) == (30, 40, 50, 100)
    assert (first["share"], first["expected_share"], first["ratio"]) == (0.75, 0.5, 1.5)
    assert first["p"] == pytest.approx(stats.fisher_exact([[30, 10], [20, 40]]).pvalue)
    assert first["low"] < 1.5 < first["high"]
    assert first["low"] > 1
    np.testing.assert_allclose(table["p_adjusted"], stats.false_discovery_control(table["p"]))


def test_interval_covers_the_true_ratio():
    rng = np.random.default_rng(0)
    truth = np.array([[0.15, 0.05], [0.2, 0.6]])
    ratio = 0.15 / (0.2 * 0.35)
    hits = 0
    for _ in range(400):
        first = cell(composition(*spread(rng.multinomial(150, truth.ravel()).reshape(2, 2).tolist())), 0, "a")
        hits += first["low"] <= ratio <= first["high"]
    assert 0.92 <= hits / 400 <= 0.98


def test_an_absent_value_has_ratio_zero_and_an_upper_end():
    absent = cell(composition(*spread([[0, 12], [30, 30]])), 0, "a")
    assert absent["ratio"] == absent["low"] == 0
    assert 0 < absent["high"] < 2


def test_one_cluster_is_like_the_set():
    table = composition(*spread([[5, 10]]))
    assert table["ratio"].tolist() == [1, 1]
    assert table["low"].tolist() == table["high"].tolist() == [1, 1]
    assert table["p"].tolist() == [1, 1]


def test_missing_values_are_left_out_and_noise_is_shown():
    table = composition(["a", None, "b", np.nan, "a"], np.array([0, 0, 0, 1, -1]))
    assert table["n"].unique().tolist() == [3]
    assert sorted(table["cluster"].unique()) == [-1, 0]
    assert table["note"].unique().tolist() == ["2 images without this attribute left out"]
    assert composition([None, None], np.array([0, 1])).empty


def nested(effect: float, seed: int, activities: int = 40, seeds: int = 6):
    """Simulate quadruplets whose clusters follow the activity, or the group with probability ``effect``."""
    rng = np.random.default_rng(seed)
    activity = np.repeat(np.arange(activities), seeds * 2)
    group = np.tile(["old", "young"], activities * seeds)
    cluster = np.repeat(rng.integers(0, 2, activities), seeds * 2)
    decided = rng.random(len(group)) < effect
    return group, np.where(decided, (group == "old").astype(int), cluster), activity


def test_blocks_keep_the_balance_of_quadruplets_in_the_null():
    group, cluster, activity = nested(0, 0)
    table = composition(group, cluster, nesting=[activity], draws=199)
    np.testing.assert_allclose(table["ratio"], 1)
    assert (table["p"] == 1).all()
    group, cluster, activity = nested(0.4, 0)
    table = composition(group, cluster, nesting=[activity], draws=199)
    assert cell(table, 1, "old")["low"] > 1
    assert cell(table, 1, "old")["p"] == 1 / 200
    assert association(group, cluster, nesting=[activity], permutations=199)["p"][0] == 1 / 200
    assert table["method"][0].startswith("bootstrap over 40 blocks")


def test_blocks_do_not_take_repeats_for_evidence():
    # The attribute is a property of the activity, so 200 images of 10 activities are only 10 observations.
    rng = np.random.default_rng(0)
    rejected = {"images": 0, "blocks": 0}
    for _ in range(40):
        activity = np.repeat(np.arange(10), 20)
        attribute = rng.integers(0, 2, 10)[activity].astype(str)
        cluster = rng.integers(0, 2, 10)[activity]
        rejected["images"] += (composition(attribute, cluster)["p"] < 0.05).any()
        rejected["blocks"] += (composition(attribute, cluster, nesting=[activity], draws=19)["p"] < 0.05).any()
    assert rejected["images"] > 20
    assert rejected["blocks"] <= 6


@pytest.mark.parametrize("effect", [0.0, 0.6])
def test_random_categories_are_seldom_found_and_real_ones_often(effect):
    """Clusters follow activities, as they do in embedding spaces; the category is a property of the activity too."""
    rng = np.random.default_rng(0)
    runs, found, cells, covered = 80, 0, 0, []
    for run in range(runs):
        activity = np.repeat(np.arange(36), 12)
        seeds = [f"{a}/{s}" for a, s in zip(activity, np.tile(np.repeat(np.arange(3), 4), 36), strict=True)]
        category = rng.permutation(np.arange(36) % 3)
        home = np.where(rng.random(36) < effect, category, rng.integers(0, 3, 36))
        cluster = np.where(rng.random(len(activity)) < 0.9, home[activity], rng.integers(0, 3, len(activity)))
        options = {"nesting": [activity, seeds], "seed": run}
        table = composition(category[activity].astype(str), cluster, draws=199, **options)
        p = association(category[activity].astype(str), cluster, permutations=199, **options)["p"][0]
        found += p <= 0.05
        cells += (table["p_adjusted"] <= 0.05).any()
        covered.append(((table["low"] <= 1) & (table["high"] >= 1)).mean())
    if effect:
        assert found / runs > 0.9
    else:
        assert found / runs <= 0.1 and cells / runs <= 0.1 and np.mean(covered) > 0.92


def test_what_is_constant_in_a_block_moves_with_it():
    codes = np.array([0, 0, 1, 1, 2, 2, 0, 0])
    seeds, activity = np.array([0, 0, 1, 1, 2, 2, 3, 3]), np.array([0, 0, 0, 0, 1, 1, 1, 1])
    moves, how = _permutations(codes, [activity, seeds], 0, 50)
    assert how == "permutation within blocks"
    for moved in moves:
        assert sorted(moved[:4]) == [0, 0, 1, 1] and (moved[::2] == moved[1::2]).all()
    moves, how = _permutations(activity, [activity, seeds], 0, 50)
    assert how == "permutation among blocks" and all(sorted(moved) == sorted(activity) for moved in moves)
    with pytest.raises(ValueError, match="from the widest"):
        composition(codes.astype(str), codes, nesting=[seeds, activity])


def test_a_value_that_is_never_or_always_there_has_an_interval():
    activity = np.repeat(np.arange(30), 4)
    cluster = (activity % 2).astype(int)
    value = np.where(cluster == 1, "a", np.where(np.arange(120) % 4 == 0, "a", "b"))
    table = composition(value, cluster, nesting=[activity], draws=99)
    never, always = cell(table, 1, "b"), cell(table, 1, "a")
    assert never["ratio"] == 0 == never["low"] and 0.1 < never["high"] < 0.8
    assert always["low"] < always["ratio"] <= always["high"]
    few = composition(value[:20], cluster[:20], nesting=[activity[:20]], draws=99)
    assert few["low"].isna().all() and few["note"].str.contains("5 blocks are too few").all() and few["p"].notna().all()


def test_association_is_scikit_learns():
    rng = np.random.default_rng(0)
    cluster = rng.integers(0, 4, 300)
    label = np.where(rng.random(300) < 0.5, cluster, rng.integers(0, 3, 300)).astype(str)
    got = association(label, cluster).set_index("statistic")["estimate"]
    assert got["ami"] == pytest.approx(adjusted_mutual_info_score(label, cluster))
    assert got["homogeneity"] == pytest.approx(homogeneity_score(label, cluster))
    assert got["completeness"] == pytest.approx(completeness_score(label, cluster))


def test_p_of_association_is_uniform_without_association_and_small_with():
    rng = np.random.default_rng(1)
    p = [
        association(rng.integers(0, 3, 90).astype(str), rng.integers(0, 3, 90), seed=i, permutations=99)["p"][0]
        for i in range(200)
    ]
    assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.10
    assert association(*spread([[40, 2], [2, 40]]))["p"][0] == 1 / 1000


def test_nothing_to_associate_is_said():
    table = association(["a", "a", "b"], np.array([0, 0, -1]))
    assert table["estimate"].isna().all()
    assert "1 images in no cluster left out; one cluster or one value only" in table["note"][0]
    assert "nothing to associate" in association([], np.array([], int))["note"][0]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["x", "y", "z", None]), st.integers(-1, 3)), max_size=40))
def test_any_table_is_consistent(pairs):
    attribute, clusters = [a for a, _ in pairs], np.array([c for _, c in pairs], dtype=int)
    table = composition(attribute, clusters)
    assert table["count"].sum() == sum(a is not None for a in attribute)
    assert ((table["low"] <= table["ratio"] + 1e-9) & (table["ratio"] <= table["high"] + 1e-9)).all()
    assert table["p"].between(0, 1).all()
    np.testing.assert_allclose(table.groupby("cluster")["share"].sum(), 1)
