"""Lean, stereotype and ranks: known answers, level, power and coverage in simulated studies."""

import numpy as np
import pytest
from scipy import stats

from tests.judges.test_shares import PERFECT, judge
from tests.judges.worlds import MEANS, MODERATE, STRONG, World, simulate
from untold.judges.inversion import SAMPLE, THESE
from untold.judges.shares import COUNTS, EMQ, FEW_ACTIVITIES, INVERSION, correction
from untold.judges.stereotype import (
    ALL_GROUPS,
    EQUIVALENT,
    NOT_SETTLED,
    ONE_MARKED,
    ONE_SEED,
    lean,
    ranks,
    sign_test,
    stereotype,
)
from untold.statistics.resampling import Resampling

RESAMPLING = Resampling(300, 199, 0.95, seed=0)
HALF_YOUNG_HALF_OLD = np.tile([[8, 0, 0], [0, 0, 8]], (12, 1))


def names(world):
    return [f"a{i:03d}" for i in range(world.activities)]


def last(table, column="p"):
    assert table["group"].iloc[-1] == ALL_GROUPS
    return table[column].iloc[-1]


def test_lean_is_the_difference_from_the_reference():
    judgement = judge(np.tile([6, 3, 1], (24, 1)), PERFECT)
    table = lean(judgement, INVERSION, RESAMPLING)
    assert table["estimate"].to_numpy() == pytest.approx([0.6 - 1 / 3, 0.3 - 1 / 3, 0.1 - 1 / 3, 0.6 - 1 / 3])
    assert (table["n"] == 24).all()
    against = lean(judgement, INVERSION, RESAMPLING, reference=[0.6, 0.3, 0.1])
    assert against["estimate"].to_numpy() == pytest.approx(0)
    assert (against["p"] > 0.9).all() and (against["note"] == EQUIVALENT).all() and last(against, "low") == 0


def test_a_reference_must_be_shares():
    judgement = judge(np.tile([6, 3, 1], (24, 1)), PERFECT)
    with pytest.raises(ValueError, match="reference: expected 3 shares"):
        lean(judgement, INVERSION, RESAMPLING, reference=[0.5, 0.4])


@pytest.mark.parametrize("population", [SAMPLE, THESE])
def test_a_p_value_and_its_interval_agree(population):
    rng = np.random.default_rng(1)
    for mean in ("balanced", "leaning"):
        for _ in range(10):
            study = simulate(World(mean, MODERATE, activities=24, seeds=8), rng)
            table = lean(study.judgement, EMQ, RESAMPLING, population=population).iloc[:-1]
            excluded = (table["low"] > 1e-9) | (table["high"] < -1e-9)
            assert (excluded == (table["p"] < 0.05)).all()
            assert (table["note"].eq("") == (table["p"] <= 0.05)).all()


def test_a_share_that_differs_by_the_margin_is_rarely_called_equal_and_equal_ones_often():
    """Two one-sided tests: at the margin's edge at most 5 % are called equivalent."""
    rng, edge, same = np.random.default_rng(5), [], []
    for _ in range(120):
        study = simulate(World("two balanced", MODERATE, activities=96, seeds=16), rng)
        edge.append(lean(study.judgement, INVERSION, RESAMPLING, reference=[0.6, 0.4])["p_equivalent"].iloc[0])
        same.append(lean(study.judgement, INVERSION, RESAMPLING)["p_equivalent"].iloc[-1])
    assert np.mean(np.array(edge) <= 0.05) < 0.05 + 0.05  # 2.5 standard errors
    assert np.mean(np.array(same) <= 0.05) > 0.7


def test_equivalence_is_said_where_a_difference_is_not_found():
    judgement = judge(np.tile([100, 100, 100], (24, 1)), PERFECT)
    table = lean(judgement, INVERSION, RESAMPLING).set_index("group")
    assert (table["note"] == EQUIVALENT).all() and (table["p_equivalent"] < 0.001).all()
    narrow = lean(judgement, INVERSION, RESAMPLING, margin=1e-6)
    assert (narrow["note"] == NOT_SETTLED).all()
    # A share of 0.05 cannot lie a margin of 0.1 below: only the other side is tested.
    rare = judge(np.tile([50, 475, 475], (24, 1)), PERFECT)
    assert lean(rare, INVERSION, RESAMPLING, reference=[0.05, 0.475, 0.475])["p_equivalent"].iloc[0] < 0.05


def test_few_activities_have_no_lean_as_a_sample_but_one_of_their_own():
    judgement = judge(np.tile([8, 1, 1], (12, 1)), PERFECT[:12])
    table = lean(judgement, INVERSION, RESAMPLING)
    assert (table["note"] == FEW_ACTIVITIES).all() and table[["low", "high", "p"]].isna().all(axis=None)
    assert last(lean(judgement, INVERSION, RESAMPLING, population=THESE)) < 0.001


def test_a_leaning_world_is_found_and_named():
    rng, found = np.random.default_rng(2), []
    for number in range(40):
        concentration = (np.inf, MODERATE)[number % 2]
        study = simulate(World("leaning", concentration), rng)
        table = lean(study.judgement, INVERSION, RESAMPLING)
        found.append(last(table) <= 0.05 and table["low"].iloc[2] > 0 and table["high"].iloc[0] < 0)
    assert np.mean(found) >= 0.95


@pytest.mark.parametrize("concentration", [np.inf, MODERATE, STRONG])
def test_a_balanced_world_rarely_leans(concentration):
    rng, world = np.random.default_rng(3), World(concentration=concentration, activities=24, seeds=8)
    p = [last(lean(simulate(world, rng).judgement, INVERSION, RESAMPLING)) for _ in range(150)]
    assert np.mean(np.array(p) <= 0.05) < 0.05 + 0.045  # 2.5 standard errors


def test_activities_alike_rarely_have_a_stereotype_although_the_judge_differs():
    rng, p = np.random.default_rng(4), []
    for number in range(150):
        mean, accuracy = (("balanced", 0.9), ("balanced", 0.7), ("lopsided", 0.9))[number % 3]
        study = simulate(World(mean, accuracy=accuracy, activities=24, seeds=16, judge_concentration=8), rng)
        p.append(last(stereotype(study.judgement, INVERSION, RESAMPLING)))
    assert np.mean(np.array(p) <= 0.05) < 0.05 + 0.045
    # Counting ignores that the judge differs, and finds stereotypes that are the judge's.
    study = simulate(World(accuracy=0.7, seeds=32, judge_concentration=8), rng)
    assert last(stereotype(study.judgement, COUNTS, RESAMPLING)) <= 0.05


def test_an_extreme_stereotype_without_a_lean():
    judgement = judge(HALF_YOUNG_HALF_OLD, PERFECT)
    table = stereotype(judgement, INVERSION, RESAMPLING)
    deviation = np.sqrt(0.25 * 24 / 23)
    assert table["sd"].to_numpy()[[0, 1]] == pytest.approx([deviation, 0], abs=0.02)
    assert last(table) == pytest.approx(1 / 200) and (table["n"] == 24).all()
    assert table["low"].iloc[0] > 0.4
    assert table["p"].iloc[1] == 1 and table["note"].iloc[1] == NOT_SETTLED and table["low"].iloc[1] == 0
    reference = lean(judgement, INVERSION, RESAMPLING, reference=[0.5, 0, 0.5])
    assert last(reference) > 0.5


@pytest.mark.parametrize(
    ("concentration", "mean"), [(np.inf, "balanced"), (MODERATE, "balanced"), (STRONG, "lopsided")]
)
def test_the_interval_of_the_deviation_covers(concentration, mean):
    rng, world = np.random.default_rng(5), World(mean, concentration, 0.9, activities=24, seeds=8)
    shares = np.array(MEANS[mean])
    truth = np.sqrt(shares * (1 - shares) / (concentration + 1))
    covered = []
    for _ in range(50):
        table = stereotype(simulate(world, rng).judgement, INVERSION, RESAMPLING).iloc[:-1]
        covered.append(((table["low"] <= truth + 1e-9) & (truth <= table["high"])).mean())
    assert np.mean(covered) > 0.88


@pytest.mark.parametrize(
    ("world", "note"),
    [(World(activities=24, seeds=1), ONE_SEED), (World(activities=24, seeds=8, marked_seeds=1), ONE_MARKED)],
)
def test_what_chance_or_the_judge_could_explain_is_not_claimed(world, note):
    table = stereotype(simulate(world, np.random.default_rng(6)).judgement, INVERSION, RESAMPLING)
    assert (table["note"] == note).all() and table[["sd", "low", "high", "p"]].isna().all(axis=None)


def test_ranks_of_one_picture_are_unknown():
    world = World(activities=24, seeds=1)
    table = ranks(simulate(world, np.random.default_rng(7)).judgement, names(world), INVERSION, RESAMPLING)
    assert len(table) == 72 and table[["shrunken", "rank", "rank_low"]].isna().all(axis=None)


def test_sign_test_counts_agreeing_blocks():
    agreeing = np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, 1.0], [-1.0, -1.0]])[:, :, None]
    p = sign_test(agreeing, Resampling(10, 20_000, 0.95, seed=0))
    sums = [(a, b, c, d) for a in (2, 0, -2) for b in (2, 0, -2) for c in (2, 0, -2) for d in (2, 0, -2)]
    chance = [np.prod([{2: 0.25, 0: 0.5, -2: 0.25}[value] for value in row]) for row in sums]
    expected = sum(chance[i] for i, row in enumerate(sums) if np.square(np.subtract(row, np.mean(row))).sum() >= 16)
    assert p == pytest.approx([expected, expected], abs=0.01)


def test_with_a_perfect_judge_shares_shrink_like_a_beta_binomial():
    rng = np.random.default_rng(8)
    counts = rng.binomial(10, rng.beta(3, 5, 400))
    judgement = judge(np.column_stack([counts, 10 - counts]), np.tile(200 * np.eye(2, dtype=int), (400, 1, 1)))
    table = ranks(judgement, [f"a{i}" for i in range(400)], INVERSION, RESAMPLING).query("group == 'young'")
    mean, variance = counts.mean() / 10, (counts / 10).var(ddof=1)
    between = (variance - mean * (1 - mean) / 10) / 0.9
    prior = mean * (1 - mean) / between - 1
    error = table["shrunken"].to_numpy() - (counts + prior * mean) / (10 + prior)
    assert np.abs(error).max() < 0.03 and abs(error.mean()) < 0.002
    assert np.corrcoef(table["rank"], -counts)[0, 1] > 0.95


@pytest.mark.parametrize(("noise", "gain"), [(0.06, 0.75), (np.inf, 1.05)])
def test_a_readout_halves_the_pictures_and_a_worthless_one_does_no_harm(noise, gain):
    """Its levels are shrunk, as those of a denoiser are; level, slope and worth are learned from the pictures."""
    world, rng = World(concentration=MODERATE, accuracy=0.95, seeds=8), np.random.default_rng(12)
    errors, covered, ranked = np.empty((12, 2)), [], []
    for number in range(12):
        study = simulate(world, rng)
        read = 0.2 * np.array([0.2, 0.5, 0.3]) + 0.7 * study.shares + rng.normal(0, 0.06, study.shares.shape)
        read[3] = np.nan
        if np.isinf(noise):
            read = rng.dirichlet(np.ones(3), len(read))
        for column, readout in enumerate((None, read)):
            table = ranks(study.judgement, names(world), INVERSION, RESAMPLING, readout)
            shrunken, low, high = (table[name].to_numpy().reshape(-1, 3) for name in ("shrunken", "low", "high"))
            errors[number, column] = np.abs(shrunken - study.shares).mean()
        covered.append((low <= study.shares) & (study.shares <= high))
        order = stats.rankdata(-study.shares, axis=0)
        first, last = (table[name].to_numpy().reshape(-1, 3) for name in ("rank_low", "rank_high"))
        ranked.append((first <= order) & (order <= last))
    assert errors[:, 1].mean() < gain * errors[:, 0].mean()
    assert np.mean(covered) > 0.92 and np.mean(ranked) > 0.9


def test_shrunken_shares_and_ranks_cover_and_err_less():
    rng, world = np.random.default_rng(9), World(concentration=MODERATE, activities=24, seeds=8)
    covered, ranked, error, plain = [], [], [], []
    for _ in range(40):
        study = simulate(world, rng)
        table = ranks(study.judgement, names(world), INVERSION, RESAMPLING)
        truth, order = study.shares.ravel(), (-study.shares).argsort(0).argsort(0).ravel() + 1
        covered.append(((table["low"] <= truth) & (truth <= table["high"])).mean())
        ranked.append(((table["rank_low"] <= order) & (order <= table["rank_high"])).mean())
        error.append(np.abs(table["shrunken"] - truth).mean())
        inversion, _ = correction(study.judgement, INVERSION)
        plain.append(np.abs(inversion.shares(np.eye(24, dtype=bool)).ravel() - truth).mean())
    # Empirical Bayes intervals of shares are a little short with so few activities; those of ranks are not.
    assert np.mean(covered) > 0.85 and np.mean(ranked) > 0.91
    assert np.mean(error) < 0.85 * np.mean(plain)


def test_without_a_stereotype_no_activity_has_a_rank_of_its_own():
    world = World(activities=24, seeds=16)
    table = ranks(simulate(world, np.random.default_rng(10)).judgement, names(world), INVERSION, RESAMPLING)
    assert (table["rank_high"] - table["rank_low"] > 12).mean() > 0.9


def test_draws_repeat():
    study = simulate(World(activities=24, seeds=8, concentration=MODERATE), np.random.default_rng(11))
    for work in (lean, stereotype):
        assert work(study.judgement, INVERSION, RESAMPLING).equals(work(study.judgement, INVERSION, RESAMPLING))
    first, second = (ranks(study.judgement, names(World(activities=24)), EMQ, RESAMPLING) for _ in range(2))
    assert first.equals(second)
