"""Shares by an imperfect judge: known answers, and intervals that cover in simulated studies whose shares are known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.judges.worlds import ALIKE, MEANS, MODERATE, STRONG, World, simulate
from untold.judges import shares
from untold.judges.inversion import SAMPLE, THESE, Inversion, Variance, moments, uncorrected, weights
from untold.judges.judgement import Judgement
from untold.judges.stereotype import stereotype
from untold.statistics.resampling import Resampling, wilson

RESAMPLING = Resampling(200, 199, 0.95, seed=0)
CORRECTED = [shares.INVERSION, shares.EMQ]
GROUPS = ("young", "middle", "older")


def judge(neutral, marked):
    """A judgement whose pictures have probability 1 for one group: counts (A, G) and (A, G, G) of calls."""
    neutral, marked = np.asarray(neutral), np.asarray(marked)
    k = neutral.shape[-1]
    activity, called = (np.repeat(index.ravel(), neutral.ravel()) for index in np.indices(neutral.shape))
    cells = [np.repeat(index.ravel(), marked.ravel()) for index in np.indices(marked.shape)]
    return Judgement(
        GROUPS[:k], np.eye(k)[called], activity, np.eye(k)[cells[2]], cells[0], np.zeros(len(cells[0]), int), cells[1]
    )


def tabulate(judgement, categories=None):
    names = [f"a{i}" for i in range(judgement.activities)]
    return shares.shares(judgement, names, categories or ["work"] * len(names), RESAMPLING)


def one(table, estimator, level="overall", population=THESE):
    where = (table["estimator"] == estimator) & (table["level"] == level) & (table["population"] == population)
    return table[where]


PERFECT = np.tile(4 * np.eye(3, dtype=int), (24, 1, 1))


def test_a_judge_without_errors_counts():
    neutral = np.tile([[3, 2, 0], [5, 0, 0]], (12, 1))
    table = tabulate(judge(neutral, PERFECT))
    for estimator in shares.ESTIMATORS:
        assert one(table, estimator)["estimate"].to_numpy() == pytest.approx([0.8, 0.2, 0])
        first = one(table, estimator, "activity").query("activity_id == 'a0'")
        assert first["estimate"].to_numpy() == pytest.approx([0.6, 0.4, 0])
        assert (first["n"] == 5).all()


def test_the_correction_inverts_the_confusion():
    # Ten marked pictures of each group: rows of the confusion matrix are 0.8/0.2/0, 0.1/0.8/0.1 and 0/0.3/0.7.
    marked = np.tile([[8, 2, 0], [1, 8, 1], [0, 3, 7]], (24, 1, 1))
    truth = np.array([0.5, 0.3, 0.2])
    neutral = np.tile((100 * truth @ (marked[0] / 10)).round().astype(int), (24, 1))
    table = tabulate(judge(neutral, marked))
    assert one(table, shares.COUNTS)["estimate"].to_numpy() == pytest.approx([0.43, 0.40, 0.17])
    for estimator in CORRECTED:
        assert one(table, estimator)["estimate"].to_numpy() == pytest.approx(truth, abs=1e-6)


def test_the_table_has_every_level_and_adds_up():
    study = simulate(World(activities=24, seeds=8), np.random.default_rng(3))
    table = tabulate(study.judgement, ["home", "work", "play"] * 8)
    assert list(table) == list(shares.COLUMNS)
    counts = table.groupby(["level", "population"]).size() / (3 * len(shares.ESTIMATORS))
    assert counts.to_dict() == {
        ("overall", SAMPLE): 1,
        ("overall", THESE): 1,
        ("category", SAMPLE): 3,
        ("category", THESE): 3,
        ("activity", THESE): 24,
    }
    sums = table.groupby(["estimator", "level", "activity_id", "population"])["estimate"].sum()
    assert sums.to_numpy() == pytest.approx(1)
    assert not table.duplicated(["estimator", "level", "activity_id", "group", "population"]).any()
    assert set(one(table, shares.INVERSION, "category")["activity_id"]) == {"home", "work", "play"}
    assert set(table.loc[table["level"] == "overall", "activity_id"]) == {""}
    assert table.groupby("level")["n"].first().to_dict() == {"activity": 8, "category": 64, "overall": 192}
    shown = table.dropna(subset="low")
    assert ((shown["low"] <= shown["estimate"]) & (shown["estimate"] <= shown["high"])).all()
    assert shown[["low", "high"]].stack().between(0, 1).all()
    assert (table["note"].eq("") == table["low"].notna()).all()


def test_an_interval_at_zero_has_a_width():
    table = tabulate(judge(np.tile([6, 0, 0], (24, 1)), PERFECT))
    for estimator in CORRECTED:
        assert (one(table, estimator)["high"] > 0.01).all() and (one(table, estimator)["low"] < 1).all()
        assert one(table, estimator, "activity")["high"].min() > 0.3


def test_one_activity_uncorrected_has_wilsons_interval_with_a_student_quantile():
    table = one(tabulate(judge(np.tile([400, 300, 300], (24, 1)), PERFECT)), shares.COUNTS, "activity")
    low, high = wilson([400, 300, 300], [1000] * 3)
    assert table["low"].to_numpy()[:3] == pytest.approx(low, abs=2e-4)
    assert table["high"].to_numpy()[:3] == pytest.approx(high, abs=2e-4)


def test_the_variance_over_activities_is_the_jackknife_of_neutral_and_marked_pictures():
    study = simulate(World(activities=40, accuracy=0.8, concentration=MODERATE), np.random.default_rng(4))
    inversion, _ = shares.correction(study.judgement, shares.INVERSION)
    everything = np.ones((1, 40), bool)
    variance = Variance(inversion, everything, np.eye(3)).over_activities[0]
    left_out = []
    for activity in range(40):
        kept = np.arange(40) != activity
        confusion = inversion.marked.mean[kept].mean(0)
        left_out.append(np.linalg.solve(confusion.T, inversion.neutral.mean[kept].mean(0)))
    jackknife = 39 / 40 * ((left_out - np.mean(left_out, 0)) ** 2).sum(0)
    assert variance == pytest.approx(jackknife, rel=0.1)


def test_a_correction_costs_certainty():
    study = simulate(World(accuracy=0.7, marked_seeds=1), np.random.default_rng(5))
    table = tabulate(study.judgement)
    width = {name: (one(table, name)["high"] - one(table, name)["low"]).mean() for name in shares.ESTIMATORS}
    assert width[shares.INVERSION] > 1.5 * width[shares.PROBABILITIES]


def test_few_marked_pictures_widen_the_interval():
    def width(marked_seeds):
        study = simulate(World(accuracy=0.7, marked_seeds=marked_seeds), np.random.default_rng(6))
        rows = one(tabulate(study.judgement), shares.INVERSION)
        return (rows["high"] - rows["low"]).mean()

    assert width(1) > 1.2 * width(16)


@pytest.mark.parametrize(
    ("world", "level", "population", "note"),
    [
        (World(activities=24, seeds=1), "overall", THESE, shares.ONE_SEED),
        (World(activities=24, seeds=1), "activity", THESE, shares.FEW_PICTURES),
        (World(activities=24, seeds=1), "overall", SAMPLE, ""),
        (World(activities=12, seeds=8), "overall", SAMPLE, shares.FEW_ACTIVITIES),
        (World(activities=12, seeds=8), "overall", THESE, ""),
        (World(activities=12, seeds=3), "activity", THESE, shares.FEW_PICTURES),
        (
            World(activities=24, accuracy=1 / 3, judge_concentration=1e6, marked_seeds=64),
            "overall",
            THESE,
            shares.INDISTINCT,
        ),
    ],
)
def test_what_cannot_be_said_is_named(world, level, population, note):
    rows = one(tabulate(simulate(world, np.random.default_rng(7)).judgement), shares.INVERSION, level, population)
    assert (rows["note"] == note).all()
    assert rows["low"].isna().all() == rows["high"].isna().all() == bool(note)
    assert rows["estimate"].isna().all() == (note == shares.INDISTINCT)


def test_an_activity_without_a_neutral_picture_does_not_count():
    neutral = np.tile([3, 2, 0], (24, 1))
    neutral[5] = 0
    table = tabulate(judge(neutral, PERFECT))
    assert one(table, shares.INVERSION)["estimate"].to_numpy() == pytest.approx([0.6, 0.4, 0])
    missing = one(table, shares.INVERSION, "activity").query("activity_id == 'a5'")
    assert missing["estimate"].isna().all() and (missing["note"] == shares.NO_PICTURE).all()


def test_a_group_without_a_marked_picture_prevents_the_correction():
    marked = PERFECT.copy()
    marked[:, 2] = 0
    table = tabulate(judge(np.tile([3, 2, 0], (24, 1)), marked))
    assert (one(table, shares.EMQ)["note"] == shares.NO_MARKED).all()
    assert one(table, shares.COUNTS)["low"].notna().all()


def test_an_unevenly_missing_marked_picture_does_not_prevent_it():
    study = simulate(World(activities=24), np.random.default_rng(8))
    kept = np.random.default_rng(8).random(len(study.judgement.truth)) < 0.4
    parts = {
        name: getattr(study.judgement, name)[kept] for name in ("marked", "marked_activity", "marked_seed", "truth")
    }
    table = tabulate(replace(study.judgement, **parts))
    assert one(table, shares.INVERSION)["estimate"].to_numpy() == pytest.approx(study.shares.mean(0), abs=0.12)
    assert table["low"].notna().all()


def test_emq_reaches_the_highest_likelihood():
    rng = np.random.default_rng(9)
    probabilities = rng.dirichlet([0.5, 0.5, 0.5], 400) * [3, 1, 0.5]
    probabilities /= probabilities.sum(1, keepdims=True)
    best = shares.expectation_maximization(probabilities, np.ones(400), iterations=5000, tolerance=1e-12)
    likelihood = np.log(probabilities @ best).sum()
    for other in rng.dirichlet(200 * best + 0.1, 200):
        assert np.log(probabilities @ other).sum() <= likelihood + 1e-9


def test_emq_errs_less_than_inversion_where_a_group_is_rare():
    error = {name: [] for name in CORRECTED}
    rng = np.random.default_rng(10)
    for _ in range(20):
        study = simulate(World("lopsided", accuracy=0.8), rng)
        for name in CORRECTED:
            inversion, _ = shares.correction(study.judgement, name)
            estimate = shares.intervals(inversion, "", np.ones((1, 48), bool), THESE, 0.95)[0]
            error[name].append(np.abs(estimate - study.shares.mean(0)).mean())
    assert np.mean(error[shares.EMQ]) < np.mean(error[shares.INVERSION]) < 0.05


def test_taken_at_their_word_scores_are_their_own_shares():
    study = simulate(World(activities=24), np.random.default_rng(11))
    neutral, _ = moments(study.judgement, study.judgement.neutral, study.judgement.marked)
    inversion = uncorrected(neutral)
    assert inversion.shares(np.ones((1, 24), bool))[0] == pytest.approx(neutral.mean.mean(0))
    assert 0 < inversion.dispersion < 1


WORLDS = {
    "balanced": World(activities=24, seeds=8),
    "lopsided, activities differ": World("lopsided", STRONG, 0.99, activities=24, seeds=16),
    "a group absent, a poor judge": World("absent", MODERATE, 0.7, activities=24, seeds=4),
    "two groups, one marked picture": World("two lopsided", MODERATE, 0.9, activities=24, seeds=4, marked_seeds=1),
    "balanced, a hopeless judge": World(accuracy=0.6, activities=24, seeds=32),
}


@pytest.mark.parametrize("name", WORLDS)
def test_intervals_cover(name):
    world, rng = WORLDS[name], np.random.default_rng(12)
    domains = np.vstack([np.ones((1, world.activities), bool), np.eye(world.activities, dtype=bool)])
    covered = {(estimator, what): [] for estimator in CORRECTED for what in (SAMPLE, THESE, "one")}
    for _ in range(120):
        study = simulate(world, rng)
        for estimator in CORRECTED:
            correction = shares.correction(study.judgement, estimator)
            for population, part in ((SAMPLE, domains[:1]), (THESE, domains)):
                _, low, high, note = shares.intervals(*correction, part, population, 0.95)
                truth = weights(part) @ study.shares if population == THESE else np.array([MEANS[world.mean]])
                inside = (low <= truth + 1e-9) & (truth - 1e-9 <= high)
                if not note[0]:
                    covered[estimator, population].append(inside[0].mean())
                    covered[estimator, "one"] += [inside[1:].mean()] if len(part) > 1 else []
    # Three standard errors of 120 studies below 0.92; groups share their studies.
    assert min(np.mean(values) for values in covered.values()) > 0.90, {k: np.mean(v) for k, v in covered.items()}
    assert np.mean([np.mean(values) for values in covered.values()]) > 0.94


@pytest.mark.parametrize("concentration", [ALIKE, MODERATE])
def test_noise_that_activities_share_is_counted(concentration):
    """A few seeds that draw everybody young are no evidence about others; without them intervals are too narrow."""
    world, rng = World("balanced", concentration, activities=48, seeds=8, shared=0.3), np.random.default_rng(15)
    everything = np.ones((1, world.activities), bool)
    covered = {True: [], False: []}
    for _ in range(150):
        study = simulate(world, rng).judgement
        for counted in covered:
            judged = study if counted else replace(study, shared_seed=None)
            correction = shares.correction(judged, shares.INVERSION)
            _, low, high, _ = shares.intervals(*correction, everything, SAMPLE, 0.95)
            covered[counted].append(((low <= 1 / 3) & (high >= 1 / 3)).mean())
    assert np.mean(covered[True]) > 0.93
    assert np.mean(covered[False]) < 0.9


def test_one_seed_that_all_activities_share_says_that_it_has_no_interval():
    study = simulate(World(activities=24, seeds=1, shared=0.3), np.random.default_rng(16))
    table = tabulate(study.judgement)
    assert set(table.query("level != 'activity'")["note"]) == {shares.ONE_NOISE}
    assert table.query("level != 'activity'")["low"].isna().all()
    assert stereotype(study.judgement, shares.INVERSION, RESAMPLING)["p"].isna().all()


def test_uncorrected_counts_of_a_poor_judge_do_not_cover_the_truth():
    """What the correction is for: the test that `test_intervals_cover` can fail."""
    rng, missed = np.random.default_rng(13), 0
    for _ in range(20):
        study = simulate(World("lopsided", accuracy=0.7, activities=24), rng)
        rows = one(tabulate(study.judgement), shares.COUNTS)
        missed += (rows["low"].iloc[0] > study.shares[:, 0].mean()) or (
            rows["high"].iloc[0] < study.shares[:, 0].mean()
        )
    assert missed == 20


def test_order_of_pictures_changes_nothing():
    study = simulate(World(activities=24, seeds=4), np.random.default_rng(14))
    order = np.random.default_rng(0).permutation(len(study.judgement.neutral))
    shuffled = replace(
        study.judgement,
        neutral=study.judgement.neutral[order],
        neutral_activity=study.judgement.neutral_activity[order],
    )
    first, second = tabulate(study.judgement), tabulate(shuffled)
    pd.testing.assert_frame_equal(first, second, rtol=1e-9)


def test_every_activity_needs_a_name():
    judgement = judge(np.tile([3, 2, 0], (24, 1)), PERFECT)
    with pytest.raises(ValueError, match="24 activities have 1 names"):
        shares.shares(judgement, ["a"], ["work"], RESAMPLING)


def test_a_singular_confusion_has_an_infinite_condition():
    inversion = Inversion(
        *moments(judge(np.ones((2, 2), int), [[[1, 0], [0, 0]]] * 2), np.eye(2)[[0, 1, 0, 1]], np.eye(2)[[0, 0]])
    )
    assert np.isinf(inversion.condition)
