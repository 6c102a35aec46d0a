"""Test variance components and the seed planner against planted values."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.formula.api import ols

from untold.statistics import contrasts, variance
from untold.statistics.resampling import Resampling, mean_intervals

PAIRS = [("young", "older")]
FAST = Resampling(400, 399, 0.95, seed=0)


def simulate(activities, seeds, replicates, sds, rng):
    """Simulate values of shape (activities, seeds, replicates) with planted standard deviations."""
    a, s, i, e = sds
    return (
        rng.normal(0, a, (activities, 1, 1))
        + rng.normal(0, s, (1, seeds, 1))
        + rng.normal(0, i, (activities, seeds, 1))
        + rng.normal(0, e, (activities, seeds, replicates))
    )


def long(values, groups=("young", "middle", "older")):
    index = pd.MultiIndex.from_product(
        [[f"a{i:03d}" for i in range(values.shape[0])], range(values.shape[1]), groups],
        names=["activity_id", "seed", "group"],
    )
    frame = pd.Series(values.ravel(), index=index, name="value").reset_index()
    return frame.assign(dataset="d", space="dino", metric="cosine", category="c")


def test_balanced_estimates_are_the_analysis_of_variance():
    rng = np.random.default_rng(0)
    values = simulate(9, 5, 3, (0.5, 0.3, 0.4, 0.2), rng) + np.array([1.0, 2.0, 4.0])
    frame = long(values)
    anova = sm.stats.anova_lm(ols("value ~ C(group) + C(activity_id) * C(seed)", frame).fit())
    square = anova["sum_sq"] / anova["df"]
    residual, cell = square["Residual"], square["C(activity_id):C(seed)"]
    expected = [
        (square["C(activity_id)"] - cell) / 15,
        (square["C(seed)"] - cell) / 27,
        (cell - residual) / 3,
        residual,
    ]
    np.testing.assert_allclose(variance.estimate_components(values, np.ones((1, 9)))[0], expected)


def test_weights_mean_copies_of_an_activity():
    values = simulate(5, 4, 1, (1, 0.5, 0, 0.5), np.random.default_rng(1))
    weights = np.array([[2.0, 1, 0, 1, 1]])
    copies = values[[0, 0, 1, 3, 4]]
    # Centring subtracts a constant, which affects no variance component.
    expected = variance.estimate_components(copies, np.ones((1, 5)))
    np.testing.assert_allclose(variance.estimate_components(values, weights), expected, rtol=1e-9)


@pytest.mark.parametrize("missing", [0.0, 0.15])
@pytest.mark.parametrize("replicates", [1, 3])
def test_planted_components_are_recovered_on_average(missing, replicates):
    rng = np.random.default_rng(2)
    sds = (0.5, 0.2, 0.3 if replicates > 1 else 0.0, 0.4)
    found = []
    for _ in range(150):
        values = simulate(30, 8, replicates, sds, rng)
        values[rng.random(values.shape) < missing] = np.nan
        found.append(variance.estimate_components(values, np.ones((1, 30)))[0])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(150)
    planted = np.square(sds)
    for number in range(4):
        if replicates == 1 and number == 2:
            assert np.isnan(mean[2])
            continue
        assert abs(mean[number] - planted[number]) < 4 * error[number] + 0.01 * planted[number]


def test_planted_icc_is_recovered_with_its_interval():
    rng = np.random.default_rng(3)
    planted = 0.5**2 / (0.5**2 + 0.5**2)
    hits, estimates = 0, []
    for number in range(40):
        values = simulate(60, 6, 1, (0.5, 0, 0, 0.5), rng)
        frame = long(np.concatenate([values, np.zeros_like(values)], axis=2), ("young", "older"))
        table = variance.variance_components(frame, PAIRS, replace(FAST, seed=number))
        row = table.query("contrast == 'young-older' and component == 'ICC of one seed'").iloc[0]
        estimates.append(row["estimate"])
        hits += row["low"] <= planted <= row["high"]
    assert np.mean(estimates) == pytest.approx(planted, abs=0.03)
    assert hits >= 34


def test_table_has_every_component_and_shares_add_up():
    values = simulate(20, 5, 3, (0.5, 0.2, 0.3, 0.4), np.random.default_rng(4))
    table = variance.variance_components(long(values), PAIRS, FAST)
    assert len(table) == 12
    for contrast in ("all groups", "young-older"):
        part = table[table["contrast"] == contrast].set_index("component")
        assert part["share"].sum() == pytest.approx(1)
        known = part.dropna(subset="estimate")
        assert (known["low"] <= known["estimate"]).all() and (known["estimate"] <= known["high"]).all()
        assert part.loc["ICC of one seed", "estimate"] == pytest.approx(part.loc["activity", "share"])
    assert table.query("contrast == 'young-older' and component == 'activity x seed'")["note"].iloc[0]
    shuffled = variance.variance_components(long(values).sample(frac=1, random_state=0), PAIRS, FAST)
    pd.testing.assert_frame_equal(table, shuffled)


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda x: x[x["seed"] == 0], "one seed"),
        (lambda x: x[x["activity_id"] == "a000"], "fewer than two activities"),
        (lambda x: x.assign(value=0.7), "the same value everywhere"),
        (lambda x: x.assign(value=np.nan), "fewer than two activities"),
    ],
)
def test_what_cannot_be_computed_says_so(change, note):
    values = simulate(6, 3, 3, (0.5, 0.2, 0.3, 0.4), np.random.default_rng(5))
    both = pd.concat([long(values), change(long(values)).assign(space="poor")])
    table = variance.variance_components(both, PAIRS, FAST)
    poor = table[table["space"] == "poor"]
    assert poor["estimate"].isna().all() and poor["note"].str.startswith(note).all()
    plan = variance.seeds_needed(table, width=0.1, confidence=0.95)
    assert plan.query("space == 'poor'")["note"].eq("no variance components").all()
    assert plan.query("space == 'dino'")["seeds"].notna().any()


def test_planned_seeds_are_right_within_20_percent():
    rng = np.random.default_rng(6)
    activity, residual, n, wanted = 0.2, 0.6, 200, 0.08
    exact = residual**2 / n / ((wanted / 2 / 1.9720) ** 2 - activity**2 / n)
    planned = []
    for number in range(30):
        values = simulate(n, 8, 1, (activity, 0, 0, residual), rng)
        frame = long(np.concatenate([values, np.zeros_like(values)], axis=2), ("young", "older"))
        table = variance.variance_components(frame, PAIRS, replace(FAST, resamples=200, seed=number))
        plan = variance.seeds_needed(table, width=wanted, confidence=0.95).set_index("target")
        planned.append(plan.loc["mean over activities", "seeds"])
    assert np.mean(planned) == pytest.approx(exact + 0.5, rel=0.2)  # rounding up adds 0.5 on average
    # A study with the planned number of seeds has intervals of the desired width.
    seeds = int(np.median(planned))
    trials = rng.normal(0, activity, (n, 200)) + rng.normal(0, residual / np.sqrt(seeds), (n, 200))
    means = mean_intervals(trials, Resampling(1000, 99, 0.95, seed=0))
    assert np.mean(means.high - means.low) == pytest.approx(wanted, rel=0.1)


def test_shared_noise_counts_where_it_is_sure():
    values = simulate(48, 8, 1, (0.1, 1.0, 0, 0.1), np.random.default_rng(8))
    frame = long(np.concatenate([values, np.zeros_like(values)], axis=2), ("young", "older"))
    table = variance.variance_components(frame, PAIRS, FAST)
    plan = variance.seeds_needed(table, width=0.5, confidence=0.95).set_index("target")
    shared = table.query("contrast == 'young-older' and component == 'seed'")["estimate"].iloc[0]
    assert plan.loc["mean over activities", "seeds"] == pytest.approx(shared / (0.25 / 2.0117) ** 2, rel=0.1)


def test_expected_width_now_is_the_width_of_the_interval():
    rng = np.random.default_rng(7)
    values = simulate(48, 6, 1, (0.3, 0, 0, 0.6), rng)
    frame = long(np.concatenate([values, np.zeros_like(values)], axis=2), ("young", "older"))
    table = variance.variance_components(frame, PAIRS, FAST)
    now = variance.seeds_needed(table, width=0.1, confidence=0.95).set_index("target")["width_now"]
    row = contrasts.contrasts(frame, PAIRS, replace(FAST, resamples=4000)).iloc[0]
    assert now["mean over activities"] == pytest.approx(row["high"] - row["low"], rel=0.2)


def test_when_activities_are_the_limit_the_planner_says_how_many():
    components = pd.DataFrame(
        {
            "component": list(variance.COMPONENTS),
            "estimate": [1.0, 0.0, np.nan, 0.1],
            "low": [0.5, 0.0, np.nan, 0.05],
        }
    ).assign(dataset="d", space="s", metric="cosine", contrast="young-older", n=20, n_seeds=4)
    plan = variance.seeds_needed(components, width=0.5, confidence=0.95).set_index("target")
    assert pd.isna(plan.loc["mean over activities", "seeds"])
    assert plan.loc["mean over activities", "activities"] == np.ceil((2 * 2.0930 / 0.5) ** 2)
    assert plan.loc["one activity", "seeds"] > 2
    with pytest.raises(ValueError, match="width"):
        variance.seeds_needed(components, width=0, confidence=0.95)


def test_a_group_without_images_is_no_replicate():
    values = simulate(8, 4, 3, (0.5, 0.2, 0.3, 0.4), np.random.default_rng(9))
    frame, pairs = long(values), [("young", "middle"), ("young", "older")]
    gone = variance.variance_components(frame[frame["group"] != "older"], pairs, FAST)
    two = variance.variance_components(frame, pairs[:1], FAST)
    kept = gone[gone["contrast"] != "young-older"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, two)
    assert gone[gone["contrast"] == "young-older"]["note"].str.startswith("fewer than two").all()
