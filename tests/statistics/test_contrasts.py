"""Test intervals and hypothesis tests against known answers, other implementations and simulated studies."""

import gc

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttost_paired

from untold.similarity.nearest import nearest_group
from untold.statistics import contrasts, resampling, tidy
from untold.statistics.resampling import Resampling, mean_intervals, sign_flip
from untold.statistics.specification import specification_curve
from untold.statistics.variance import variance_components

PAIRS = [("young", "older"), ("young", "middle"), ("middle", "older")]
FAST = Resampling(500, 499, 0.95, seed=1)


def study(
    activities=24,
    seeds=3,
    spaces=("clip_image", "dino"),
    means=(0.8, 0.78, 0.75),
    spread=0.02,
    noise=0.02,
    seed=0,
):
    """Simulate a long similarity table with a known gap."""
    rng = np.random.default_rng(seed)
    shape = (len(spaces), activities, seeds, len(means))
    own = rng.normal(0, spread, (len(spaces), activities, 1, len(means)))
    values = np.array(means) + own + rng.normal(0, noise, shape)
    index = pd.MultiIndex.from_product(
        [
            spaces,
            [f"a{i:03d}" for i in range(activities)],
            range(seeds),
            ["young", "middle", "older"][: len(means)],
        ],
        names=["space", "activity_id", "seed", "group"],
    )
    frame = pd.Series(values.ravel(), index=index, name="value").reset_index()
    frame["category"] = "c" + (frame["activity_id"].str[1:].astype(int) % 4).astype(str)
    return frame.assign(dataset="d", metric="cosine")


def test_every_resample_and_permutation_is_drawn_in_however_many_blocks(monkeypatch):
    weights = np.concatenate([weights for _, weights in FAST.weights(7)])
    monkeypatch.setattr(resampling, "BLOCK_CELLS", 50)
    blocks, parts = zip(*FAST.weights(7), strict=True)
    assert [block.stop for block in blocks] == [*range(7, 500, 7), 500]
    np.testing.assert_array_equal(np.concatenate(parts), weights)
    assert weights.shape == (500, 7) and (weights.sum(1) == 7).all()
    signs = np.concatenate(list(FAST.signs(9)))
    assert signs.shape == (499, 9) and set(signs.ravel()) == {-1.0, 1.0}
    every = np.concatenate(list(FAST.signs(8)))
    assert len(np.unique(every, axis=0)) == len(every) == 256


def test_intervals_equal_scipy():
    rng = np.random.default_rng(3)
    data = rng.exponential(1, (40, 3))
    ours = mean_intervals(data, Resampling(100_000, 99, 0.95, seed=0), expand=False)
    theirs = stats.bootstrap((data,), np.mean, axis=0, n_resamples=20_000, method="BCa", rng=rng)
    np.testing.assert_allclose(ours.estimate, data.mean(0))
    width = ours.high - ours.low
    assert np.all(np.abs(ours.low - theirs.confidence_interval.low) < 0.03 * width)
    assert np.all(np.abs(ours.high - theirs.confidence_interval.high) < 0.03 * width)


def test_expanded_intervals_match_student_for_normal_data():
    data = np.random.default_rng(5).normal(size=(12, 1))
    data = (data - data.mean()) * [[1.0]]
    data = np.concatenate([data, -data])  # symmetric, so that BCa has neither bias nor acceleration
    ours = mean_intervals(data, Resampling(100_000, 99, 0.95, seed=0))
    half = stats.t.ppf(0.975, 23) * data.std(ddof=1) / np.sqrt(24)
    assert ours.high[0] == pytest.approx(half, rel=0.03)
    assert ours.low[0] == pytest.approx(-half, rel=0.03)


def test_missing_values_are_as_if_the_activity_did_not_exist():
    rng = np.random.default_rng(0)
    data = rng.normal(size=(30, 2))
    data[5:9, 0] = np.nan
    both = mean_intervals(data, Resampling(400, 99, 0.9, seed=7))
    alone = mean_intervals(np.delete(data[:, :1], range(5, 9), axis=0), Resampling(400, 99, 0.9, seed=7))
    assert both.n.tolist() == [26, 30]
    np.testing.assert_allclose([both.low[0], both.high[0]], [alone.low[0], alone.high[0]], rtol=1e-12)


def test_sign_flip_against_full_enumeration():
    data = np.array([0.3, 0.5, -0.1, 0.4, 0.25, 0.6, -0.05, 0.2])
    signs = np.array(np.meshgrid(*[[-1, 1]] * 8)).reshape(8, -1).T
    exact = np.mean(np.abs(signs @ data) >= abs(data.sum()) - 1e-12)
    p = sign_flip(data[:, None], Resampling(1, 40_000, 0.95, seed=0))[0]
    assert p == pytest.approx(exact, abs=4 * np.sqrt(exact / 40_000))


def test_sign_flip_never_gives_zero_and_counts_the_data_itself():
    assert sign_flip(np.full((60, 1), 1.0), Resampling(1, 99, 0.95, seed=0))[0] == pytest.approx(1 / 100)


def test_contrasts_find_the_planted_gap():
    frame = contrasts.contrasts(study(activities=60, spread=0.03), PAIRS, FAST)
    assert list(frame.columns)[:4] == ["dataset", "space", "metric", "contrast"]
    assert len(frame) == 6
    row = frame.query("space == 'dino' and contrast == 'young-older'").iloc[0]
    assert (row["n"], row["n_seeds"]) == (60, 3)
    assert row["low"] < 0.05 < row["high"]
    assert row["p"] == pytest.approx(1 / 500)
    assert row["p_adjusted"] == pytest.approx(6 / 500)
    assert row["share_positive"] > 0.75
    assert np.isnan(row["gap_units"])


def test_estimate_is_the_mean_of_activities_not_of_images():
    frame = study(activities=10)
    drop = (frame["activity_id"] == "a000") & (frame["seed"] > 0)
    row = contrasts.contrasts(frame[~drop], PAIRS[:1], FAST).iloc[0]
    wide = (
        frame[~drop]
        .query("space == 'clip_image'")
        .pivot(index=["activity_id", "seed"], columns="group", values="value")
    )
    gap = (wide["young"] - wide["older"]).groupby("activity_id").mean()
    assert row["estimate"] == pytest.approx(gap.mean())
    assert row["d_z"] == pytest.approx(gap.mean() / gap.std())


def test_a_seed_without_one_of_the_two_images_leaves_the_pair_out():
    frame = study(activities=6)
    one = (frame["activity_id"] == "a001") & (frame["seed"] == 1) & (frame["group"] == "older")
    absent = contrasts.contrasts(frame[~one], PAIRS, FAST)
    empty = contrasts.contrasts(frame.assign(value=frame["value"].mask(one)), PAIRS, FAST)
    pd.testing.assert_frame_equal(absent, empty)


def test_gap_in_floor_to_ceiling_units():
    reference = pd.DataFrame({"space": ["dino"], "metric": ["cosine"], "floor": [0.2], "ceiling": [0.7]})
    frame = contrasts.contrasts(study(), PAIRS[:1], FAST, reference=reference).set_index("space")
    assert frame.loc["dino", "gap_units"] == pytest.approx(frame.loc["dino", "estimate"] / 0.5)
    assert np.isnan(frame.loc["clip_image", "gap_units"])


def test_sensitivity_metrics_stay_out_of_the_family():
    frame = study()
    both = pd.concat([frame, frame.assign(metric="dcr_split")])
    table = contrasts.contrasts(both, PAIRS, FAST)
    assert table.query("metric == 'dcr_split'")["p_adjusted"].isna().all()
    alone = contrasts.contrasts(frame, PAIRS, FAST)
    np.testing.assert_array_equal(table.query("metric == 'cosine'")["p_adjusted"], alone["p_adjusted"])


@pytest.mark.parametrize("function", [contrasts.contrasts, contrasts.by_category])
def test_one_activity_says_so_and_the_rest_goes_on(function):
    frame = study(spaces=("clip_image", "dino"))
    lonely = (frame["space"] == "dino") & (frame["activity_id"] != "a000")
    table = function(frame[~lonely], PAIRS, FAST)
    row = table.query("space == 'dino'").iloc[0]
    assert row["n"] == 1 and np.isfinite(row["estimate"])
    assert row[["low", "high", "p", "p_adjusted", "d_z"]].isna().all()
    assert row["note"].startswith("one activity")
    assert table.query("space == 'clip_image'")["p_adjusted"].notna().all()


def test_constant_space_says_so_and_does_not_weigh_on_the_family():
    frame = study()
    flat = pd.concat([frame, frame.query("space == 'dino'").assign(space="flat", value=1.0)])
    table = contrasts.contrasts(flat, PAIRS, FAST)
    rows = table.query("space == 'flat'")
    assert rows["note"].str.startswith("the same value").all()
    assert rows[["low", "high", "p", "p_adjusted", "d_z"]].isna().all(axis=None)
    other = table.query("space != 'flat'").reset_index(drop=True)
    pd.testing.assert_frame_equal(other, contrasts.contrasts(frame, PAIRS, FAST))


def test_a_group_without_images_gives_a_row_that_says_so():
    frame = study()
    table = contrasts.contrasts(frame[frame["group"] != "older"], PAIRS, FAST)
    row = table.query("contrast == 'young-older'").iloc[0]
    assert row["n"] == 0 and np.isnan(row["estimate"]) and row["note"] == "no image to compare"
    assert (table.query("contrast == 'young-middle'")["note"] == "").all()


def test_two_values_for_one_key_are_refused():
    frame = study()
    with pytest.raises(ValueError, match="two values for one key"):
        contrasts.contrasts(pd.concat([frame, frame.iloc[:1]]), PAIRS, FAST)


def test_row_order_does_not_matter():
    frame = study()
    shuffled = frame.sample(frac=1, random_state=1)
    for function in (contrasts.contrasts, contrasts.by_category):
        pd.testing.assert_frame_equal(function(frame, PAIRS, FAST), function(shuffled, PAIRS, FAST))
    pd.testing.assert_frame_equal(
        contrasts.by_activity(frame, PAIRS, confidence=0.9),
        contrasts.by_activity(shuffled, PAIRS, confidence=0.9),
    )


def test_placebo_gap_is_the_paired_difference():
    frame = study(activities=8, seeds=2)
    far = frame.query("group == 'young'").assign(group="far", value=lambda x: x["value"] - 0.1)
    near = frame.query("group == 'young'").assign(group="near", value=lambda x: x["value"] + 0.04)
    table = contrasts.net_of_placebo(pd.concat([frame, far, near]), ["young", "older"], ["far", "near"], FAST)
    assert table["contrast"].unique().tolist() == ["older-placebo", "young-placebo"]
    young = table.query("contrast == 'young-placebo'")
    np.testing.assert_allclose(young["estimate"], 0.03)  # the placebo mean is 0.03 below young
    gaps = contrasts.contrasts(frame, [("young", "older")], FAST)
    net = table.pivot(index="space", columns="contrast", values="estimate")
    np.testing.assert_allclose(net["young-placebo"] - net["older-placebo"], gaps["estimate"])


def test_categories_are_ranked_and_adjusted_in_their_own_list():
    frame = study(activities=40)
    frame.loc[(frame["category"] == "c2") & (frame["group"] == "young"), "value"] += 0.1
    table = contrasts.by_category(frame, PAIRS, FAST)
    assert (table.query("contrast == 'young-older' and rank == 1")["category"] == "c2").all()
    part = table.query("space == 'dino' and contrast == 'young-older'")
    np.testing.assert_allclose(part["p_adjusted"], stats.false_discovery_control(part["p"]))
    assert (part["n"] == 10).all()


def test_single_activities_against_scipy():
    frame = study(activities=5, seeds=6)
    table = contrasts.by_activity(frame, PAIRS, confidence=0.9)
    row = table.query("space == 'dino' and contrast == 'young-middle' and activity_id == 'a003'").iloc[0]
    values = frame.query("space == 'dino' and activity_id == 'a003'").pivot(
        index="seed", columns="group", values="value"
    )
    test = stats.ttest_rel(values["young"], values["middle"])
    assert row["p"] == pytest.approx(test.pvalue)
    assert (row["low"], row["high"]) == pytest.approx(tuple(test.confidence_interval(0.9)))
    assert row["n"] == 6


def test_single_activities_need_seeds():
    table = contrasts.by_activity(study(seeds=1), PAIRS, confidence=0.95)
    assert table["note"].str.startswith("one seed").all()
    assert table["estimate"].notna().all() and table[["low", "high", "p"]].isna().all(axis=None)
    flat = contrasts.by_activity(study(noise=0), PAIRS, confidence=0.95)
    assert flat["note"].str.startswith("the same value in every seed").all()


def test_page_trend_against_scipy():
    frame = study(activities=20)
    order = ["young", "middle", "older"]
    table = contrasts.page_trend(frame, order, Resampling(500, 99, 0.95, seed=0))
    values = frame.query("space == 'dino'").groupby(["activity_id", "group"])["value"].mean().unstack()[order]
    expected = stats.page_trend_test(-values.to_numpy())
    row = table.query("space == 'dino' and contrast == 'young > middle > older'").iloc[0]
    assert (row["statistic"], row["p"]) == pytest.approx((expected.statistic, expected.pvalue))
    rho = np.mean([stats.spearmanr(line, [3, 2, 1]).statistic for line in values.to_numpy()])
    assert row["estimate"] == pytest.approx(rho)
    assert row["low"] < rho < row["high"]
    reverse = table.query("space == 'dino' and contrast == 'young < middle < older'").iloc[0]
    assert reverse["estimate"] == pytest.approx(-rho)


def test_page_trend_with_ties_gaps_and_too_little():
    order = ["young", "middle", "older"]
    frame = study(activities=6)
    tied = frame.assign(value=frame["value"].mask(frame["space"] == "clip_image", 0.5))
    tied = tied[~((tied["space"] == "dino") & (tied["activity_id"] > "a000"))]
    table = contrasts.page_trend(tied, order, Resampling(200, 99, 0.95, seed=0))
    assert table["p"].isna().all() and (table["note"] != "").all()
    with pytest.raises(ValueError, match="three groups"):
        contrasts.page_trend(frame, order[:2], Resampling(200, 99, 0.95, seed=0))


def ranges(spaces=("clip_image", "dino"), span=1.0) -> pd.DataFrame:
    cells = [("d", space, "cosine", f"{a}-{b}", span) for space in spaces for a, b in PAIRS]
    return pd.DataFrame(cells, columns=["dataset", "space", "metric", "contrast", "range"])


def test_equivalence_against_statsmodels():
    frame = study(activities=30, means=(0.8, 0.8, 0.7), spread=0.01).assign(balanced=0.0)
    table = contrasts.equivalence(frame, PAIRS, ranges(span=0.2), margin=0.1, confidence=0.95)
    wide = frame.query("space == 'dino'").groupby(["activity_id", "group"])["value"].mean().unstack()
    for a, b in PAIRS:
        row = table.query(f"space == 'dino' and contrast == '{a}-{b}'").iloc[0]
        assert row["margin"] == pytest.approx(0.02)
        assert row["p"] == pytest.approx(ttost_paired(wide[a], wide[b], -0.02, 0.02)[0])
        # The verdict is that of the p-value beside it, not of the unadjusted one.
        assert row["equivalent"] == (row["p_adjusted"] <= 0.05)
    np.testing.assert_allclose(table["p_adjusted"], multipletests(table["p"], method="holm")[1])
    assert table.query("contrast == 'young-middle'")["equivalent"].all()
    assert not table.query("contrast == 'young-older'")["equivalent"].any()


def test_equivalence_is_of_the_net_gap_and_its_margin_of_the_space():
    # The gaps are what equal shares would show, so the net gaps are nil.
    frame = study(noise=0.001, spread=0.001)
    frame["balanced"] = frame["group"].map({"young": 0.8, "middle": 0.78, "older": 0.75})
    both = pd.concat([ranges(["dino"], 0.5), ranges(["clip_image"], np.nan)])
    table = contrasts.equivalence(frame, PAIRS, both, margin=0.1, confidence=0.95)
    own = table.query("space == 'dino'")
    assert np.allclose(own["margin"], 0.05) and own["equivalent"].all() and own["estimate"].abs().max() < 0.002
    rest = table.query("space == 'clip_image'")
    assert rest["equivalent"].isna().all() and rest["note"].str.contains("the margin has no unit").all()
    # A space whose largest gap is smaller than the spread of the data settles nothing.
    tiny = contrasts.equivalence(frame, PAIRS, ranges(span=0.0005), margin=0.1, confidence=0.95)
    assert not tiny["equivalent"].any()


def test_every_gap_has_the_net_gap_beside_it():
    frame = study(activities=30)
    expected = {"young": 0.05, "middle": 0.02, "older": 0.0}
    frame["balanced"] = frame["group"].map(expected).mask(frame["activity_id"] == "a000")
    raw = frame.drop(columns="balanced")
    less = raw.assign(value=raw["value"] - raw["group"].map(expected))[raw["activity_id"] != "a000"]
    for function in (contrasts.contrasts, contrasts.by_category):
        table, net = function(frame, PAIRS, FAST), function(less, PAIRS, FAST)
        for column, name in contrasts.NET.items():
            # The activity without a net gap draws signs of its own, so that the p-values are alike, not equal.
            np.testing.assert_allclose(table[name], net[column], err_msg=name, atol=0.15 if "_p" in name else 0)
        pd.testing.assert_frame_equal(table.drop(columns=[*contrasts.NET_COLUMNS]), function(raw, PAIRS, FAST))
        shares = table["contrast"].map({"young-older": 0.05, "young-middle": 0.03, "middle-older": 0.02})
        np.testing.assert_allclose(table["balanced"], shares)
    one = contrasts.by_activity(frame, PAIRS, confidence=0.95).set_index("activity_id")
    assert one.loc["a000", "net"].isna().all() and one.loc["a001", "net"].notna().all()
    trend = contrasts.page_trend(frame, ["young", "middle", "older"], FAST)
    np.testing.assert_allclose(trend["net"], contrasts.page_trend(less, ["young", "middle", "older"], FAST)["estimate"])
    curve, summary = specification_curve(frame, PAIRS[0], FAST)
    assert summary["quantity"].tolist() == ["gap", "net"] and curve["net"].notna().all()


@pytest.mark.parametrize(("n", "most"), [(12, 0.16), (48, 0.075)])
def test_flips_hold_their_level_for_skewed_gaps(n, most):
    rng = np.random.default_rng(0)
    skewed = rng.lognormal(size=(n, 2_000)) - np.exp(0.5)
    fine = Resampling(1, 999, 0.95, seed=0)
    assert np.mean(sign_flip(skewed, fine) <= 0.05) <= most
    assert 0.035 <= np.mean(sign_flip(rng.normal(size=(n, 2_000)), fine) <= 0.05) <= 0.065
    assert np.mean(sign_flip(rng.normal(0.6, 1, (48, 500)), fine) <= 0.05) > 0.95


def test_few_activities_have_students_interval_and_their_smallest_p():
    rng = np.random.default_rng(0)
    for n in (2, 3, 5, 9):
        data = rng.normal(size=(n, 2_000))
        means = mean_intervals(data, FAST)
        assert np.mean((means.low <= 0) & (means.high >= 0)) == pytest.approx(0.95, abs=0.02)
    table = contrasts.contrasts(study(activities=5), PAIRS, FAST)
    assert (table["note"] == "the smallest p of 5 activities is 0.0625").all() and table["p"].min() >= 0.0625
    assert table["method"].str.startswith("Student's t over activities; sign-flip").all()


@pytest.mark.parametrize("seeds", [2, 4])
def test_shared_noise_is_counted(seeds):
    """All activities share the noise of a seed; intervals over activities alone would cover 0.48 to 0.74."""
    rng = np.random.default_rng(0)
    hits, claims, runs = 0, 0, 200
    for _ in range(runs):
        frame = study(activities=24, seeds=seeds, spaces=("dino",), means=(0.7, 0.7), spread=0.05, noise=0.1, seed=rng)
        luck = rng.normal(0, 0.05, (seeds, 2))
        frame["value"] += luck[frame["seed"], (frame["group"] == "middle").astype(int)]
        row = contrasts.contrasts(frame, [("young", "middle")], FAST, shared_noise=True).iloc[0]
        hits += row["low"] <= 0 <= row["high"]
        claims += row["p"] <= 0.05
    assert hits / runs >= 0.92 and claims / runs <= 0.08
    one = contrasts.contrasts(frame[frame["seed"] == 0], [("young", "middle")], FAST, shared_noise=True).iloc[0]
    assert np.isnan(one["low"]) and np.isnan(one["p"]) and "no interval for other seeds" in one["note"]


def test_group_means():
    frame = study()
    table = contrasts.group_means(frame, Resampling(300, 99, 0.95, seed=0))
    row = table.query("space == 'dino' and group == 'older'").iloc[0]
    assert row["estimate"] == pytest.approx(frame.query("space == 'dino' and group == 'older'")["value"].mean())
    assert row["low"] < row["estimate"] < row["high"]


POOR = {
    "as it is": lambda x: x,
    "a group is missing": lambda x: x[x["group"] != "older"],
    "one seed": lambda x: x[x["seed"] == 0],
    "one activity": lambda x: x[x["activity_id"] == "a000"],
    "one quadruplet": lambda x: x[(x["activity_id"] == "a000") & (x["seed"] == 0)],
    "holes": lambda x: x.sample(frac=0.3, random_state=0),
    "no number": lambda x: x.assign(value=np.nan),
    "constant": lambda x: x.assign(value=1.0),
    "ties": lambda x: x.assign(value=x["value"].round(1)),
    "single precision": lambda x: x.assign(value=x["value"].astype("float32")),
    "categories": lambda x: x.astype(dict.fromkeys(["dataset", "space", "metric", "activity_id"], "category")),
}
TABLES = {
    "group_means": lambda x: contrasts.group_means(x, FAST),
    "contrasts": lambda x: contrasts.contrasts(x, PAIRS, FAST),
    "net_of_placebo": lambda x: contrasts.net_of_placebo(x, ["young", "older"], ["middle"], FAST),
    "by_category": lambda x: contrasts.by_category(x, PAIRS, FAST),
    "by_activity": lambda x: contrasts.by_activity(x, PAIRS, confidence=0.95),
    "page_trend": lambda x: contrasts.page_trend(x, ["young", "middle", "older"], FAST),
    "equivalence": lambda x: contrasts.equivalence(
        x.assign(balanced=0.0), PAIRS, ranges(), margin=0.1, confidence=0.95
    ),
    "variance_components": lambda x: variance_components(x, PAIRS, FAST),
    "nearest_group": lambda x: nearest_group(x, ["young", "middle", "older"], FAST),
    "specification_curve": lambda x: specification_curve(x, PAIRS[0], FAST)[0],
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("poor", POOR)
def test_poor_data_gets_a_row_and_a_reason_and_never_an_exception(poor, table):
    frame = TABLES[table](POOR[poor](study(activities=8)))
    assert set(frame["space"]) == {"clip_image", "dino"}
    assert {"n", "estimate", "low", "high", "method", "note"} <= set(frame.columns)
    unknown = frame["low"].isna()
    assert (frame.loc[unknown, "note"] != "").all()
    known = frame[~unknown]
    assert (known["low"] <= known["estimate"] + 1e-12).all()
    assert (known["estimate"] <= known["high"] + 1e-12).all()


columns = st.lists(st.floats(-1, 1, allow_subnormal=False).map(lambda x: round(x, 6)), min_size=3, max_size=30)


@settings(max_examples=60, deadline=None)
@given(columns, st.floats(0.01, 100), st.floats(-5, 5))
def test_intervals_follow_scale_and_shift_and_hold_the_estimate(values, scale, shift):
    x = np.array(values)[:, None]
    base = mean_intervals(x, Resampling(300, 99, 0.9, seed=0))
    moved = mean_intervals(scale * x + shift, Resampling(300, 99, 0.9, seed=0))
    if base.constant[0]:
        assert np.isnan(base.low[0]) and np.isnan(base.high[0])
        return
    tolerance = 1e-9 * (1 + scale + abs(shift))
    assert base.low[0] <= base.estimate[0] + 1e-12 and base.estimate[0] <= base.high[0] + 1e-12
    assert moved.low[0] == pytest.approx(scale * base.low[0] + shift, abs=tolerance)
    assert moved.high[0] == pytest.approx(scale * base.high[0] + shift, abs=tolerance)


@settings(max_examples=60, deadline=None)
@given(columns, st.floats(0.01, 100))
def test_sign_flip_ignores_scale_and_sign(values, scale):
    x = np.array(values)[:, None]
    p = sign_flip(x, Resampling(1, 199, 0.95, seed=0))[0]
    if not np.any(x):
        assert np.isnan(p)
        return
    assert 1 / 200 <= p <= 1
    assert sign_flip(-scale * x, Resampling(1, 199, 0.95, seed=0))[0] == p


def adjusted(p, method):
    """Adjust p-values with statsmodels.

    Each of its calls collects garbage, which takes 1 s with PyTorch loaded, so existing objects are frozen first.
    """
    gc.freeze()
    try:
        return multipletests(p, method=method)[1]
    finally:
        gc.unfreeze()


# The example of Benjamini and Hochberg (1995): their procedure rejects four hypotheses; stricter ones reject three.
PUBLISHED = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528]
PUBLISHED += [0.7590, 1.0]


def test_published_p_values_are_rejected_as_published():
    frame = pd.DataFrame({"p": PUBLISHED, "dataset": "d"})
    assert (tidy.adjust(frame, ["dataset"], "bh") <= 0.05).sum() == 4
    assert (tidy.adjust(frame, ["dataset"], "holm") <= 0.05).sum() == 3


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@example(PUBLISHED)
def test_adjusted_p_values_are_no_smaller_and_keep_their_order(values):
    frame = pd.DataFrame({"p": values, "dataset": "d"})
    for method, name in (("holm", "holm"), ("bh", "fdr_bh")):
        found = tidy.adjust(frame, ["dataset"], method)
        np.testing.assert_allclose(found, adjusted(values, name), atol=1e-15)
        assert (found >= frame["p"] - 1e-12).all() and (found <= 1).all()
        assert (found.to_numpy()[np.argsort(values, kind="stable")][1:] >= np.sort(found)[:-1] - 1e-12).all()


def coverage(simulations, activities=48, seeds=4, skew=False):
    """Compute the share of simulated studies whose interval covers the true gap; studies are columns of one call."""
    rng = np.random.default_rng(11)
    own = (
        rng.exponential(0.03, (activities, simulations)) if skew else rng.normal(0.03, 0.03, (activities, simulations))
    )
    noise = rng.normal(0, 0.04, (seeds, activities, simulations)).mean(0)
    means = mean_intervals(own + noise, Resampling(2000, 99, 0.95, seed=2))
    return np.mean((means.low <= 0.03) & (means.high >= 0.03))


@pytest.mark.parametrize(("activities", "skew"), [(48, False), (48, True), (12, False), (512, False)])
def test_coverage_of_intervals_over_a_thousand_studies(activities, skew):
    assert 0.93 <= coverage(1000, activities, skew=skew) <= 0.97


def test_false_positives_under_the_null_after_correction():
    """Holm's correction controls the share of null studies (3 contrasts x 4 spaces) with any finding."""
    rng = np.random.default_rng(4)
    studies, spaces, activities = 400, 4, 24
    groups = rng.normal(0, 0.03, (activities, studies, spaces, 3))
    gaps = np.stack([groups[..., i] - groups[..., j] for i, j in ((0, 2), (0, 1), (1, 2))], axis=-1)
    p = sign_flip(gaps.reshape(activities, -1), Resampling(1, 999, 0.95, seed=0))
    frame = pd.DataFrame({"p": p, "study": np.repeat(np.arange(studies), spaces * 3)})
    frame["found"] = tidy.adjust(frame, ["study"], "holm") <= 0.05
    assert frame.groupby("study")["found"].any().mean() <= 0.06


@pytest.mark.benchmark
@pytest.mark.parametrize("gap", [0.0, 0.04])
def test_a_thousand_studies_from_end_to_end(gap):
    """The table function itself has nominal coverage and, after Holm's correction, few findings under the null."""
    rng = np.random.default_rng(12)
    datasets, spaces, activities, groups = range(1000), ["s1", "s2"], range(36), ["young", "middle", "older"]
    shape = (len(datasets), len(spaces), len(activities), 2, len(groups))
    own = rng.normal(0, 0.03, (*shape[:3], 1, shape[4]))
    values = 0.8 - gap * np.arange(3) / 2 + own + rng.normal(0, 0.04, shape)
    names = ["dataset", "space", "activity_id", "seed", "group"]
    index = pd.MultiIndex.from_product([datasets, spaces, activities, range(2), groups], names=names)
    frame = pd.Series(values.ravel(), index, name="value").reset_index().assign(metric="cosine", category="c")
    table = contrasts.contrasts(frame, PAIRS, Resampling(2000, 1999, 0.95, seed=0))
    truth = table["contrast"].map({"young-older": gap, "young-middle": gap / 2, "middle-older": gap / 2})
    assert 0.93 <= ((table["low"] <= truth) & (truth <= table["high"])).mean() <= 0.97
    found = (table["p_adjusted"] <= 0.05).groupby(table["dataset"]).any().mean()
    assert found <= 0.06 if gap == 0 else found > 0.9
    print(f"gap {gap}: found in {found:.3f} of the studies")
