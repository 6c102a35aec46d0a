"""Test the nearest group, zero-shot age with its correction, and the age grid against known answers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from untold.judges import age_grid, correction, groups
from untold.similarity import nearest
from untold.statistics.resampling import Resampling

GROUPS = ["young", "middle", "older"]
FAST = Resampling(400, 399, 0.95, seed=0)
CONFUSION = np.array([[0.8, 0.15, 0.05], [0.2, 0.6, 0.2], [0.05, 0.25, 0.7]])


def similarities(winners, spaces=("dino",)):
    """Create a similarity table in which ``winners[activity][seed]`` is the nearest group."""
    rows = [
        (space, f"a{i:03d}", seed, group, 0.9 if group == winner else 0.5)
        for space in spaces
        for i, line in enumerate(winners)
        for seed, winner in enumerate(line)
        for group in GROUPS
    ]
    frame = pd.DataFrame(rows, columns=["space", "activity_id", "seed", "group", "value"])
    return frame.assign(dataset="d", metric="cosine", category="c")


def predictions(shares, rng, activities=60, seeds=8, confusion=CONFUSION, sharp=0.9):
    """Simulate classified images whose true ages follow ``shares`` (neutral) or the requested group."""
    rows = []
    for i in range(activities):
        for seed in range(seeds):
            for asked in ["neutral", *GROUPS]:
                true = rng.choice(3, p=shares) if asked == "neutral" else GROUPS.index(asked)
                seen = rng.choice(3, p=confusion[true])
                p = np.full(3, (1 - sharp) / 2)
                p[seen] = sharp
                rows.append(("d", "clip_image", f"a{i:03d}", seed, asked, *p))
    return pd.DataFrame(rows, columns=["dataset", "space", "activity_id", "seed", "group", *GROUPS])


def test_nearest_group_counts_and_intervals():
    winners = [["young", "young"], ["young", "older"], ["older", "older"], ["young", "young"]]
    table = nearest.nearest_group(similarities(winners), GROUPS, FAST).set_index("group")
    assert table["estimate"].to_dict() == pytest.approx({"young": 0.625, "middle": 0.0, "older": 0.375})
    assert table["n"].eq(4).all() and table["n_seeds"].eq(2).all()
    assert table.loc["young", "low"] < 0.625 < table.loc["young", "high"]
    assert table.loc["middle", "method"] == "Wilson over activities"
    assert table.loc["middle", "low"] == 0 and 0.3 < table.loc["middle", "high"] < 0.6


def test_nearest_group_ties_share_and_missing_images_are_left_out():
    frame = similarities([["young"], ["young"], ["older"]])
    frame.loc[frame["activity_id"] == "a000", "value"] = 0.5
    gone = (frame["activity_id"] == "a002") & (frame["group"] == "middle")
    images = nearest.nearest_images(frame[~gone], GROUPS).pivot(index="activity_id", columns="group", values="value")[
        GROUPS
    ]
    np.testing.assert_allclose(images.loc["a000"], 1 / 3)
    assert images.loc["a001"].tolist() == [1, 0, 0]
    assert images.loc["a002"].isna().all()


def test_nearest_group_without_a_group_says_so():
    frame = similarities([["young"], ["older"]])
    table = nearest.nearest_group(frame[frame["group"] != "middle"], GROUPS, FAST)
    assert table["n"].eq(0).all() and table["note"].eq("no image to compare").all()
    test = nearest.chi_square(frame[frame["group"] != "middle"], GROUPS).iloc[0]
    assert np.isnan(test["p"]) and test["note"] == "no image to compare"


def test_nearest_group_per_category_and_per_activity():
    frame = similarities([["young"] * 4, ["older", "older", "young", "older"]])
    frame["category"] = np.where(frame["activity_id"] == "a000", "sport", "craft")
    table = nearest.nearest_group(frame, GROUPS, FAST, by=["category"])
    assert table.query("category == 'sport' and group == 'young'")["estimate"].iloc[0] == 1
    row = (
        nearest.nearest_group_by_activity(frame, GROUPS, confidence=0.95)
        .query("activity_id == 'a001' and group == 'older'")
        .iloc[0]
    )
    low, high = stats.binomtest(3, 4).proportion_ci(method="wilson")
    assert (row["estimate"], row["n"]) == (0.75, 4)
    assert (row["low"], row["high"]) == pytest.approx((low, high))


def test_chi_square_with_one_seed_is_pearsons():
    winners = [["young"]] * 14 + [["middle"]] * 5 + [["older"]] * 5
    row = nearest.chi_square(similarities(winners), GROUPS).iloc[0]
    expected = stats.chisquare([14, 5, 5])
    assert (row["statistic"], row["p"]) == pytest.approx((expected.statistic, expected.pvalue))
    assert (row["df"], row["expected"], row["design_effect"]) == pytest.approx((2, 8, 1))
    assert [row[f"count_{group}"] for group in GROUPS] == [14, 5, 5]


def test_chi_square_does_not_count_copies_of_an_activity_as_evidence():
    winners = [["young"]] * 14 + [["middle"]] * 5 + [["older"]] * 5
    one = nearest.chi_square(similarities(winners), GROUPS).iloc[0]
    copies = nearest.chi_square(similarities([line * 10 for line in winners]), GROUPS).iloc[0]
    assert copies["statistic"] == pytest.approx(10 * one["statistic"])
    assert copies["p"] == pytest.approx(one["p"])
    same = nearest.chi_square(similarities([["young"] * 5] * 6), GROUPS).iloc[0]
    assert same["p"] == pytest.approx(stats.chisquare([6, 0, 0]).pvalue)
    assert same["note"] == "every image is nearest to one group"


def test_ties_do_not_sharpen_the_chi_square():
    frame = similarities([["middle"]] * 12)
    frame["value"] = 1 - frame["value"]  # the young and the older image are equally similar
    row = nearest.chi_square(frame, GROUPS).iloc[0]
    assert row["design_effect"] == 1
    assert row["p"] == pytest.approx(stats.chisquare([6, 0, 6]).pvalue)


def test_chi_square_of_one_activity_says_so():
    row = nearest.chi_square(similarities([["young", "older"]]), GROUPS).iloc[0]
    assert np.isnan(row["p"]) and row["note"] == "one activity: no test"


def test_confusion_adherence_and_calibration():
    frame = predictions([1, 0, 0], np.random.default_rng(0), activities=40)
    table = groups.confusion(frame, GROUPS, FAST)
    found = table.pivot(index="group", columns="predicted", values="estimate").loc[GROUPS, GROUPS]
    np.testing.assert_allclose(found, CONFUSION, atol=0.08)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    inside = (table["low"] <= table["estimate"]) & (table["estimate"] <= table["high"])
    assert inside.all()
    soft = table.pivot(index="group", columns="predicted", values="probability").loc[GROUPS, GROUPS]
    np.testing.assert_allclose(soft, found * 0.85 + 0.05)
    kept = groups.adherence(frame, GROUPS, FAST).set_index("group")["estimate"]
    assert kept["older"] == pytest.approx(found.loc["older", "older"])
    assert kept["all marked"] == pytest.approx(np.diag(found).mean())
    bins = groups.calibration(frame, GROUPS)
    assert bins.loc[bins["bin"].isna(), "accuracy"].iloc[0] == pytest.approx(kept["all marked"])
    assert bins.loc[bins["bin"].isna(), "gap"].iloc[0] == pytest.approx(abs(0.9 - kept["all marked"]))
    assert bins.loc[bins["bin"] == 0.9, "gap"].iloc[0] == pytest.approx(0.9 - kept["all marked"]), (
        "overconfident is > 0"
    )


def test_gate_drops_the_failed_images_only():
    rng = np.random.default_rng(1)
    frame = predictions([1, 0, 0], rng, activities=5, seeds=2)
    similarity = similarities([["young", "older"]] * 5)
    stays = groups.gate(similarity, frame, GROUPS)
    marked = frame[frame["group"] != "neutral"]
    assert len(stays) == groups.adheres(marked, GROUPS).sum() < len(similarity)
    unknown = groups.gate(similarity.assign(dataset="other"), frame, GROUPS)
    assert len(unknown) == len(similarity)


def test_unmix_is_rogan_and_gladen_for_two_groups():
    sensitivity, specificity, observed = 0.9, 0.8, 0.4
    confusion = np.array([[sensitivity, 1 - sensitivity], [1 - specificity, specificity]])
    share = correction.unmix(confusion, np.array([observed, 1 - observed]))[0]
    assert share == pytest.approx((observed + specificity - 1) / (sensitivity + specificity - 1))


@settings(max_examples=80, deadline=None)
@given(st.integers(2, 5), st.integers(0, 10_000))
def test_unmix_against_scipy_nnls(k, seed):
    rng = np.random.default_rng(seed)
    confusion = rng.dirichlet(np.ones(k), k) + 0.5 * np.eye(k)
    confusion /= confusion.sum(1, keepdims=True)
    observed = rng.dirichlet(np.full(k, 0.4))
    expected = optimize.nnls(confusion.T, observed)[0]
    found = correction.unmix(confusion, observed)
    np.testing.assert_allclose(found, expected / expected.sum(), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.integers(0, 10_000))
def test_unmix_inverts_mixing(k, seed):
    rng = np.random.default_rng(seed)
    confusion = 0.3 * rng.dirichlet(np.ones(k), (4, k)) + 0.7 * np.eye(k)
    shares = rng.dirichlet(np.ones(k), 4)
    observed = np.einsum("nt,ntp->np", shares, confusion)
    np.testing.assert_allclose(correction.unmix(confusion, observed), shares, atol=1e-9)


def grid(peak, activities=20, curvature=1e-4, noise=0.002, ages=range(20, 81, 10), seed=0, spread=0.0):
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(activities):
        top = peak + rng.normal(0, spread)
        for number in range(2):
            for age in ages:
                value = 0.9 - curvature * (age - top) ** 2 + rng.normal(0, noise)
                rows.append(("d", "dino", "cosine", f"a{i:02d}", number, age, value))
    return pd.DataFrame(rows, columns=["dataset", "space", "metric", "activity_id", "seed", "age", "value"])


def test_implied_age_is_the_planted_peak():
    exact = age_grid.implied_age(grid(37.0, noise=0, activities=3), FAST).iloc[0]
    assert exact["estimate"] == pytest.approx(37) and exact["r_squared"] == pytest.approx(1)
    row = age_grid.implied_age(grid(37.0), FAST).iloc[0]
    assert row["low"] < 37 < row["high"] and row["high"] - row["low"] < 3
    assert (row["n"], row["note"]) == (20, "")


def test_implied_age_covers_when_activities_differ():
    hits = 0
    for number in range(60):
        row = age_grid.implied_age(grid(45.0, spread=6, seed=number), replace(FAST, seed=number)).iloc[0]
        hits += row["low"] <= 45 <= row["high"]
    assert hits >= 52


@pytest.mark.parametrize(
    ("peak", "curvature", "end"), [(10.0, 1e-4, 20.0), (50.0 + 5, -1e-4, 20.0), (95.0, 1e-4, 80.0)]
)
def test_implied_age_without_inner_maximum_is_an_end_of_the_grid(peak, curvature, end):
    row = age_grid.implied_age(grid(peak, curvature=curvature), FAST).iloc[0]
    assert row["estimate"] == end and row["note"].startswith("no inner maximum")


def test_implied_age_of_little_or_flat_data_says_so():
    one = age_grid.implied_age(grid(40.0, activities=1), FAST).iloc[0]
    assert np.isfinite(one["estimate"]) and np.isnan(one["low"]) and "one activity_id" in one["note"]
    flat = age_grid.implied_age(grid(40.0, curvature=0, noise=0), FAST).iloc[0]
    assert np.isnan(flat["estimate"]) and flat["note"].startswith("flat curve")
    holes = grid(40.0, activities=2)
    holes = holes[~((holes["age"] == 50) & (holes["activity_id"] == "a00"))]
    assert age_grid.implied_age(holes, FAST).iloc[0]["n"] == 1
    with pytest.raises(ValueError, match="three ages"):
        age_grid.implied_age(grid(40.0, ages=[20, 40]), FAST)


def test_implied_age_per_activity_resamples_seeds():
    frame = pd.concat([grid(30.0, activities=1), grid(60.0, activities=1).assign(activity_id="b")])
    table = age_grid.implied_age(frame, FAST, by=["activity_id"], unit="seed")
    np.testing.assert_allclose(table["estimate"], [30, 60], atol=3)
    assert table["n"].tolist() == [2, 2]


@settings(max_examples=20, deadline=None)
@given(st.floats(25, 75), st.floats(0.5, 3), st.floats(-1, 1))
def test_implied_age_ignores_scale_and_shift_of_similarity(peak, scale, shift):
    frame = grid(peak, activities=5)
    quick = replace(FAST, resamples=100)
    one = age_grid.implied_age(frame, quick)
    two = age_grid.implied_age(frame.assign(value=scale * frame["value"] + shift), quick)
    columns = ["estimate", "low", "high"]
    np.testing.assert_allclose(one[columns].to_numpy(), two[columns].to_numpy(), rtol=1e-6)
