"""Test recovery statistics against other implementations and planted estimators."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.judges.worlds import STRONG, World, simulate
from untold.judges.recovery import recovery, share_gap, slope, spearman
from untold.judges.shares import COUNTS, INVERSION, shares
from untold.statistics.resampling import Resampling

FAST = Resampling(300, 299, 0.95, seed=0)


def world(activities=40, noise=0.05, gain=1.0, half=0.1, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.dirichlet([1, 1, 1], activities)
    rows = [(f"a{i:02d}", g, truth[i, j]) for i in range(activities) for j, g in enumerate("ymo")]
    planted = pd.DataFrame(rows, columns=["activity_id", "group", "planted"])
    estimate = 1 / 3 + gain * (planted["planted"] - 1 / 3) + rng.normal(0, noise, len(planted))
    found = planted.drop(columns="planted").assign(estimate=estimate, low=estimate - half, high=estimate + half)
    return planted, found.assign(judge="probe", space="dino", estimator="inversion")


def test_statistics_against_scipy():
    planted, found = world(gain=0.7)
    table = recovery(planted, found, FAST).set_index(["group", "quantity"])
    x = planted.query("group == 'y'")["planted"].to_numpy()
    y = found.query("group == 'y'")["estimate"].to_numpy()
    assert table.loc[("y", "slope"), "estimate"] == pytest.approx(stats.linregress(x, y).slope)
    assert table.loc[("y", "spearman"), "estimate"] == pytest.approx(stats.spearmanr(x, y).statistic)
    assert table.loc[("y", "mae"), "estimate"] == pytest.approx(np.abs(x - y).mean())
    assert table.loc[("y", "bias"), "estimate"] == pytest.approx((y - x).mean())
    assert table.loc[("y", "coverage"), "estimate"] == pytest.approx((np.abs(x - y) <= 0.1).mean())
    assert table.loc[("y", "slope"), "low"] < 0.7 < table.loc[("y", "slope"), "high"]
    assert (table["low"] <= table["estimate"]).all() and (table["estimate"] <= table["high"]).all()


def test_coverage_of_honest_intervals_is_their_level():
    planted, found = world(activities=400, noise=0.05, half=1.96 * 0.05)
    table = recovery(planted, found, FAST).query("quantity == 'coverage'")
    assert ((table["low"] <= 0.95) & (table["high"] >= 0.95)).all()


def test_a_planted_value_at_the_end_of_its_interval_is_covered():
    planted, found = world()
    found = found.assign(low=planted["planted"], high=planted["planted"])
    assert recovery(planted, found, FAST).query("quantity == 'coverage'")["estimate"].eq(1).all()


def test_difference_of_shares_has_no_interval_of_its_own():
    planted, found = world(noise=0.02)
    gap = recovery(share_gap(planted, ("y", "o"), "planted"), share_gap(found, ("y", "o"), "estimate"), FAST)
    assert set(gap["group"]) == {"y-o"} and set(gap["space"]) == {"dino"}
    gap = gap.set_index("quantity")
    assert gap.loc["spearman", "estimate"] > 0.95
    assert np.isnan(gap.loc["coverage", "estimate"]) and gap.loc["coverage", "note"] == "no intervals"


def test_a_blind_space_is_seen_as_blind():
    planted, found = world(gain=0.0)
    row = recovery(planted, found, FAST).query("group == 'y' and quantity == 'slope'").iloc[0]
    assert row["low"] < 0 < row["high"]


def test_spaces_are_kept_apart_and_order_does_not_matter():
    planted, found = world()
    both = pd.concat([found, found.assign(space="clip", estimate=0.5)])
    table = recovery(planted, both, FAST)
    assert len(table) == 2 * 3 * 5
    flat = table.query("space == 'clip' and quantity == 'spearman'")
    assert flat["estimate"].isna().all() and flat["note"].str.contains("all the same").all()
    shuffled = recovery(planted.sample(frac=1, random_state=0), both.sample(frac=1, random_state=1), FAST)
    pd.testing.assert_frame_equal(table, shuffled)


def test_too_little_and_perfect_data_say_so():
    planted, found = world(activities=2)
    assert recovery(planted, found, FAST).query("quantity == 'mae'")["note"].str.startswith("fewer").all()
    planted, found = world(noise=0.0)
    row = recovery(planted, found, FAST).query("quantity == 'slope'").iloc[0]
    assert row["estimate"] == pytest.approx(1) and row["note"].startswith("estimated equals planted")
    missing = world()[1].assign(estimate=np.nan)
    assert recovery(world()[0], missing, FAST).query("quantity == 'mae'")["n"].eq(0).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 30), st.integers(0, 1000), st.floats(0.1, 10), st.floats(-3, 3))
def test_slope_and_rank_correlation_follow_scale_and_shift(n, seed, scale, shift):
    rng = np.random.default_rng(seed)
    x, y = np.round(rng.normal(size=(2, n)), 1)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert np.isnan(spearman(x, y))
        return
    assert slope(x, scale * y + shift) == pytest.approx(scale * slope(x, y), abs=1e-9)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert spearman(scale * x, -y) == pytest.approx(-spearman(x, y))


def test_the_audit_finds_planted_shares_through_a_judge_that_errs():
    """Neutral images are drawn per activity, called by a judge that errs, and corrected without the truth."""
    study = simulate(World(concentration=STRONG, accuracy=0.8, seeds=64, marked_seeds=8), np.random.default_rng(0))
    names = [f"a{number:02d}" for number in range(48)]
    groups = list(study.judgement.groups)
    found = shares(study.judgement, names, ["c"] * 48, FAST).query("level == 'activity'")
    found = found.assign(judge="probe", space="dino")
    planted = pd.DataFrame(study.shares, names, groups).rename_axis("activity_id").reset_index()
    planted = planted.melt("activity_id", var_name="group", value_name="planted")
    table = recovery(planted, found, FAST).set_index(["estimator", "group", "quantity"])["estimate"]
    for group in groups:
        assert table[INVERSION, group, "slope"] == pytest.approx(1, abs=0.12)
        assert table[COUNTS, group, "slope"] < 0.85
        assert table[INVERSION, group, "mae"] < 0.1
        assert 0.88 <= table[INVERSION, group, "coverage"] <= 1
    pair = (groups[0], groups[-1])
    gap = recovery(share_gap(planted, pair, "planted"), share_gap(found, pair, "estimate"), FAST)
    assert gap.query(f"estimator == '{INVERSION}' and quantity == 'spearman'")["estimate"].item() > 0.9
