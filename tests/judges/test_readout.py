"""Test the shares that are read from a denoiser, on mixtures with known weights."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from untold.judges.readout import (
    NO_DIFFERENCE,
    NO_MIXTURE,
    NOT_FINITE,
    amplification,
    explained,
    nearest_mixture,
    readout,
)
from untold.statistics.resampling import Resampling

RESAMPLING = Resampling(resamples=500, permutations=100, confidence=0.95, seed=1)


def products(neutral, groups):
    """Products of the differences of predictions (..., d) and (..., G, d)."""
    differences = neutral[..., None, :] - groups
    return differences @ differences.swapaxes(-1, -2) / differences.shape[-1]


@pytest.mark.parametrize("size", [2, 3, 7])
def test_weights_of_an_exact_mixture_are_recovered(size):
    rng = np.random.default_rng(size)
    groups = rng.normal(size=(20, size, 50)) + 10
    weights = rng.dirichlet(np.full(size, 0.5), 20)
    weights[0] = np.eye(size)[0]
    found = products(np.einsum("ag,agd->ad", weights, groups), groups)
    np.testing.assert_allclose(nearest_mixture(found), weights, atol=1e-6)
    np.testing.assert_allclose(explained(found, weights), 1, atol=1e-9)


def test_the_nearest_mixture_is_that_of_a_general_solver():
    rng = np.random.default_rng(5)
    for product in products(rng.normal(size=(20, 6)), rng.normal(size=(20, 4, 6))):
        simplex = {"type": "eq", "fun": lambda w: w.sum() - 1}
        expected = minimize(
            lambda w, product=product: w @ product @ w,
            np.full(4, 0.25),
            bounds=[(0, 1)] * 4,
            constraints=simplex,
            tol=1e-12,
        )
        weights = nearest_mixture(product)
        assert weights.min() >= 0 and weights.sum() == pytest.approx(1)
        assert weights @ product @ weights == pytest.approx(expected.fun, abs=1e-6)


def test_neutral_of_another_kind_is_told_from_a_mixture():
    """Activity 0 is a mixture, 1 lies far outside, in 2 the groups are the same, 3 is not finite."""
    rng = np.random.default_rng(3)
    groups = rng.normal(size=(4, 1, 3, 400)).repeat(4, 1)
    neutral = groups.mean(2) + 0.02 * rng.normal(size=(4, 4, 400))
    neutral[1] += rng.normal(size=400) * 2
    groups[2] = groups[2, :, :1] + 1e-5 * rng.normal(size=(4, 3, 400))
    neutral[3, 0, 0] = np.nan
    table = readout(["a", "b", "c", "d"], ["x", "y", "z"], products(neutral, groups))
    notes = table.drop_duplicates("activity_id").set_index("activity_id")["note"]
    assert notes.to_dict() == {"a": "", "b": NO_MIXTURE, "c": NO_DIFFERENCE, "d": NOT_FINITE}
    weights = table.set_index("activity_id")["weight"]
    np.testing.assert_allclose(weights["a"], 1 / 3, atol=0.02)
    assert weights[["c", "d"]].isna().all()


def test_the_deviation_is_that_of_the_mean_over_noises():
    rng = np.random.default_rng(8)
    groups = rng.normal(size=(400, 9, 2, 60))
    neutral = groups.mean(2) + 0.5 * rng.normal(size=(400, 9, 60))
    table = readout([str(number) for number in range(400)], ["x", "y"], products(neutral, groups))
    first = table[table["group"] == "x"]
    assert first["weight"].mean() == pytest.approx(0.5, abs=0.01)
    assert first["deviation"].mean() == pytest.approx(first["weight"].std(), rel=0.1)
    alone = readout(["a"], ["x", "y"], products(neutral[:1, :1], groups[:1, :1]))
    assert alone["deviation"].isna().all() and alone["weight"].notna().all()


def shares(values) -> pd.DataFrame:
    return pd.DataFrame(values, index=[f"a{number}" for number in range(len(values))], columns=["x", "y"])


@pytest.mark.parametrize("slope", [1.0, 1.6])
def test_slopes_are_those_of_the_truth_although_shares_are_noisy(slope):
    """Guidance moves shares away from the mean; the readout is shrunk; few images are drawn without guidance."""
    rng, found, covered = np.random.default_rng(int(slope * 10)), [], []
    for _ in range(60):
        plain = rng.uniform(0.2, 0.8, 48)
        guided = 0.5 + slope * (plain - 0.5)
        drawn, other = (rng.binomial(6, values) / 6 for values in (guided, plain))
        pairs = (np.column_stack([values, 1 - values]) for values in (drawn, 0.2 + 0.6 * plain, other))
        drawn, weights, other = map(shares, pairs)
        table = amplification(drawn, weights, {"plain": other}, RESAMPLING).set_index(["against", "group"])
        found.append(table["slope"].to_numpy())
        expected = np.repeat([slope / 0.6, slope], 3)
        covered.append((table["low"] <= expected) & (expected <= table["high"]))
    np.testing.assert_allclose(np.median(found, axis=0), expected, rtol=0.06)
    assert np.mean(covered, axis=0).min() >= 0.88


def test_few_activities_have_slopes_without_intervals():
    values = np.linspace(0.2, 0.8, 6)
    both = shares(np.column_stack([values, 1 - values]))
    table = amplification(both * 2, both, {}, RESAMPLING)
    np.testing.assert_allclose(table["slope"], 2)
    assert table["low"].isna().all() and set(table["note"]) == {"fewer than 10 activities"}
